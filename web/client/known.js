// Things that the server knows by a key: asked for in batches, and kept current by what it tells.

/** For how long questions are gathered, in ms. */
const GATHER = 20;

/** @template {object} T */
export class Known {
  /** By key; null where the server knows nothing. @type {Map<any, T | null>} */ #held = new Map();
  /** Keys that are to be asked for. */ #wanted = new Set();
  /** Keys that are being asked for, and that nothing was told of meanwhile. */ #asked = new Set();
  /** @type {any} */ #asking;
  #source;

  /**
   * @param {object} source
   * @param {number} source.atOnce how many keys a question may have
   * @param {(keys: any[]) => Promise<{ values: [key: any, value: T][], more: boolean }>} source.ask `more`: an answer had no room for all
   * @param {() => boolean} source.online
   * @param {(key: any, value: T | null) => void} source.tell is called with what is new, or another one
   */
  constructor(source) {
    this.#source = source;
  }

  /** What is held, without a question. */
  held(key) {
    return this.#held.get(key);
  }

  /** What is held; where that is nothing, it is asked for. */
  get(key) {
    if (!this.#held.has(key) && !this.#asked.has(key)) this.want(key);
    return this.#held.get(key);
  }

  /** Asks soon, whatever is held. */
  want(key) {
    this.#wanted.add(key);
    this.begin();
  }

  /** Takes in what the server says. @param {any} key @param {Partial<T> | null} value */
  take(key, value) {
    this.#wanted.delete(key);
    this.#asked.delete(key);
    const before = this.#held.get(key);
    const now = value && /** @type {T} */ ({ ...before, ...value });
    if (before !== undefined && JSON.stringify(now) === JSON.stringify(before)) return;
    this.#held.set(key, now);
    this.#source.tell(key, now);
  }

  /** What changes while there is no connection is not told afterwards: all that is held is asked for again. */
  hungUp() {
    for (const key of this.#held.keys()) this.#wanted.add(key);
  }

  /** There is a connection: asks for what is wanted. */
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
        else if (!this.#held.has(key)) this.take(key, null); // an older server knows nothing
      }
      if (failed) return; // the rest waits for the next connection, or for the next one who asks
    }
  }
}
