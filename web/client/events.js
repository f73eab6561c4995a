// The listeners of events.

export class Events {
  #listeners = {};

  on(name, listener) {
    const all = (this.#listeners[name] ??= new Set());
    all.add(listener);
    return () => all.delete(listener);
  }

  async *stream(name) {
    const queue = [];
    let wake;
    const off = this.on(name, (...args) => (queue.push(args), wake?.()));
    try {
      for (;;) {
        while (queue.length) yield queue.shift();
        await new Promise(done => (wake = done));
      }
    } finally {
      off();
    }
  }

  emit(name, ...args) {
    for (const listener of this.#listeners[name] ?? []) {
      try {
        listener(...args);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    }
  }
}
