// Makes the client of elements whose page has none, from their attributes: with tokens of the page's server, or the hub's tickets.

import { ChatClient, ChatError } from '../../chat-client.js';
import { ofTicket, ofToken } from '../../client/credentials.js';
import { sleep } from '../../client/time.js';
import { smaller } from './strip.js';

/** The longest pause before a token is requested again, in ms. */
const PATIENCE = 30_000;

/** Makes a client from the attributes of an element. @param {import('./shared.js').Part} part */
export async function connected(part) {
  const url = address(part.base).replace(/\/+$/, '');
  const tokenUrl = part.getAttribute('token-url');
  // A site that shares its cookies with the hub needs no token: a ticket opens the connection.
  const ask = tokenUrl ? () => credential(address(tokenUrl), 'GET') : () => credential(`${url}/chat/ticket`, 'POST');
  /** @type {string | undefined} */ let held = await patiently(ask);
  const user = (tokenUrl ? ofToken : ofTicket)(held);
  const next = () => {
    const given = held;
    held = undefined;
    return given ?? ask();
  };
  return new ChatClient({ url, user, prepare: smaller, ...(tokenUrl ? { getToken: next } : { getTicket: next }) }).connect();
}

/** Calls `ask` until it does not fail temporarily. @param {() => Promise<string>} ask */
async function patiently(ask) {
  for (let pause = 1000; ; pause = Math.min(2 * pause, PATIENCE)) {
    try {
      return await ask();
    } catch (error) {
      if (!error.temporary) throw error;
      await sleep(pause * (0.5 + Math.random() / 2));
    }
  }
}

/** Resolves an address from an attribute against the page's. @param {string} text */
function address(text) {
  try {
    return new URL(text, document.baseURI).href;
  } catch {
    throw new ChatError('bad_url', `${text} is no address`);
  }
}

/** Requests a token or a ticket: the answer is JSON (`{"token": "…"}`) or plain text. @param {string} url @param {string} method */
async function credential(url, method) {
  const answer = await fetch(url, { method, credentials: 'include', cache: 'no-store' }).catch(error => {
    throw new ChatError('token', `${url}: ${error.message}`, true);
  });
  const { status } = answer;
  if (status === 401 || status === 403) throw new ChatError('unauthorized', `${url}: ${status}: no user is signed in`);
  if (!answer.ok) throw new ChatError('token', `${url}: ${status}`, status > 499 || status === 429);
  const text = (await answer.text()).trim();
  if (!text.startsWith('{')) return text;
  try {
    const { token, ticket } = JSON.parse(text);
    return token ?? ticket;
  } catch {
    throw new ChatError('bad_token', `${url}: what it answers is no token`);
  }
}
