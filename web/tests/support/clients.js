// People with the library, against a hub; quick in everything, so that tests are.

import { ChatClient } from '../../chat-client.js';
import { until } from './wait.js';

export class Clients {
  #hub;
  #all = [];

  constructor(hub) {
    this.#hub = hub;
  }

  /** Makes a user's client that does not connect yet. */
  idle(id, options = {}) {
    const chat = /** @type {any} */ (new ChatClient({ url: this.#hub.url, getToken: () => this.#hub.token(id), timeout: 1500, backoff: [20, 200], ...options }));
    chat.errors = [];
    chat.on('error', error => chat.errors.push(error));
    this.#all.push(chat);
    return chat;
  }

  /** One that is online. */
  async online(id, options) {
    const chat = this.idle(id, options).connect();
    await isOnline(chat);
    return chat;
  }

  /** Closes a client, too, that a test has made itself. */
  keep(chat) {
    this.#all.push(chat);
  }

  close() {
    for (const chat of this.#all.splice(0)) chat.close();
  }
}

export const isOnline = (...chats) => until('all are online', () => chats.every(chat => chat.state === 'online'));

/** The texts of a client's conversation with a user, as the hub has them. */
export const texts = async (chat, user) => (await chat.messages({ user })).map(message => message.content);

/** Waits until a client's conversation with a user has these texts. */
export const hears = (chat, user, expected) => until(`${chat.me} hears ${expected.at(-1)}`, async () => JSON.stringify(await texts(chat, user)) === JSON.stringify(expected));

/** A WebSocket that keeps what is said on it; `frames(type)` gives what was. */
export function counting() {
  const said = [];
  class Counting extends WebSocket {
    send(text) {
      said.push(JSON.parse(text));
      super.send(text);
    }
  }
  return { WebSocket: Counting, frames: type => said.filter(frame => frame.type === type) };
}

/** A promise that another part of a test keeps. */
export function gate() {
  let open;
  const passed = new Promise(done => (open = done));
  return { open, passed };
}

/** What has become of a promise by now: 'pending', 'done', or the code of its error. */
export const outcome = promise => Promise.race([promise.then(() => 'done', error => error.code), new Promise(done => setTimeout(done, 0, 'pending'))]);
