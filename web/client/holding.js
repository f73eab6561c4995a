// Entries that a paused tab holds back; another tab adopts them when that tab has ended for good.

import { ChatError } from './errors.js';

/** @typedef {import('./outbox.js').Entry} Entry */

export class Holding {
  #client;
  #of;
  #done = Promise.resolve();

  /**
   * @param {any} client
   * @param {object} of parts of the outbox
   * @param {() => Iterable<Entry>} of.entries
   * @param {() => Promise<import('./store.js').Store>} of.store
   * @param {() => import('./tab.js').Tab | undefined} of.tab this one
   * @param {() => Promise<void>} of.pull reads the stored entries again
   */
  constructor(client, of) {
    this.#client = client;
    this.#of = of;
  }

  /** Marks this tab's entries as held while it is paused, so that no other tab sends them; and clears the mark afterwards. */
  hold() {
    this.#done = this.#done.then(() => this.#watched(async () => {
      const { entries, store, tab } = this.#of;
      const kept = await store();
      const held = this.#client.paused();
      for (const entry of entries()) {
        if (entry.n && entry.tab === tab()?.id && !!entry.held !== held) {
          entry.held = held;
          await kept.update(entry.n, kept => ({ ...kept, held }));
        }
      }
      tab()?.tell({ changed: true });
    }));
  }

  /** Takes over the held entries of each other tab, as soon as that tab has ended for good. */
  adopt() {
    const tab = this.#of.tab();
    if (!tab) return;
    const others = new Set([...this.#of.entries()].filter(e => e.held && e.tab && e.tab !== tab.id).map(e => e.tab));
    for (const other of others) this.#watched(() => this.#takeOver(tab, other));
  }

  async #takeOver(tab, other) {
    if (!(await tab.ended(other))) return;
    const store = await this.#of.store();
    for (const entry of this.#of.entries()) {
      if (entry.tab === other && entry.n) await store.update(entry.n, kept => (kept.tab === other ? { ...kept, tab: tab.id, held: this.#client.paused() } : undefined));
    }
    tab.tell({ changed: true });
    await this.#of.pull();
  }

  #watched(work) {
    return work().catch(error => this.#client.emit('error', new ChatError('storage', String(error))));
  }
}
