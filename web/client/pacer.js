// When the next one may go: all conversations together, by the server's rate, by how many may be under way, and by its
// refusals.

import { now } from './time.js';

/** How many seconds of the rate may go at once. The server takes more, but other devices send, too. */
const BURST = 2;

/** How long all wait after one refusal, in ms; each further one in a row doubles it. */
const PAUSE = 2000;

export class Pacer {
  #rate = Infinity;
  #most = 1;
  #window = 1;
  #flying = 0;
  #tokens; // none until the rate is known
  #filled = now();
  #until = 0;
  #refusals = 0;
  #queue = [];
  #timer;
  #turn = 0;
  /** Lets one at a time go, while it is not known which one ended a connection. */
  careful = false;

  /** A connection has begun: nothing is under way. @param {any} limits */
  begin({ rate, in_flight } = {}) {
    this.#rate = rate || Infinity;
    // The connection's own questions have room beside.
    this.#most = Math.max(1, (in_flight || 4) - 2);
    this.#window = this.#refusals ? 1 : this.#most;
    // The server counts over reconnects, too.
    this.#tokens = Math.min(this.#tokens ?? Infinity, this.#burst);
  }

  /** A connection has ended: every call that waits is told so. */
  end() {
    this.#turn++;
    this.#flying = 0;
    clearTimeout(this.#timer);
    for (const go of this.#queue.splice(0)) go(undefined);
  }

  get #burst() {
    return Math.max(1, this.#rate * BURST);
  }

  /** Waits until one may go. Gives what to call when it is answered; nothing, if the connection has ended. */
  next() {
    return new Promise((/** @type {(release: undefined | (() => void)) => void} */ go) => {
      this.#queue.push(go);
      this.#pump();
    });
  }

  #pump() {
    clearTimeout(this.#timer);
    while (this.#queue.length && this.#flying < (this.careful ? 1 : this.#window)) {
      const wait = this.#wait();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#pump(), wait);
        return;
      }
      this.#tokens--;
      this.#flying++;
      this.#queue.shift()(this.#release());
    }
  }

  #wait() {
    const time = now();
    if (this.#rate !== Infinity) this.#tokens = Math.min(this.#burst, this.#tokens + ((time - this.#filled) / 1000) * this.#rate);
    else this.#tokens = 1; // there is no rate
    this.#filled = time;
    const filling = this.#tokens < 1 ? ((1 - this.#tokens) / this.#rate) * 1000 : 0;
    return Math.max(filling, this.#until - time);
  }

  #release() {
    const turn = this.#turn;
    return () => {
      if (turn !== this.#turn) return;
      this.#flying--;
      this.#pump();
    };
  }

  /** One was taken. */
  taken() {
    this.#refusals = 0;
    this.#window = Math.min(this.#most, this.#window * 2);
  }

  /** Whether one was refused, and none taken since. */
  get slow() {
    return this.#refusals > 0;
  }

  /**
   * One was refused for now. It may be alone in that: so all wait a little (`most` ms), and longer each time that it happens
   * again before one is taken; then one goes alone.
   */
  refused(after = 0, most = PAUSE) {
    const pause = Math.min(after, most * 2 ** this.#refusals++);
    this.#until = Math.max(this.#until, now() + pause);
    this.#tokens = Math.min(this.#tokens, 0);
    this.#window = 1;
  }
}
