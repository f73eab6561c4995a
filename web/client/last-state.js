// What was held at an earlier visit: a page shows it until everything has been loaded, which may be long after, without a
// network. Nothing that comes in changes it.

export class LastState {
  /** @type {import('../chat-client.js').Thread[]} */ #threads = [];

  /** @param {import('../chat-client.js').Thread[]} threads newest first */
  restore(threads) {
    this.#threads = threads.map(thread => ({ ...thread, typing: false }));
  }

  /** Everything was loaded. */
  drop() {
    this.#threads = [];
  }

  /** All threads, if there are any. */
  get threads() {
    return this.#threads.length ? [...this.#threads] : undefined;
  }

  get(to) {
    const id = to?.id ?? to;
    return this.#threads.find(thread => thread.id === id || (to?.user != null && thread.other_user_id === +to.user));
  }

  /** A message, by its id, and where it is. */
  find(key) {
    for (const thread of this.#threads) {
      const message = thread.messages.find(({ id }) => id === key);
      if (message) return { thread, message };
    }
    return undefined;
  }
}
