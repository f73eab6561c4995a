// A semaphore: limits how many pieces of work run at a time, first come, first served.

export class Turns {
  #most;
  #going = 0;
  #queue = [];

  /** @param {number} most how many run at a time */
  constructor(most) {
    this.#most = most;
  }

  /** Runs work when it is its turn. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  async run(work) {
    if (this.#going >= this.#most) await new Promise(go => this.#queue.push(go));
    else this.#going++;
    try {
      return await work();
    } finally {
      if (this.#queue.length) this.#queue.shift()();
      else this.#going--;
    }
  }
}
