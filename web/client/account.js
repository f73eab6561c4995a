// The state of one user, and what each frame of the server does to it. When the credentials become another user's, the
// client drops the account at once and begins another: no data of one user reaches the other.

import { ChatError, refusal } from './errors.js';
import { Market } from './market.js';
import { LastState } from './last-state.js';
import { Notifications } from './notifications.js';
import { Outbox } from './outbox.js';
import { Presence } from './presence.js';
import { Threads } from './threads.js';

export class Account {
  me;
  counts = { messages: 0, notifications: 0 };
  /** Whether the client has changed to another user: this account ignores what comes in from then on. */
  retired = false;
  /** The threads that are shown until the first load. */
  last = new LastState();

  /** @type {any} */ #client;
  #cursor;
  #latest; // becomes the cursor when nothing is being fetched
  #fetching = 0;
  #replaying;
  #loaded = false;
  #waiting = [];

  /**
   * @param {object} client
   * @param {any} client.options
   * @param {string} client.base
   * @param {Map<string, any>} client.memories unsent entries by user, where there is no IndexedDB
   * @param {import('./promises.js').Promises} client.promises
   * @param {(name: string, ...args: any[]) => void} client.emit
   * @param {(frame: object, answered?: boolean) => void} client.say
   * @param {(method: string, path: string, body?: any, upload?: {progress: (part: number) => void, signal: AbortSignal}) => Promise<any>} client.ask
   * @param {() => void} client.identify finds out the user of the credentials
   * @param {() => any} client.limits
   * @param {() => boolean} client.paused
   * @param {import('./connection.js').Connection} client.connection
   */
  constructor(client) {
    this.#client = client;
    const { emit, ask } = client;
    this.presence = new Presence(emit);
    this.notifications = new Notifications(emit, ask);
    this.market = new Market(this, client);
    this.threads = new Threads(this, client);
    this.outbox = new Outbox(this, client);
  }

  get cursor() {
    return this.#cursor;
  }

  get replaying() {
    return this.#replaying;
  }

  get online() {
    return !this.retired && this.#client.connection.state === 'online';
  }

