// A cache of objects of the server by key: it requests them in batches, and the server's events keep them current.

/** For how long keys are collected for one request, in ms. */
const GATHER = 20;

/** @template {object} T */
export class Known {
  /** The cached values by key; null where the server has none. @type {Map<any, T | null>} */ #held = new Map();
  /** Keys to request. */ #wanted = new Set();
  /** Keys that are being requested, unless an event has given their value meanwhile. */ #asked = new Set();
  /** @type {any} */ #asking;
  #source;

  /**
   * @param {object} source
   * @param {number} source.atOnce how many keys a request may have
   * @param {(keys: any[]) => Promise<{ values: [key: any, value: T][], more: boolean }>} source.ask `more`: the answer had no room for all keys
   * @param {() => boolean} source.online
   * @param {(key: any, value: T | null) => void} source.tell is called with each value that is new or has changed
   */
  constructor(source) {
    this.#source = source;
  }

  /** Returns the cached value, and requests nothing. */
  held(key) {
    return this.#held.get(key);
  }

  /** Returns the cached value; if there is none, requests it. */
  get(key) {
    if (!this.#held.has(key) && !this.#asked.has(key)) this.want(key);
    return this.#held.get(key);
  }

  /** Requests a value soon, whether it is cached or not. */
  want(key) {
    this.#wanted.add(key);
    this.begin();
  }

  /** Caches a value that the server has given. @param {any} key @param {Partial<T> | null} value */
  take(key, value) {
    this.#wanted.delete(key);
    this.#asked.delete(key);
    const before = this.#held.get(key);
    const now = value && /** @type {T} */ ({ ...before, ...value });
    if (before !== undefined && JSON.stringify(now) === JSON.stringify(before)) return;
    this.#held.set(key, now);
    this.#source.tell(key, now);
  }

  /** Marks all cached keys to be requested again: the server does not repeat the events of the time without a connection. */
  hungUp() {
    for (const key of this.#held.keys()) this.#wanted.add(key);
  }

  /** Requests the wanted keys soon, if there is a connection. */
  begin() {
    if (this.#wanted.size) this.#asking ??= setTimeout(() => this.#ask().finally(() => (this.#asking = undefined)), GATHER);
  }

  async #ask() {
    while (this.#wanted.size && this.#source.online()) {
      const keys = [...this.#wanted].slice(0, this.#source.atOnce);
      for (const key of keys) this.#wanted.delete(key), this.#asked.add(key);
      /** @type {any} */ let failed;
      const answer = await this.#source.ask(keys).catch(error => ((failed = error), undefined));
      const values = new Map(answer?.values);
      for (const key of keys.filter(key => this.#asked.delete(key))) {
        if (answer && (values.has(key) || !answer.more)) this.take(key, values.get(key) ?? null);
        else if (answer || failed.temporary) this.#wanted.add(key);
        else if (!this.#held.has(key)) this.take(key, null); // an older server does not know the request
      }
      if (failed) return; // the rest waits for the next connection, or for the next `get()` of a missing key
    }
  }
}
