// Where unsent messages are kept: on disk, or in memory where there is none. One table, in the order of writing.

/** @typedef {{n?: number} & Record<string, any>} Entry */

/**
 * @typedef {object} Store
 * @property {() => Promise<Entry[]>} all
 * @property {(entry: Entry) => Promise<number>} add gives the entry's place
 * @property {(n: number, change: (entry: Entry) => Entry | undefined) => Promise<Entry | undefined>} update
 *   changes an entry where it stands, with no other write between; nothing, if it is gone or `change` gives nothing
 * @property {(n: number) => Promise<void>} delete
 */

/** Opens a database of the browser. @returns {Promise<Store>} */
export async function disk(factory, name) {
  const result = asked => new Promise((done, fail) => {
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  const opening = factory.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('outbox', { keyPath: 'n', autoIncrement: true });
  const db = await result(opening);
  const table = () => db.transaction('outbox', 'readwrite').objectStore('outbox');
  return {
    all: () => result(table().getAll()),
    add: entry => result(table().add(entry)),
    async update(n, change) {
      const within = table();
      return new Promise((done, fail) => {
        const asked = within.get(n);
        asked.onerror = () => fail(asked.error);
        asked.onsuccess = () => {
          const changed = asked.result && change(asked.result);
          if (!changed) return done(undefined);
          result(within.put(changed)).then(() => done(changed), fail);
        };
      });
    },
    delete: n => result(table().delete(n)),
  };
}

/** Keeps entries for as long as the page lives. @returns {Store} */
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
