// Who uses this tab: what the link says. The token leaves the address bar at once; it stays with the tab, so that two
// tabs of one browser can be two people.

const KEY = `softadastra-chat ${location.pathname}`;

/** Where the hub is: this page is served by it. */
export const hub = new URL('.', location.href).href;

/** Takes the link's token out of the address bar. @returns {boolean} whether there was one */
export function arrive() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (!token) return false;
  history.replaceState(null, '', location.pathname + location.search);
  sessionStorage.setItem(KEY, token);
  return true;
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

const OFFLINE = `${KEY} offline`;

/** Tells whether the user has switched this tab offline: that outlives a reload. @param {number} me */
export const isSwitchedOff = me => sessionStorage.getItem(OFFLINE) === String(me);

/** Keeps how the switch stands. @param {number} me @param {boolean} off */
export function keepSwitch(me, off) {
  if (off) sessionStorage.setItem(OFFLINE, String(me));
  else sessionStorage.removeItem(OFFLINE);
}
