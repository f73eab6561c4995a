// The identity of a tab, for one user. Its name survives a reload, and other tabs can find out whether the tab still exists.

import { sleep } from './time.js';

const KEY = 'softadastra-chat tab';

/** How long a tab may be away for a reload, in ms. */
const RELOAD = 2000;

/** How long to wait for another tab's answer in a browser without locks, in ms. */
const ANSWER = 500;

const locks = () => globalThis.navigator?.locks;
const random = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;

export class Tab {
  /** Its name, once it is claimed. */
  id;

  #account;
  #channel;
  #here = new Set();
  #release;

  /** @param {string} account @param {() => void} changed another tab has changed something @param {(news: any) => void} heard */
  constructor(account, changed, heard) {
    this.#account = account;
    this.#channel = globalThis.BroadcastChannel && new BroadcastChannel(account);
    if (this.#channel) this.#channel.onmessage = ({ data }) => {
      if (data?.where) return void (data.where === this.id && this.tell({ here: this.id }));
      if (data?.here) return void this.#here.add(data.here);
      if (data?.settled) heard(data);
      changed();
    };
    // The channel must not keep a Node process alive.
    /** @type {any} */ (this.#channel)?.unref?.();
  }

  /** Takes the name that this tab had before a reload, or a new one if a duplicate of this tab has it. */
  async claim() {
    let kept;
    try {
      kept = sessionStorage.getItem(KEY);
    } catch {}
    // The previous page of this tab may take a moment to end.
    this.id = kept && (!locks() || (await this.#hold(kept, 1000))) ? kept : random();
    if (this.id !== kept) {
      if (locks()) await this.#hold(this.id, 1000);
      try {
        sessionStorage.setItem(KEY, this.id);
      } catch {}
    }
    return this;
  }

  /** Holds a name's lock until the tab ends, or `close()`. */
  #hold(id, within) {
    return new Promise(held => {
      const kept = new Promise(release => (this.#release = release));
      locks().request(this.#lock(id), { signal: AbortSignal.timeout(within) }, () => (held(true), kept)).catch(() => held(false));
    });
  }

  #lock(id) {
    return `${this.#account} tab ${id}`;
  }

  /** Tells whether a tab has ended for good, and is not just reloading. In a browser with locks, waits until the tab ends. */
  async ended(id) {
    if (locks()) await locks().request(this.#lock(id), () => {});
    else if (await this.#lives(id)) return false;
    await sleep(RELOAD);
    return !(await this.#lives(id));
  }

  async #lives(id) {
    if (locks()) return (await locks().query()).held?.some(lock => lock.name === this.#lock(id));
    this.#here.delete(id);
    this.tell({ where: id });
    await sleep(ANSWER);
    return this.#here.has(id);
  }

  /** Runs work that only one tab at a time may do. */
  alone(what, work) {
    return locks() && this.#channel ? locks().request(`${this.#account} ${what}`, work) : work();
  }

  tell(news) {
    this.#channel?.postMessage(news);
  }

  close() {
    this.#release?.();
    this.#channel?.close();
    this.#channel = undefined;
  }
}
