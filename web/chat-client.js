// The client of Softadastra Chat; chat-client.d.ts describes it.
//
//   ChatClient        what a page calls; everything else is in client/
//     Connection      one WebSocket after another, by Credentials
//     Account         everything that is held for one user, and what each frame does to it
//       Threads       conversations and their messages
//       Outbox        what waits to be sent
//       Presence, Notifications
//     Rest            questions over HTTP

import { Account } from './client/account.js';
import { Connection } from './client/connection.js';
import { Credentials } from './client/credentials.js';
import { ChatError } from './client/errors.js';
import { Events } from './client/events.js';
import { Rest } from './client/rest.js';

export { ChatError };

/** @import * as Api from './chat-client.js' */
/** @implements {Api.ChatClient} */
export class ChatClient {
  limits;

  #base;
  #events = new Events();
  #credentials;
  #connection;
  #rest;
  #account;

  constructor(options) {
    options = { timeout: 1e4, backoff: [500, 3e4], ...options };
    this.#base = options.url.replace(/\/+$/, '');
    this.#credentials = new Credentials(options);
    this.#rest = new Rest(this.#base, this.#credentials);
    this.#connection = new Connection(options, this.#base, this.#credentials, {
      own: user => this.#account.own(user),
      cursor: () => this.#account.cursor,
      hear: frame => {
        if (frame.type === 'auth_ok') this.limits = frame.limits;
        this.#account.hear(frame);
      },
      hungUp: () => this.#account.hungUp(),
      became: (state, wait) => this.#events.emit('state', state, wait),
      wrong: error => this.#events.emit('error', error),
      looked: () => this.#account.threads.looked(),
    });
    this.#account = new Account({
      options,
      base: this.#base,
      connection: this.#connection,
      emit: (name, ...args) => this.#events.emit(name, ...args),
      say: (frame, answered) => this.#connection.say(frame, answered),
      ask: (...question) => this.#rest.ask(...question),
      identify: async () => this.#account.own((await this.#credentials.forConnection()).user),
    });
    this.#account.own(options.user);
  }

  get state() {
    return this.#connection.state;
  }

  get me() {
    return this.#account.me;
  }

  get counts() {
    return this.#account.counts;
  }

  get presence() {
    return this.#account.presence.people;
  }

  get notifications() {
    return this.#account.notifications.list;
  }

  connect() {
    this.#connection.connect();
    return this;
  }

  disconnect() {
    this.#connection.disconnect();
  }

  close() {
    this.#connection.close();
    this.#account.outbox.close();
  }

  on(name, listener) {
    return this.#events.on(name, listener);
  }

  stream(name) {
    return this.#events.stream(name);
  }

  get hasMoreThreads() {
    return this.#account.threads.hasMore;
  }

  threads(how) {
    return this.#account.threads.list(how);
  }

  thread(to) {
    return this.#account.threads.get(to);
  }

  messages(to, how) {
    return this.#account.threads.messages(to, how);
  }

  history(to) {
    return this.#account.threads.history(to);
  }

  status(message) {
    return this.#account.threads.status(message);
  }

  async edit(id, content) {
    const message = await this.#rest.ask('PATCH', `/chat/messages/${id}`, { content });
    const thread = this.#account.threads.get(message.thread_id);
    if (thread) this.#account.threads.put(thread, message);
    return message;
  }

  delete(id) {
    return this.#rest.ask('DELETE', `/chat/messages/${id}`);
  }

  markSeen(to) {
    this.#account.threads.markSeen(to);
  }

  typing(to, on) {
    this.#account.threads.typing(to, on);
  }

  send(to, draft) {
    return this.#account.outbox.send(to, draft);
  }

  outbox(to) {
    return this.#account.outbox.list(to);
  }

  retry(temp_id) {
    this.#account.outbox.retry(temp_id);
  }

  discard(temp_id) {
    this.#account.outbox.discard(temp_id);
  }

  loadNotifications(how) {
    return this.#account.notifications.load(how);
  }

  readNotification(id) {
    return this.#account.notifications.read(id);
  }

  deleteNotification(id) {
    return this.#account.notifications.delete(id);
  }

  src(url) {
    return new URL(url, this.#base).href;
  }
}
