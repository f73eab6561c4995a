// What does not wait for the rest of the page: who uses it, its words, and the connection.

import './chosen.js';
import { arrive, hub, isSwitchedOff, session } from './session.js';

arrive();
// A link that is opened in a tab that has the page already changes the fragment alone.
addEventListener('hashchange', () => arrive() && location.reload());

/** Who uses this tab. */
export const who = session();

/** Opened before there is a client. @type {WebSocket | undefined} */
let early = who && !isSwitchedOff(who.me) ? new WebSocket(`${hub.replace(/^http/, 'ws')}chat?channels=notifications`) : undefined;

/**
 * Opens a connection: the first is the one that is there already.
 * @this {WebSocket} @param {string} url
 */
export function Early(url) {
  const socket = early;
  early = undefined;
  if (!socket || socket.url !== url || socket.readyState > WebSocket.OPEN) return new WebSocket(url);
  if (socket.readyState === WebSocket.OPEN) queueMicrotask(() => socket.onopen?.(new Event('open')));
  return socket;
}
