// Decides when the next entry may be sent, over all conversations: by the server's rate, its limit of entries in flight, and
// its refusals.

import { now } from './time.js';

/** The burst, in seconds of the rate. The server allows more, but the user's other devices send, too. */
const BURST = 2;

/** How long all entries wait after a refusal, in ms; each further refusal in a row doubles it. */
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
  /** Whether to send one entry at a time, because one of several has made the server close a connection. */
  careful = false;

  /** Handles a new connection: nothing is in flight. @param {any} limits */
  begin({ rate, in_flight } = {}) {
    this.#rate = rate || Infinity;
    // Two are left for the client's other frames.
    this.#most = Math.max(1, (in_flight || 4) - 2);
    this.#window = this.#refusals ? 1 : this.#most;
    // The server's rate limit continues over reconnects.
    this.#tokens = Math.min(this.#tokens ?? Infinity, this.#burst);
  }

  /** Handles the end of a connection: every waiting `next()` resolves with undefined. */
  end() {
    this.#turn++;
    this.#flying = 0;
    clearTimeout(this.#timer);
    for (const go of this.#queue.splice(0)) go(undefined);
  }

  get #burst() {
    return Math.max(1, this.#rate * BURST);
  }

  /** Waits until an entry may be sent. Resolves with a function to call after the answer; undefined if the connection ends. */
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

  /** Notes an answer that is not a temporary refusal. */
  taken() {
    this.#refusals = 0;
    this.#window = Math.min(this.#most, this.#window * 2);
  }

  /** Whether the server's last answer was a temporary refusal. */
  get slow() {
    return this.#refusals > 0;
  }

  /**
   * Notes a temporary refusal. All entries wait, for at most `most` ms, which each further refusal in a row doubles; then
   * one is sent alone.
   */
  refused(after = 0, most = PAUSE) {
    const pause = Math.min(after, most * 2 ** this.#refusals++);
    this.#until = Math.max(this.#until, now() + pause);
    this.#tokens = Math.min(this.#tokens, 0);
    this.#window = 1;
  }
}
