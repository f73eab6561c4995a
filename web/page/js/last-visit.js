// Keeps the last state in IndexedDB, for a start without a network: the list of conversations, and the newest loaded messages of
// each. It is shown only to its user, and deleted when that user has signed out, or when another user comes and no tab of the
// first user is open.

const NAME = `softadastra-chat-last ${location.pathname}`;
/** How many conversations are kept, and how many messages of each. */
const [THREADS, MESSAGES] = [30, 50];
/** How long after a change the state is written, in ms: changes often come in groups. */
const SOON = 1000;

/** @typedef {import('../../chat-client.js').Thread} Thread */
/** @typedef {import('../../chat-client.js').ChatClient} ChatClient */

/**
 * Runs a request on the store; undefined if that fails, as in a browser without storage.
 * @param {IDBTransactionMode} mode @param {(table: IDBObjectStore) => IDBRequest} work @returns {Promise<any>}
 */
async function kept(mode, work) {
  try {
    const result = (/** @type {IDBRequest} */ asked) => new Promise((done, fail) => {
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => fail(asked.error);
    });
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('visits', { keyPath: 'user' });
    const db = await result(opening);
    try {
      return await result(work(db.transaction('visits', mode).objectStore('visits')));
    } finally {
      db.close();
    }
  } catch {
    return undefined;
  }
}

/** The name of the lock that every tab of a user holds. @param {number} user */
const lockOf = user => `${NAME} ${user}`;

/** Deletes a user's last state. @param {number} user */
export const forget = user => kept('readwrite', table => table.delete(user));

/**
 * Shows a user's last state, and keeps the present one.
 * @param {ChatClient} chat @param {number} me
 */
export async function lastVisit(chat, me) {
  let loaded = false;
  let over = false;
  /** @type {number | undefined} */ let writing;

  async function write() {
    writing = undefined;
    if (!loaded || over || chat.me !== me) return;
    const threads = (await chat.threads()).slice(0, THREADS).map(plain);
    if (over || chat.me !== me) return; // the user has signed out meanwhile
    await kept('readwrite', table => table.put({ user: me, threads }));
  }

  const soon = () => (writing ??= setTimeout(write, SOON));
  chat.on('thread', soon);
  chat.on('reset', () => {
    loaded = true;
    soon();
  });
  document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && write());
  chat.on('error', ({ code }) => {
    if (code !== 'unauthorized' && code !== 'other_user') return;
    over = true; // signed out
    chat.restore([]);
    forget(me);
  });

  navigator.locks?.request(lockOf(me), { mode: 'shared' }, () => new Promise(() => {}));
  const visit = await kept('readonly', table => table.get(me));
  if (visit && !loaded) chat.restore(visit.threads);
  for (const user of (await kept('readonly', table => table.getAllKeys())) ?? []) if (user !== me) leave(Number(user));
}

/** Deletes another user's last state, unless a tab of that user is open. @param {number} user */
function leave(user) {
  if (!navigator.locks) return forget(user);
  return navigator.locks.request(lockOf(user), { ifAvailable: true }, lock => lock && forget(user));
}

/** Returns what can be stored of a thread. @param {Thread} thread */
function plain(thread) {
  const messages = thread.messages.slice(-MESSAGES);
  const { filling, ...rest } = /** @type {any} */ (thread);
  return { ...rest, messages, low: Math.max(thread.low, messages[0]?.seq ?? 1), typing: false };
}
