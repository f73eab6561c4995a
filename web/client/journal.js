// Writes to IndexedDB that are not done when a page is unloaded, as by a reload: the browser aborts them. The page puts them
// into the tab's session storage, which is synchronous, and the tab's next page repeats them.

/** @typedef {{add?: any, delete?: number}} Write */

/** Keeps the unfinished writes of a database, except those with files, which session storage cannot hold. @param {string} name */
export function journal(name) {
  const key = `${name} unwritten`;
  /** @type {Set<Write>} */ const writes = new Set();
  try {
    for (const write of JSON.parse(sessionStorage.getItem(key) ?? '[]')) writes.add(write);
    sessionStorage.removeItem(key);
  } catch {}
  globalThis.addEventListener?.('pagehide', () => {
    const left = [...writes].filter(({ add }) => !add?.images?.length);
    try {
      if (left.length) sessionStorage.setItem(key, JSON.stringify(left));
    } catch {}
  });
  globalThis.addEventListener?.('pageshow', ({ persisted }) => persisted && sessionStorage.removeItem(key));
  return {
    /** The unfinished writes of the page before. */ left: [...writes],
    /** Keeps a write until it is done. @template T @param {Write} write @param {Promise<T>} done */
    async until(write, done) {
      writes.add(write);
      try {
        return await done;
      } finally {
        writes.delete(write);
      }
    },
    /** Removes a write that was left, and is done now. @param {Write} write */
    settled: write => void writes.delete(write),
  };
}
