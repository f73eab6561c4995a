// What waits to be sent: kept on disk, sent in order, settled by the server's answer.
//
//   send() -> outbox on disk -> socket -> message_ack -> thread -> events

import { ChatError } from './errors.js';
import { disk, memory } from './store.js';
import { sleep } from './time.js';

export class Outbox {
  #account;
  #client;
  #entries = new Map();
  #promises = new Map();
  #answers = new Map();
  #lanes = new Set();
  #name;
  #store;
  #tabs;

  constructor(account, client) {
    this.#account = account;
    this.#client = client;
  }

  /** Opens what is kept for a user. */
  open(me) {
    const { base, options } = this.#client;
    this.#name = `softadastra-chat ${base} ${me}`;
    this.#store = disk(options.storage ?? globalThis.indexedDB, this.#name).then(store => {
      this.#tabs = new BroadcastChannel(this.#name);
      this.#tabs.onmessage = () => this.#pull();
      return store;
    }).catch(memory);
    this.#pull();
  }

  close() {
    this.#tabs?.close();
    this.#tabs = undefined;
  }

  /** Nothing that was said on the connection is answered any more. */
  hungUp() {
    for (const answer of this.#answers.values()) answer();
  }

  send(to, { text, images = [], extra_data, reply_to }) {
    const thread = this.#account.threads.get(to);
    const entry = {
      temp_id: `${Date.now()}-${Math.random()}`, // in time's order: cheap to index
      ...this.#lane(to), content: text, extra_data, reply_to, state: 'pending', created_at: new Date().toISOString(),
      images: [...images].map(file => ({ file, name: file.name ?? 'image', progress: 0 })),
    };
    if (thread) thread.typed = undefined;
    const promise = new Promise((done, fail) => this.#promises.set(entry.temp_id, { done, fail }));
    promise.catch(() => {});
    this.#entries.set(entry.temp_id, entry);
    this.#client.emit('outbox', entry);
    this.#add(entry);
    return promise;
  }

  list(to) {
    const lane = to && this.#lane(to).lane;
    return [...this.#entries.values()].filter(e => !to || e.lane === lane).sort((a, b) => (a.n ?? 1e15) - (b.n ?? 1e15));
  }

  retry(temp_id) {
    const entry = this.#entries.get(temp_id);
    if (entry) this.#change(entry, { state: 'pending', error: undefined }).then(() => (entry.n ? this.run() : this.#add(entry)));
  }

  discard(temp_id) {
    const entry = this.#entries.get(temp_id);
    if (!entry) return;
    this.#remove(entry);
    this.#promises.get(temp_id)?.fail(new ChatError('closed', 'discarded'));
  }

  #lane(to) {
    const user = this.#account.threads.get(to)?.other_user_id ?? to.user;
    return user ? { lane: 'u' + user, receiver_id: user } : { lane: 't' + (to.id ?? to), thread_id: to.id ?? to };
  }

  async #disk(how, ...args) {
    const answer = await (await this.#store)(how, ...args);
    if (!/^get/.test(how)) this.#tabs?.postMessage(0);
    return answer;
  }

  // Takes over what other tabs left, or this one.
  async #pull() {
    const stored = await this.#disk('getAll');
    for (const entry of this.#entries.values()) if (entry.n && !stored.some(e => e.n === entry.n)) this.#forget(entry);
    for (const { temp_id, ...entry } of stored) {
      const held = this.#entries.get(temp_id) ?? { temp_id };
      this.#entries.set(temp_id, Object.assign(held, entry, held.images && { images: held.images }));
      this.#client.emit('outbox', held);
    }
    this.run();
  }

  async #add(entry) {
    try {
      while (!this.#store) await this.#client.identify().catch(() => sleep(1e3)); // whose outbox?
      entry.n = await this.#disk('add', entry);
      this.run();
    } catch (error) {
      this.#fail(entry, new ChatError('storage', String(error)));
    }
  }

  async #change(entry, what = {}) {
    this.#client.emit('outbox', Object.assign(entry, what));
    if (entry.n && this.#entries.has(entry.temp_id)) await this.#disk('put', entry);
  }

  #fail(entry, error) {
    this.#promises.get(entry.temp_id)?.fail(error);
    return this.#change(entry, { state: 'failed', error: error.code });
  }

  #forget(entry) {
    this.#entries.delete(entry.temp_id);
    this.#client.emit('outbox', entry);
  }

  async #remove(entry) {
    this.#forget(entry);
    if (entry.n) await this.#disk('delete', entry.n);
  }

  /** Per conversation one entry at a time, of all tabs: errors keep the order. */
  async run() {
    const next = lane => this.#account.online && this.list().find(e => e.n && e.state === 'pending' && (lane ? e.lane === lane : !this.#lanes.has(e.lane)));
    const first = next();
    if (!first) return;
    const { lane } = first;
    this.#lanes.add(lane);
    this.run();
    const work = async () => {
      for (let entry; (entry = next(lane)); ) {
        if (await this.#disk('get', entry.n)) await this.#deliver(entry);
        else this.#forget(entry); // another tab has sent it
      }
    };
    const locks = this.#tabs && navigator.locks;
    await (locks ? locks.request(`${this.#name} ${lane}`, work) : work())
      .catch(e => (this.#client.emit('error', e), sleep(1e3)));
    this.#lanes.delete(lane);
    this.run();
  }

  async #deliver(entry) {
    const { temp_id, receiver_id, thread_id, content, images, extra_data, reply_to } = entry;
    try {
      for (const image of images) await this.#upload(entry, image);
      const error = await new Promise((/** @type {any} */ done) => {
        this.#answers.set(temp_id, done);
        if (!this.#account.online) done();
        this.#client.say({ type: 'message_send', temp_id, receiver_id, thread_id, content, images: images.map(i => i.media.id), extra_data, reply_to }, true);
      });
      if (error) throw error;
    } catch (error) {
      if (error.temporary) await sleep(error.retryAfter || 500 + Math.random() * 1e3);
      else await this.#fail(entry, error);
    }
    this.#answers.delete(temp_id);
  }

  async #upload(entry, image) {
    if (image.media) return;
    try {
      const form = new FormData();
      form.append('images[]', (await this.#client.options.prepare?.(image.file)) ?? image.file, image.name);
      const { images } = await this.#client.ask('POST', '/chat/upload', form, part => {
        image.progress = part;
        this.#client.emit('outbox', entry);
      });
      image.media = images[0];
      image.error = undefined;
    } catch (error) {
      image.error = error.code;
      throw error;
    } finally {
      await this.#change(entry);
    }
  }

  /** The server has refused a message. */
  answered(temp_id, error) {
    this.#answers.get(temp_id)?.(error);
  }

  /** The server has stored a message. */
  stored({ thread_id, temp_id, message_id, seq, rev, created_at }, thread) {
    const { threads, me } = this.#account;
    const entry = this.#entries.get(temp_id);
    if (entry && thread) {
      const { content = null, extra_data = null, reply_to = null } = entry;
      const images = entry.images.map(i => i.media);
      const message = {
        id: message_id, thread_id, seq, rev, sender_id: me, temp_id, content, image_urls: images.map(i => i.url), images,
        extra_data, reply_to, created_at, edited_at: null, deleted: false,
      };
      threads.put(thread, message);
      this.sent(message);
    }
    if (thread) threads.advance(thread, rev, entry);
    this.#answers.get(temp_id)?.();
  }

  /** A message is there: if it was waiting here, it does no more. */
  sent(message) {
    const { temp_id } = message;
    if (message.sender_id !== this.#account.me || !temp_id) return;
    const entry = this.#entries.get(temp_id);
    if (entry) this.#remove(entry);
    this.#promises.get(temp_id)?.done(message);
    this.#promises.delete(temp_id);
    this.#answers.get(temp_id)?.();
  }
}
