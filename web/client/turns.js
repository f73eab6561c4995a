// Who goes when there is not room for all at once.

export class Turns {
  #most;
  #going = 0;
  #queue = [];

  /** @param {number} most how many at a time */
  constructor(most) {
    this.#most = most;
  }

  /** Does something when it is its turn. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
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
