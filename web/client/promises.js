// What `send`, `edit` and `delete` have promised, by the entry's name. They outlive connections, and changes of the user.

export class Promises {
  #all = new Map();

  /** The promise that is still to be kept, or a new one. @returns {Promise<any>} */
  of(key) {
    let held = this.#all.get(key);
    if (!held) {
      held = {};
      held.promise = new Promise((done, fail) => Object.assign(held, { done, fail }));
      // Its failure is told by the outbox, too: not every caller waits for it.
      held.promise.catch(() => {});
      this.#all.set(key, held);
    }
    return held.promise;
  }

  done(key, value) {
    this.#all.get(key)?.done(value);
    this.#all.delete(key);
  }

  fail(key, error) {
    this.#all.get(key)?.fail(error);
    this.#all.delete(key);
  }
}
