// Who uses this tab of the page: what the link says. The token leaves the address bar at once; it stays with the tab, so that two
// tabs of one browser can be two people.

const KEY = `softadastra-chat ${location.pathname}`;
const CARD = `${KEY} card`;

/** Where the hub is: this page is served by it. */
export const hub = new URL('.', location.href).href;

/** Takes the link's token and card out of the address bar. @returns {boolean} whether there was one of them */
export function arrive() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const [token, card] = [fragment.get('token'), fragment.get('card')];
  if (!token && !card) return false;
  history.replaceState(null, '', location.pathname + location.search);
  if (token) keepToken(token);
  if (card) sessionStorage.setItem(CARD, card);
  return true;
}

/** Has this tab be a user's from now on. @param {string} token */
export const keepToken = token => sessionStorage.setItem(KEY, token);

/** Takes the card that the link has named (`card=product:5`), once: from then on it is part of what is being written. @returns {import('../../chat-client.js').CardRef | undefined} */
export function takeCard() {
  const [, kind, id] = /^(product|order|shop|place):([^,]{1,64})$/.exec(sessionStorage.getItem(CARD) ?? '') ?? [];
  sessionStorage.removeItem(CARD);
  return id ? { kind: /** @type {any} */ (kind), id } : undefined;
}

/** Tells who uses this tab. @returns {{token: string, me: number, peer: number | undefined} | undefined} */
export function session() {
  const token = sessionStorage.getItem(KEY);
  if (!token) return undefined;
  try {
    const claims = JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    const me = Number(claims.id ?? claims.user_id ?? claims.userId ?? claims.sub);
    if (!(me > 0) || claims.exp * 1000 < Date.now()) return undefined;
    return { token, me, peer: Number(claims.peer) || undefined };
  } catch {
    return undefined;
  }
}

const USER = `${KEY} user`;

/** Whom this tab has left: the user who used it before, where that is another one than now. @param {number | undefined} me @returns {number[]} */
export function left(me) {
  const before = Number(sessionStorage.getItem(USER));
  if (me) sessionStorage.setItem(USER, String(me));
  else sessionStorage.removeItem(USER);
  return before && before !== me ? [before] : [];
}

const OFFLINE = `${KEY} offline`;

/** Tells whether the user has switched this tab offline: that outlives a reload. @param {number} me */
export const isSwitchedOff = me => sessionStorage.getItem(OFFLINE) === String(me);

/** Keeps how the switch stands. @param {number} me @param {boolean} off */
export function keepSwitch(me, off) {
  if (off) sessionStorage.setItem(OFFLINE, String(me));
  else sessionStorage.removeItem(OFFLINE);
}
