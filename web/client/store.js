// The store of unsent entries: in IndexedDB, or in memory where there is none. One table, in the order of writing.

import { journal } from './journal.js';

/** @typedef {{n?: number} & Record<string, any>} Entry */

/**
 * @typedef {object} Store
 * @property {() => Promise<Entry[]>} all
 * @property {(entry: Entry) => Promise<number>} add returns the entry's key
 * @property {(n: number, change: (entry: Entry) => Entry | undefined) => Promise<Entry | undefined>} update
 *   changes an entry in one transaction; undefined if it is gone, or if `change` returns undefined
 * @property {(n: number) => Promise<void>} delete
 */

/** Opens a database in IndexedDB. @returns {Promise<Store>} */
export async function disk(factory, name) {
  const result = asked => new Promise((done, fail) => {
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  const opening = factory.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('outbox', { keyPath: 'n', autoIncrement: true });
  const db = await result(opening);
  const table = () => db.transaction('outbox', 'readwrite').objectStore('outbox');
  /** Commits a transaction at once, and waits for it: the browser aborts unfinished ones when the page is unloaded. */
  const commit = (transaction, asked) => new Promise((done, fail) => {
    transaction.oncomplete = () => done(asked.result);
    transaction.onabort = () => fail(transaction.error);
    transaction.commit();
  });
  const { left, until, settled } = journal(name);
  const store = {
    all: () => result(table().getAll()),
    add(entry) {
      const within = table();
      return until({ add: entry }, commit(within.transaction, within.add(entry)));
    },
    async update(n, change) {
      const within = table();
      const kept = await result(within.get(n));
      const changed = kept && change(kept);
      if (!changed) return undefined;
      await commit(within.transaction, within.put(changed));
      return changed;
    },
    delete(n) {
      const within = table();
      return until({ delete: n }, commit(within.transaction, within.delete(n)));
    },
  };
  for (const write of left) {
    const { add, delete: n } = write;
    // The write may have been done nevertheless.
    const there = add && (await store.all()).some(({ temp_id }) => temp_id === add.temp_id);
    if (!there) await (n ? store.delete(n) : store.add(add)).catch(() => {}); // even if writing fails, the stored entries are shown
    settled(write);
  }
  return store;
}

/** Keeps entries in memory, until the page is unloaded. @returns {Store} */
export function memory() {
  const table = new Map();
  let last = 0;
  return {
    all: async () => [...table.values()].map(entry => ({ ...entry })),
    async add(entry) {
      table.set(++last, { ...entry, n: last });
      return last;
    },
    async update(n, change) {
      const changed = table.has(n) ? change({ ...table.get(n) }) : undefined;
      if (changed) table.set(n, changed);
      return changed;
    },
    async delete(n) {
      table.delete(n);
    },
  };
}
