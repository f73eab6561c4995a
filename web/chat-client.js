// The client of Softadastra Chat; chat-client.d.ts describes it.
//
//   ChatClient        what a page calls; everything else is in client/
//     Connection      one WebSocket after another, by Credentials
//     Account         the state of one user, and what each frame of the server does to it
//       Threads       conversations and their messages
//       Outbox        messages and changes that are not stored yet, and the uploads of their pictures
//       Presence, Notifications
//       Market        profiles of users and cards of things, from the marketplace
//     Rest            requests over HTTP

import { Account } from './client/account.js';
import { Connection } from './client/connection.js';
import { Credentials } from './client/credentials.js';
import { ChatError } from './client/errors.js';
import { Events } from './client/events.js';
import { Promises } from './client/promises.js';
import { reached } from './client/receipts.js';
import { Rest } from './client/rest.js';
import { sleep } from './client/time.js';

export { ChatError };

/** Marks a promise as handled, because an event reports its failure, too. @template T @param {Promise<T>} promise */
function quiet(promise) {
  promise.catch(() => {});
  return promise;
}

/** @import * as Api from './chat-client.js' */
/** @implements {Api.ChatClient} */
export class ChatClient {
  limits;

  #options;
  #base;
  #events = new Events();
  #promises = new Promises();
  /** Unsent entries by user, where there is no IndexedDB. */ #memories = new Map();
  #credentials;
  #connection;
  #rest;
  #account;

  constructor(options) {
    options = this.#options = { timeout: 1e4, backoff: [500, 3e4], ...options };
    // `connect()` reports an invalid address, as it reports every other error.
    this.#base = `${options.url ?? ''}`.replace(/^ws/, 'http').replace(/\/+$/, '');
    this.#credentials = new Credentials(options);
    this.#rest = new Rest(this.#base, this.#credentials);
    this.#connection = new Connection(this.#options, this.#base, this.#credentials, {
      belongs: user => this.#belongs(user),
      cursor: () => this.#account.cursor,
      hear: frame => (frame.type === 'auth_ok' ? this.#greeted(frame) : this.#account.hear(frame)),
      blamed: code => this.#account.outbox.delivery.blamed(code),
      hungUp: () => this.#account.hungUp(),
      became: (state, wait) => this.#events.emit('state', state, wait),
      wrong: error => this.#events.emit('error', error),
      closed: error => this.#account.ended(error),
      looked: () => this.#account.threads.looked(),
    });
    this.#account = this.#open();
    if (options.user) this.#account.own(Number(options.user));
  }

  // The account

  /** Opens an account that has no user yet. It sends frames and emits events only while it is the present account. */
  #open() {
    const present = () => this.#account === account;
    const account = new Account({
      options: this.#options,
      base: this.#base,
      memories: this.#memories,
      promises: this.#promises,
      connection: this.#connection,
      limits: () => this.limits,
      paused: () => this.state === 'paused',
      emit: (name, ...args) => void (present() && this.#events.emit(name, ...args)),
      say: (frame, answered) => void (present() && this.#connection.say(frame, answered)),
      ask: (...question) => this.#ask(account, question),
      identify: () => this.#identify(account),
    });
    return account;
  }

  /** Sends a request as the account's user. It fails with `other_user` if the client changes to another user meanwhile. */
  async #ask(account, question) {
    const here = () => {
      if (this.#account !== account) throw new ChatError('other_user', 'the credentials have become another user\'s');
    };
    const belongs = user => {
      if (this.#belongs(user)) this.#connection.again();
      here();
    };
    // The next ticket names the present user.
    const mistaken = () => {
      here();
      this.#connection.again();
      throw new ChatError('other_user', 'the session has become another user\'s');
    };
    here();
    try {
      return await this.#rest.ask({ me: account.me, belongs, mistaken }, ...question);
    } finally {
      here();
    }
  }

  /** Finds out the account's user from the credentials, while there is no connection that would tell it. */
  async #identify(account) {
    while (!account.me && /idle|paused|closed/.test(this.state)) {
      try {
        this.#belongs((await this.#credentials.forConnection()).user);
      } catch (error) {
        if (!error.temporary) return; // until `connect()`, which reports the error
        await sleep(1000);
      }
    }
  }

  /** Compares a user with the account's, and begins a new account if it is another user; returns whether it was. */
  #belongs(user) {
    const before = this.#account;
    if (before.me === user) return false;
    if (!before.me) {
      before.own(user);
      return false;
    }
    before.retire();
    this.#account = this.#open();
    this.#account.own(user);
    this.#events.emit('reset');
    this.#events.emit('counts', this.counts);
    this.#events.emit('notification');
    return true;
  }

  /** Handles `auth_ok`. The server's word for the user of the connection counts, whatever the credential says. */
  #greeted(frame) {
    this.limits = frame.limits;
    this.#credentials.belongTo(frame.user_id);
    const other = this.#belongs(frame.user_id);
    // The connection has resumed from the cursor of the user before: open another one, without it.
    if (other && frame.resumed) this.#connection.again();
    else this.#account.hear(frame);
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

  profile(user) {
    return this.#account.market.profile(user);
  }

  get cards() {
    const { market } = this.#account;
    return { get: name => market.card(name) };
  }

  connect() {
    this.#connection.connect();
    this.#account.outbox.hold();
    return this;
  }

  disconnect() {
    this.#connection.disconnect();
    this.#account.outbox.hold();
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

  restore(threads) {
    if (this.#account.cursor || this.state === 'online') return;
    this.#account.last.restore(threads);
    for (const thread of threads) this.#events.emit('thread', thread);
  }

  threads(how) {
    const { last, threads } = this.#account;
    return last.threads ? Promise.resolve(last.threads) : quiet(threads.list(how));
  }

  thread(to) {
    return this.#account.last.get(to) ?? this.#account.threads.get(to);
  }

  messages(to, how) {
    return quiet(this.#account.threads.messages(to, how));
  }

  history(to) {
    return this.#account.threads.history(to);
  }

  status(message) {
    return reached(message, this.thread(message.thread_id));
  }

  edit(message, content) {
    return quiet(this.#account.outbox.edit(message, content));
  }

  delete(message) {
    return quiet(this.#account.outbox.delete(message));
  }

  markSeen(to) {
    // A thread restored from an earlier visit may lack the newest messages: it is not marked as read.
    if (!this.#account.last.get(to)) this.#account.threads.markSeen(to);
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

  cancelUpload(temp_id, picture) {
    return this.#account.outbox.withdraw(temp_id, picture);
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

  image(url) {
    return this.#rest.image(this.src(url));
  }

  src(url) {
    return new URL(url, this.#base).href;
  }
}