  /** Sets the account's user, once it is known. */
  own(me) {
    this.me = me;
    this.outbox.open(me).catch(error => this.#client.emit('error', new ChatError('storage', String(error))));
  }

  /** Drops everything. Unsent entries are kept until their user is back. */
  retire() {
    this.hungUp();
    this.outbox.retire();
    this.last.drop();
    this.retired = true;
    this.ended(new ChatError('other_user', 'the credentials have become another user\'s'));
  }

  /** Finds a loaded message and its thread, by the message's id or `temp_id`. */
  find(key) {
    return this.threads.find(key) ?? this.last.find(key);
  }

  // The first load

  /** Waits until everything is loaded, for the first time or after a reset. */
  ready() {
    if (this.#loaded) return undefined;
    const { ended } = this.#client.connection;
    if (ended) return Promise.reject(ended);
    return new Promise((done, fail) => this.#waiting.push({ done, fail }));
  }

  /** Rejects the calls that wait for a load: there will be none. */
  ended(error) {
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }

  // The connection

  hungUp() {
    this.#replaying = undefined;
    this.#latest = this.#cursor;
    this.outbox.delivery.hungUp();
    this.threads.hungUp();
    this.market.hungUp();
  }

  hear(frame) {
    const { type, cursor, ...rest } = frame;
    const { threads, presence, notifications, market } = this;
    switch (type) {
      case 'auth_ok':
        this.#replaying = frame.resumed;
        if (!frame.resumed) this.#reload(cursor);
        return;
      case 'synced':
        this.#replaying = false;
        if (frame.reset) return void this.#reload(cursor);
        this.#keep(cursor);
        return this.#begin();
      case 'message_ack':
        this.#acknowledged(frame);
        break;
      case 'new_message':
        this.outbox.observe(rest);
        threads.created(rest);
        break;
      case 'message_deleted':
        Object.assign(rest, { deleted: true, content: null, images: [], image_urls: [], card: null });
      case 'message_updated':
        threads.changed(rest);
        this.#observe(rest);
        break;
      case 'messages_seen':
      case 'messages_delivered':
        threads.marked(frame);
        break;
      case 'typing':
      case 'stop_typing':
        threads.typed(frame);
        break;
      case 'user_online':
      case 'user_offline':
        presence.seen(frame.user_id, type === 'user_online', frame.last_seen);
        break;
      case 'online_users':
        presence.only(frame.users);
        break;
      case 'profile_updated': {
        const { user_id, ...profile } = rest;
        market.profiles.take(user_id, profile);
        break;
      }
      case 'card_updated':
        market.cardUpdated(frame.card);
        break;
      case 'nav_counts':
        this.#client.emit('counts', (this.counts = frame.payload));
        break;
      case 'notification':
        notifications.take(frame.payload);
        break;
      case 'notification_read':
        notifications.wasRead(frame.id);
        break;
      case 'notification_deleted':
        notifications.wasDeleted(frame.id);
        break;
      case 'error':
        this.#refused(frame, refusal(frame));
    }
    if (cursor) this.#keep(cursor);
  }

  #refused(frame, error) {
    if (!this.outbox.delivery.refused(frame, error) && !this.threads.refused(frame, error)) this.#client.emit('error', error);
  }

  /** Handles an acknowledgement: it settles its entry by its own fields, whether the thread is loaded or not. */
  #acknowledged(frame) {
    const entry = this.outbox.entry(frame.temp_id);
    const message = this.outbox.written(frame);
    // A message that was stored by an earlier attempt may have changed since.
    if (message && !frame.duplicate) this.threads.created(message, entry?.receiver_id);
    else this.threads.missed(frame.thread_id, frame.rev);
    if (!message) this.outbox.delivery.settled(frame.temp_id);
    else if (entry?.card ?? entry?.extra_data?.product_id) this.#readCard(message);
    else this.outbox.observe(message);
  }

  /** Reads the card that a stored message has, which its acknowledgement lacks. Meanwhile the message has the cached card. */
  async #readCard(message) {
    const { card } = (await this.#read(message)) ?? message;
    const [thread, held] = [this.threads.get(message.thread_id), this.threads.held(message) ?? message];
    for (const each of [message, held]) if (!each.deleted) each.card = card;
    if (thread) this.#client.emit('message', held, thread);
    this.outbox.observe(message);
  }

  /** Reads a message; undefined if the request fails. */
  async #read({ id, thread_id, seq }) {
    const page = await this.#client.ask('GET', `/chat/messages?thread_id=${thread_id}&after_seq=${seq - 1}&limit=1`).catch(() => undefined);
    return page?.messages.find(message => message.id === id);
  }

  /** Settles the edit or deletion that a changed message confirms, with the whole message. */
  async #observe(change) {
    const held = this.threads.held(change);
    if (held || change.deleted || !this.outbox.changes(change.id)) return this.outbox.observe({ ...held, ...change });
    this.outbox.observe({ ...(await this.#read(change)), ...change });
  }

  #keep(cursor) {
    this.#latest = cursor;
    if (!this.#fetching && !this.#replaying) this.#cursor = cursor;
  }

  /** Fetches missed data. The cursor does not move meanwhile; after a failure a new connection resumes from it. */
  async fetch(work) {
    const { connection } = this.#client;
    const { turn } = connection;
    this.#fetching++;
    const error = await work().then(() => undefined, e => e);
    this.#fetching--;
    if (this.retired) return;
    if (error) this.#client.emit('error', error);
    if (turn !== connection.turn) return;
    if (error) connection.lost();
    else this.#keep(this.#latest);
  }

  async #reload(cursor) {
    const { connection } = this.#client;
    const { turn } = connection;
    this.#loaded = false;
    this.#cursor = undefined;
    this.#latest = cursor;
    this.threads.clear();
    this.notifications.clear();
    await this.fetch(() => this.threads.load());
    if (turn !== connection.turn || this.retired) return;
    this.last.drop();
    this.#client.emit('reset');
    this.#begin();
  }

  #begin() {
    this.#loaded = true;
    this.#client.connection.become('online');
    for (const { done } of this.#waiting.splice(0)) done();
    this.#client.say({ type: 'who_is_online' });
    this.threads.begin();
    this.market.begin();
    this.outbox.delivery.begin(this.#client.limits());
  }
}
