// The threads of an earlier visit. A page shows them until everything is loaded, which may take long without a network.
// Events do not change them.

export class LastState {
  /** @type {import('../chat-client.js').Thread[]} */ #threads = [];

  /** @param {import('../chat-client.js').Thread[]} threads newest first */
  restore(threads) {
    this.#threads = threads.map(thread => ({ ...thread, typing: false }));
  }

  /** Drops them, when everything is loaded. */
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

  /** Finds a message and its thread, by the message's id. */
  find(key) {
    for (const thread of this.#threads) {
      const message = thread.messages.find(({ id }) => id === key);
      if (message) return { thread, message };
    }
    return undefined;
  }
}
