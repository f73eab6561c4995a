// Everything that is held for one user, and what each frame does to it.

import { refusal } from './errors.js';
import { Notifications } from './notifications.js';
import { Outbox } from './outbox.js';
import { Presence } from './presence.js';
import { Threads } from './threads.js';

export class Account {
  me;
  counts = { messages: 0, notifications: 0 };

  /** @type {any} */ #client;
  #cursor;
  #latest; // becomes the cursor when nothing is being fetched
  #fetching = 0;
  #replaying;

  /**
   * @param {object} client
   * @param {any} client.options
   * @param {string} client.base
   * @param {(name: string, ...args: any[]) => void} client.emit
   * @param {(frame: object, answered?: boolean) => void} client.say
   * @param {(method: string, path: string, body?: any, progress?: (part: number) => void) => Promise<any>} client.ask
   * @param {() => Promise<void>} client.identify asks whose credentials they are
   * @param {import('./connection.js').Connection} client.connection
   */
  constructor(client) {
    this.#client = client;
    const { emit, ask } = client;
    this.presence = new Presence(emit);
    this.notifications = new Notifications(emit, ask);
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
    return this.#client.connection.state === 'online';
  }

  /** Says whose it is, once that is known. */
  own(me) {
    if (!me || this.me) return;
    this.me = me;
    this.outbox.open(me);
  }

  hungUp() {
    this.#replaying = undefined;
    this.#latest = this.#cursor;
    this.outbox.hungUp();
    this.threads.hungUp();
  }

  hear(frame) {
    const { type, cursor, ...rest } = frame;
    const { threads, outbox, presence, notifications } = this;
    switch (type) {
      case 'auth_ok':
        this.#replaying = frame.resumed;
        if (!frame.resumed) this.#reload(cursor);
        return;
      case 'synced':
        this.#replaying = false;
        this.#keep(cursor);
        return this.#begin();
      case 'message_ack':
        threads.acknowledged(frame);
        break;
      case 'message_deleted':
        Object.assign(rest, { deleted: true, content: null, images: [], image_urls: [] });
      case 'new_message':
      case 'message_updated':
        outbox.sent(rest);
        threads.changed(rest);
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
        if (frame.temp_id) outbox.answered(frame.temp_id, refusal(frame));
        else this.#client.emit('error', refusal(frame));
    }
    if (cursor) this.#keep(cursor);
  }

  #keep(cursor) {
    this.#latest = cursor;
    if (!this.#fetching && !this.#replaying) this.#cursor = cursor;
  }

  /** Fetches something that was missed. The cursor stands still meanwhile, and a failure begins again from it. */
  async fetch(work) {
    const { connection } = this.#client;
    const { turn } = connection;
    this.#fetching++;
    const error = await work().catch(e => e);
    this.#fetching--;
    if (error) this.#client.emit('error', error);
    if (turn !== connection.turn) return;
    if (error) connection.lost();
    else this.#keep(this.#latest);
  }

  async #reload(cursor) {
    const { connection } = this.#client;
    const { turn } = connection;
    this.#cursor = undefined;
    this.#latest = cursor;
    this.threads.clear();
    this.notifications.clear();
    await this.threads.refresh();
    if (turn !== connection.turn) return;
    this.#client.emit('reset');
    this.#begin();
  }

  #begin() {
    this.#client.connection.become('online');
    this.#client.say({ type: 'who_is_online' });
    this.threads.begin();
    this.outbox.run();
  }
}
