// The messages, edits and deletions that the server has not stored yet. They are kept in IndexedDB, shared by all tabs of a user.
//
//   send, edit, delete -> stored entry -> Delivery -> settled by the server's answer | failed, with a reason

import { Delivery } from './delivery.js';
import { content, id, isStored, merged, message, pictures, words } from './draft.js';
import { ChatError } from './errors.js';
import { Holding } from './holding.js';
import { disk, memory } from './store.js';
import { Tab } from './tab.js';

/** @typedef {import('../chat-client.js').Entry & {n?: number, tab?: string, held?: boolean, tried?: boolean, renewed?: boolean}} Entry */

const pending = { state: /** @type {const} */ ('pending'), error: undefined, reason: undefined, renewed: undefined };

export class Outbox {
  #account;
  #client;
  /** @type {Map<string, Entry>} */ #entries = new Map();
  #opened;
  /** @type {any} */ #open;
  /** The unfinished writes of entries, by `temp_id`. */ #writing = new Map();
  /** @type {Tab | undefined} */ #tab;
  #holding;

  constructor(account, client) {
    this.#account = account;
    this.#client = client;
    this.delivery = new Delivery(account, client, this);
    /** @type {Promise<import('./store.js').Store>} */
    this.#opened = new Promise(open => (this.#open = open));
    this.#holding = new Holding(client, { entries: () => this.#entries.values(), store: () => this.#opened, tab: () => this.#tab, pull: () => this.#pull() });
  }

