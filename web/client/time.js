// Clocks, waits, and what was when.

export const sleep = ms => new Promise(done => setTimeout(done, ms));

/** Milliseconds that never go back. */
export const now = () => performance.now();

/** Sorts what was active last to the front; of two of one time, the later one. */
export const newest = (a, b) => Date.parse(b.updated_at) - Date.parse(a.updated_at) || b.id - a.id;

/** The later of two times, as the server writes them. */
export const later = (a, b) => (Date.parse(a) > Date.parse(b) ? a : b);
