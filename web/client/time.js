// Clocks, waits, and what was when.

export const sleep = ms => new Promise(done => setTimeout(done, ms));

/** Milliseconds that never go back. */
export const now = () => performance.now();

/** Sorts what was active last to the front. */
export const newest = (a, b) => (a.updated_at < b.updated_at ? 1 : -1);
