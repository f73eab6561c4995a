// Requests of the staff to the hub. The token goes in a header, or the browser sends its cookie.

import { hub, session } from '../../page/js/session.js';

/** An answer of the hub other than success. */
export class Refused extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @param {string} path @param {RequestInit} [init] */
async function ask(path, init = {}) {
  const token = session()?.token;
  const headers = { ...init.headers, ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(new URL(path, hub), { credentials: 'same-origin', cache: 'no-store', ...init, headers });
  if (answer.ok) return answer;
  const { code = 'failed', message = answer.statusText } = (await answer.json().catch(() => ({}))).error ?? {};
  throw new Refused(answer.status, code, message);
}

/** Gets a resource as JSON. @param {string} path @returns {Promise<any>} */
export const get = async path => (await ask(path)).json();

/** Posts JSON, and returns the answer's JSON, if it has a body. @param {string} path @param {object} body @returns {Promise<any>} */
export async function post(path, body) {
  const answer = await ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const text = await answer.text();
  return text && JSON.parse(text);
}

/**
 * Follows the state of the node, once a second, until `signal` aborts. Reconnects, unless the hub refuses the token.
 *
 * @param {(state: any) => void} tell
 * @param {(error: Refused | undefined) => void} lost `undefined`: the connection was lost
 * @param {AbortSignal} signal
 */
export async function follow(tell, lost, signal) {
  while (!signal.aborted) {
    try {
      const answer = await ask('admin/state/stream', { signal });
      await events(/** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (answer.body), data => tell(JSON.parse(data)));
      lost(undefined);
    } catch (error) {
      if (signal.aborted) return;
      lost(error instanceof Refused ? error : undefined);
      // Waiting does not make a refused token valid.
      if (error instanceof Refused && error.status < 429) return;
    }
    await new Promise(done => setTimeout(done, 1000));
  }
}

/** Reads server-sent events. @param {ReadableStream<Uint8Array<ArrayBuffer>>} body @param {(data: string) => void} tell */
async function events(body, tell) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part.startsWith('data: ')) tell(part.slice(6));
  }
}
