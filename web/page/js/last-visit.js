// What was seen last, kept for a start without a network: the list, and the newest messages of each conversation that was open.
// It is there for the user it belongs to, and goes when they have signed out, or when another user comes and they are not here.

const NAME = `softadastra-chat-last ${location.pathname}`;
/** How many conversations are kept, and how many messages of each. */
const [THREADS, MESSAGES] = [30, 50];
/** How long after a change it is written, in ms: changes come in rows. */
const SOON = 1000;

/** @typedef {import('../../chat-client.js').Thread} Thread */
/** @typedef {import('../../chat-client.js').ChatClient} ChatClient */

/**
 * Does something with what is kept. Where the browser keeps nothing, nothing is done.
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

/** The lock that every tab of a user holds. @param {number} user */
const lockOf = user => `${NAME} ${user}`;

/** Forgets a user's last visit. @param {number} user */
export const forget = user => kept('readwrite', table => table.delete(user));

/**
 * Shows a user's last visit, and keeps this one.
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
    if (over || chat.me !== me) return; // they have signed out meanwhile
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

/** Forgets another user, unless a tab of theirs is open. @param {number} user */
function leave(user) {
  if (!navigator.locks) return forget(user);
  return navigator.locks.request(lockOf(user), { ifAvailable: true }, lock => lock && forget(user));
}

/** What can be kept of a thread. @param {Thread} thread */
function plain(thread) {
  const messages = thread.messages.slice(-MESSAGES);
  const { filling, ...rest } = /** @type {any} */ (thread);
  return { ...rest, messages, low: Math.max(thread.low, messages[0]?.seq ?? 1), typing: false };
}
