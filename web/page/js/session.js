// The user of this tab: the link has a token. The page removes it from the address bar at once, and keeps it in the tab's session
// storage, so that two tabs of one browser can have two users.

const KEY = `softadastra-chat ${location.pathname}`;
const CARD = `${KEY} card`;

/** The address of the hub, which serves this page. */
export const hub = new URL('.', location.href).href;

/** Moves the link's token and card from the address bar to the session storage. @returns {boolean} whether there was one of them */
export function arrive() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const [token, card] = [fragment.get('token'), fragment.get('card')];
  if (!token && !card) return false;
  history.replaceState(null, '', location.pathname + location.search);
  if (token) keepToken(token);
  if (card) sessionStorage.setItem(CARD, card);
  return true;
}

/** Sets the token of this tab. @param {string} token */
export const keepToken = token => sessionStorage.setItem(KEY, token);

/** Returns the link's card (`card=product:5`), once: from then on it is part of the draft. @returns {import('../../chat-client.js').CardRef | undefined} */
export function takeCard() {
  const [, kind, id] = /^(product|order|shop|place):([^,]{1,64})$/.exec(sessionStorage.getItem(CARD) ?? '') ?? [];
  sessionStorage.removeItem(CARD);
  return id ? { kind: /** @type {any} */ (kind), id } : undefined;
}

/** Returns the user of this tab; undefined without a valid token. @returns {{token: string, me: number, peer: number | undefined} | undefined} */
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

/** Returns the user who used this tab before, if that is another one than now. @param {number | undefined} me @returns {number[]} */
export function left(me) {
  const before = Number(sessionStorage.getItem(USER));
  if (me) sessionStorage.setItem(USER, String(me));
  else sessionStorage.removeItem(USER);
  return before && before !== me ? [before] : [];
}

const OFFLINE = `${KEY} offline`;

/** Tells whether the user has switched this tab offline: the switch survives a reload. @param {number} me */
export const isSwitchedOff = me => sessionStorage.getItem(OFFLINE) === String(me);

/** Stores the state of the switch. @param {number} me @param {boolean} off */
export function keepSwitch(me, off) {
  if (off) sessionStorage.setItem(OFFLINE, String(me));
  else sessionStorage.removeItem(OFFLINE);
}