  /** Opens the stored entries of a user. */
  async open(me) {
    const { base, options, memories } = this.#client;
    const name = `softadastra-chat ${base} ${me}`;
    try {
      const store = await disk(options.storage ?? globalThis.indexedDB, name);
      const tab = await new Tab(name, () => this.#pull(), news => this.#heard(news)).claim();
      if (this.#account.retired) return tab.close();
      this.#tab = tab;
      this.#open(store);
    } catch {
      // A store in memory outlives the account, for when its user is back.
      if (!memories.has(name)) memories.set(name, memory());
      this.#open(memories.get(name));
    }
    await this.#pull();
    this.hold();
    this.#holding.adopt();
  }

  /** Stops the uploads, and leaves the other tabs. */
  close() {
    this.delivery.uploads.stop();
    this.#tab?.close();
  }

  /** Holds this tab's entries back while it is paused. */
  hold() {
    if (this.#client.paused()) this.delivery.uploads.stop();
    this.#holding.hold();
  }

  /** Drops all entries; those in the store stay there. */
  retire() {
    this.close();
    for (const entry of [...this.#entries.values()]) this.#forget(entry);
  }

  // Called by the page

  send(to, draft = {}) {
    const temp_id = `${Date.now()}-${Math.random()}`; // in the order of time: cheap for the server to index
    const promise = this.#client.promises.of(temp_id);
    try {
      const { text, images, extra_data, reply_to, card } = draft;
      const entry = {
        ...this.#new('message', this.#address(to)), temp_id, content: text, extra_data, reply_to, card,
        images: pictures(images),
      };
      this.#account.threads.stopsTyping(to);
      this.#write(entry);
    } catch (error) {
      this.#client.promises.fail(temp_id, error instanceof ChatError ? error : new ChatError('bad_request', String(error)));
    }
    return promise;
  }

  async edit(key, text) {
    text = words(text);
    const message = this.#message(key);
    if (!message) return this.#alter('edit', this.#stored(key), text);
    const promise = this.#client.promises.of(key); // before the update: the entry may fail meanwhile
    const changed = await this.#update(message, entry => (entry.tried && entry.state === 'pending' ? undefined : { ...entry, ...pending, content: text }));
    if (!changed) return this.#alter('edit', { of: key, ...this.#whereOf(message) }, text);
    this.delivery.run();
    return promise;
  }

  async delete(key) {
    const message = this.#message(key);
    if (!message) return this.#alter('delete', this.#stored(key));
    const taken = await this.#update(message, entry => (entry.tried && entry.state === 'pending' ? undefined : { ...entry, state: 'failed', error: 'closed' }));
    if (!taken) return this.#alter('delete', { of: key, ...this.#whereOf(message) });
    this.discard(key);
  }

  /** @returns {Entry[]} */
  list(to) {
    const lane = to && this.lane(this.#address(to));
    return [...this.#entries.values()].filter(e => !to || this.lane(e) === lane).sort((a, b) => (a.n ?? 1e15) - (b.n ?? 1e15));
  }

  retry(temp_id) {
    const entry = this.#entries.get(temp_id);
    if (!entry) return;
    if (entry.n) this.change(entry, pending).then(() => this.delivery.run());
    else this.#write(Object.assign(entry, pending));
  }

  /** Removes a picture from a message that is not on its way. Returns whether it was removed. */
  async withdraw(temp_id, picture) {
    const entry = this.#message(temp_id);
    if (!entry?.images.includes(picture)) return false;
    const left = images => images.filter(image => image.key !== picture.key);
    if (!entry.content && !left(entry.images).length) return this.discard(temp_id), true;
    entry.images = left(entry.images);
    this.delivery.uploads.run();
    const taken = await this.#update(entry, kept => (kept.tried && kept.state === 'pending' ? undefined : { ...kept, images: left(kept.images) }));
    if (!taken) await this.#pull();
    this.delivery.run();
    return taken;
  }

  discard(temp_id) {
    const entry = this.#entries.get(temp_id);
    if (!entry) return;
    const error = new ChatError('closed', 'discarded');
    for (const { temp_id, kind } of [entry, ...this.#changesOf(entry)]) {
      if (kind === 'delete' && temp_id !== entry.temp_id) this.#client.promises.done(temp_id);
      else this.#client.promises.fail(temp_id, error);
      this.#remove(/** @type {Entry} */ (this.#entries.get(temp_id)), { discarded: true });
    }
    this.delivery.uploads.run();
  }

  // Entries

  /** Returns the name of the queue of an entry's conversation. @param {any} entry */
  lane({ receiver_id, thread_id, message_id }) {
    const user = receiver_id ?? this.#account.threads.get(thread_id)?.other_user_id;
    return user ? `u${user}` : thread_id ? `t${thread_id}` : `m${message_id}`;
  }

  #address(to) {
    // A thread from before a reset, or of an earlier visit, names its other user itself.
    const user = this.#account.threads.get(to)?.other_user_id ?? to?.user ?? to?.other_user_id;
    return user == null ? { thread_id: id('a thread', to?.id ?? to) } : { receiver_id: id('a user', user) };
  }

  /** @param {any} entry */
  #whereOf({ receiver_id, thread_id }) {
    return { receiver_id, thread_id };
  }

  #new(kind, where) {
    return { kind, state: 'pending', created_at: new Date().toISOString(), images: [], ...where };
  }

  /** The unsent message with this `temp_id`. */
  #message(key) {
    const entry = this.#entries.get(key);
    return entry?.kind === 'message' ? entry : undefined;
  }

  /** Finds the id and the conversation of a stored message, by its id or `temp_id`. */
  #stored(key) {
    const held = this.#account.find(key);
    const message_id = held?.message.id ?? id('a message', key);
    return { message_id, ...(held && { receiver_id: held.thread.other_user_id, thread_id: held.thread.id }) };
  }

  #changesOf(message) {
    return [...this.#entries.values()].filter(e => e.of === message.temp_id && e.kind !== 'message');
  }

  /** Writes an edit or a deletion. It replaces one of the same message that is unsent or has failed. */
  async #alter(kind, target, text) {
    const same = [...this.#entries.values()].find(e => e.kind === kind && (target.message_id ? e.message_id === target.message_id : e.of === target.of));
    if (same) {
      const promise = this.#client.promises.of(same.temp_id);
      const changed = await this.#update(same, entry => (entry.tried && entry.state === 'pending' && kind === 'edit' ? undefined : { ...entry, ...pending, content: text }));
      if (changed) {
        this.delivery.run();
        return promise;
      }
    }
    const entry = { ...this.#new(kind, target), temp_id: `${Date.now()}-${Math.random()}`, content: text };
    const promise = this.#client.promises.of(entry.temp_id);
    this.#write(entry);
    return promise;
  }

  /** Stores an entry, and has it sent. An invalid one is shown as failed, and not stored. */
  #write(entry) {
    this.#entries.set(entry.temp_id, entry);
    try {
      const { content: text, images, extra_data, reply_to, card } = entry;
      if (entry.kind === 'message') Object.assign(entry, content({ text, images: images.map(image => image.file), extra_data, reply_to, card }));
    } catch (error) {
      this.fail(entry, error);
      return;
    }
    this.#client.emit('outbox', entry);
    this.#writing.set(entry.temp_id, this.#add(entry).finally(() => this.#writing.delete(entry.temp_id)));
  }

  async #add(entry) {
    try {
      if (!this.#account.me) this.#client.identify(); // the store is the user's
      const store = await this.#opened;
      if (!this.#entries.has(entry.temp_id)) return; // discarded
      Object.assign(entry, { tab: this.#tab?.id, held: this.#client.paused() });
      entry.n = await store.add(entry);
      if (!this.#entries.has(entry.temp_id)) await store.delete(entry.n);
      this.#tab?.tell({ changed: true });
      this.delivery.run();
    } catch (error) {
      this.fail(entry, new ChatError('storage', String(error)));
    }
  }

  /** Changes a stored entry by `how`, unless that returns undefined; returns whether it was changed. @param {Entry} entry @param {(kept: any) => any} how */
  async #update(entry, how) {
    await this.#writing.get(entry.temp_id);
    const changed = entry.n ? await (await this.#opened).update(entry.n, how) : how(entry);
    if (!changed) return false;
    this.#client.emit('outbox', Object.assign(entry, changed, { images: merged(entry.images, changed.images) }));
    if (entry.n) this.#tab?.tell({ changed: true });
    else this.#write(entry);
    return true;
  }

  /** Changes an entry, at once in memory, then in the store. */
  async change(entry, what) {
    this.#client.emit('outbox', Object.assign(entry, what));
    if (!entry.n || !this.#entries.has(entry.temp_id)) return;
    await this.#kept(store => store.update(entry.n, kept => ({ ...kept, ...what })));
    this.#tab?.tell({ changed: true });
  }

  /** Marks an entry as failed. A waiting edit of it is applied to it, and a waiting deletion discards it. */
  async fail(entry, error) {
    this.#client.promises.fail(entry.temp_id, error);
    const what = { state: 'failed', error: error.code, reason: error.message };
    for (const { kind, temp_id, content } of this.#changesOf(entry)) {
      if (kind === 'delete') return this.discard(entry.temp_id);
      Object.assign(what, { content });
      this.#client.promises.fail(temp_id, error);
      this.#remove(/** @type {Entry} */ (this.#entries.get(temp_id)));
    }
    await this.change(entry, what);
  }

  /** Changes the store. A failure is reported, and the entries in memory stay as they are. @param {(store: import('./store.js').Store) => Promise<any>} work */
  async #kept(work) {
    await work(await this.#opened).catch(error => this.#client.emit('error', new ChatError('storage', String(error))));
  }

  #forget(entry) {
    this.#entries.delete(entry.temp_id);
    this.#client.emit('outbox', entry);
  }

  async #remove(entry, news = {}) {
    this.#forget(entry);
    if (!entry.n) return;
    await this.#kept(store => store.delete(entry.n));
    this.#tab?.tell({ settled: entry.temp_id, ...news });
  }

  // Tabs

  /** Reads the store again: other tabs have written, changed or settled entries. */
  async #pull() {
    const store = await this.#opened;
    const before = [...this.#entries.values()].filter(entry => entry.n);
    const kept = await store.all();
    if (this.#account.retired) return;
    for (const entry of before) if (!kept.some(e => e.n === entry.n)) this.#forget(entry);
    for (const { temp_id, ...entry } of kept) {
      const held = this.#entries.get(temp_id) ?? /** @type {any} */ ({ temp_id });
      if (entry.state === 'failed' && held.state === 'pending') this.#client.promises.fail(temp_id, new ChatError(entry.error, entry.reason));
      this.#entries.set(temp_id, Object.assign(held, entry, { images: merged(held.images, entry.images, true) }));
      this.#client.emit('outbox', held);
    }
    this.delivery.run();
  }

  /** Settles the promise of an entry that another tab has settled. */
  #heard({ settled, discarded, result }) {
    if (discarded) this.#client.promises.fail(settled, new ChatError('closed', 'discarded'));
    else if (result) this.#client.promises.done(settled, result.message);
  }

  /** Runs work that only one tab at a time may do. */
  alone(lane, work) {
    return this.#tab ? this.#tab.alone(lane, work) : work();
  }

  // Delivery

  /** Whether this tab may send an entry. @param {Entry} entry */
  sendable(entry) {
    return entry.n && entry.state === 'pending' && (!entry.held || entry.tab === this.#tab?.id);
  }

  /** Whether an entry can be sent now: its pictures are stored, and so is the message that it changes. @param {Entry} entry */
  ready(entry) {
    return this.sendable(entry) && isStored(entry) && (entry.message_id || !this.#entries.has(entry.of ?? ''));
  }

  /** Whether an entry is still in the outbox. @param {Entry} entry */
  holds(entry) {
    return this.#entries.get(entry.temp_id) === entry;
  }

  /** Reads an entry from the store again. @param {Entry} entry */
  async refresh(entry) {
    const kept = (await (await this.#opened).all()).find(({ n }) => n === entry.n);
    if (kept) Object.assign(entry, kept, { images: merged(entry.images, kept.images) });
    else await this.#pull();
  }

  /** Marks an entry as sent; returns `before`: whether it had been sent already. Undefined if it is gone or must not be sent. */
  async claim(entry) {
    let before;
    const kept = await (await this.#opened).update(entry.n, kept => {
      before = !!kept.tried;
      return this.sendable(kept) && isStored(kept) ? { ...kept, tried: true } : undefined;
    });
    if (!kept) {
      await this.#pull();
      return undefined;
    }
    Object.assign(entry, kept, { images: merged(entry.images, kept.images) });
    return { before };
  }

  // Answers of the server

  /** The entry with this `temp_id`. */
  entry(temp_id) {
    return this.#entries.get(temp_id);
  }

  /** Whether the outbox has an edit or a deletion of a message. */
  changes(message_id) {
    return [...this.#entries.values()].some(entry => entry.message_id === message_id);
  }

  /** Makes the message that an acknowledgement confirms; undefined if its entry is not in the outbox. */
  written(ack) {
    const entry = this.#entries.get(ack.temp_id);
    return entry && message(entry, ack, this.#account.me, entry.card && this.#account.market.heldCard(entry.card));
  }

  /** Settles the entries that a new or changed message confirms. */
  observe(message) {
    const { id, temp_id, sender_id, deleted, edited_at } = message;
    if (temp_id && sender_id === this.#account.me) {
      const entry = this.#entries.get(temp_id);
      for (const change of entry ? this.#changesOf(entry) : []) this.change(change, { message_id: id });
      this.settle(temp_id, message);
    }
    for (const entry of [...this.#entries.values()]) {
      if (entry.message_id !== id) continue;
      const done = entry.kind === 'delete' ? deleted : entry.tried && edited_at && entry.content === message.content;
      if (done) this.settle(entry.temp_id, entry.kind === 'edit' ? message : undefined);
    }
  }

  /** Removes an entry that is stored, and resolves its promise. */
  settle(temp_id, message) {
    const entry = this.#entries.get(temp_id);
    if (entry) this.#remove(entry, { result: { message } });
    this.#client.promises.done(temp_id, message);
    this.delivery.settled(temp_id);
  }
}
