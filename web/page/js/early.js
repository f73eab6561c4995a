// Runs before the rest of the page has loaded: finds the user, loads the texts, and opens the connection.

import './chosen.js';
import { arrive, hub, isSwitchedOff, session } from './session.js';

arrive();
// A link to this page, opened in this tab, changes only the fragment.
addEventListener('hashchange', () => arrive() && location.reload());

/** The user of this tab. */
export const who = session();

/** The connection that is opened before there is a client. @type {WebSocket | undefined} */
let early = who && !isSwitchedOff(who.me) ? new WebSocket(`${hub.replace(/^http/, 'ws')}chat?channels=notifications`) : undefined;

/**
 * Makes a WebSocket; the first call returns the one that is opened already.
 * @this {WebSocket} @param {string} url
 */
export function Early(url) {
  const socket = early;
  early = undefined;
  if (!socket || socket.url !== url || socket.readyState > WebSocket.OPEN) return new WebSocket(url);
  if (socket.readyState === WebSocket.OPEN) queueMicrotask(() => socket.onopen?.(new Event('open')));
  return socket;
}
