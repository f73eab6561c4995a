// What the disk has not taken when a page goes, by a reload say: the browser gives that up. The tab's session storage takes it
// at once, and gives it back to the page that comes next.

/** @typedef {{add?: any, delete?: number}} Write */

/** Keeps the writes of a database. What holds files cannot be kept here. @param {string} name */
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
    /** What the page before has left. */ left: [...writes],
    /** Keeps a write until it is done. @template T @param {Write} write @param {Promise<T>} done */
    async until(write, done) {
      writes.add(write);
      try {
        return await done;
      } finally {
        writes.delete(write);
      }
    },
    /** What was left is on disk. @param {Write} write */
    settled: write => void writes.delete(write),
  };
}
