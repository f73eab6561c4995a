// Clocks, pauses, and the order of times.

export const sleep = ms => new Promise(done => setTimeout(done, ms));

/** Milliseconds that never go back. */
export const now = () => performance.now();

/** Compares by `updated_at`, then by `id`, newest first. */
export const newest = (a, b) => Date.parse(b.updated_at) - Date.parse(a.updated_at) || b.id - a.id;

/** The later of two times in the server's format (RFC 3339). */
export const later = (a, b) => (Date.parse(a) > Date.parse(b) ? a : b);
