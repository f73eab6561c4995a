// The promises of `send`, `edit` and `delete`, by the entry's `temp_id`. They outlive connections, and changes of the user.

export class Promises {
  #all = new Map();

  /** The pending promise of an entry, or a new one. @returns {Promise<any>} */
  of(key) {
    let held = this.#all.get(key);
    if (!held) {
      held = {};
      held.promise = new Promise((done, fail) => Object.assign(held, { done, fail }));
      // The outbox reports its failure, too, so a caller may ignore the promise.
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
