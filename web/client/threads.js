// Conversations: their messages, without gaps up to the newest; how far each side has read; whether the other side types.
//
//   frame -> thread, by rev -> events;   gap, reset, a thread that is not loaded -> REST -> thread

import { ChatError } from './errors.js';
import { Receipts, last } from './receipts.js';
import { later, newest, now } from './time.js';
import { Unread } from './unread.js';
import { visible } from './visible.js';

const raise = (thread, mark, to) => (thread[mark] = Math.max(thread[mark] ?? 0, to));

export class Threads {
  #account;
  #client;
  #all = new Map();
  /** By thread: its unread count, the `rev` at which it was loaded, and the `rev` of its last late report. */ #notes = new Map();
  #next; // the cursor of the next page of threads
  #loading = false;
  /** Work to do when a thread is loaded, by its id, in the order of arrival. */ #waiting = new Map();
  /** Requests of threads, by id. */ #asked = new Map();
  #receipts;
  #greeting;
  /** Counts loads: answers to requests from before the last one are ignored. */ #loads = 0;

  constructor(account, client) {
    this.#account = account;
    this.#client = client;
    this.#receipts = new Receipts(account, client);
  }

  // Called by the page

  get hasMore() {
    return !!this.#next;
  }

  async list({ more = false } = {}) {
    await this.#account.ready();
    if (more && this.#next) this.#next = await this.#page('?limit=100&before=' + encodeURIComponent(this.#next));
    return [...this.#all.values()].sort(newest);
  }

  get(to) {
    const id = to?.id ?? to;
    return this.#all.get(id) ?? [...this.#all.values()].find(thread => to?.user != null && thread.other_user_id === +to.user);
  }

  /** A loaded message. */
  held({ thread_id, id }) {
    return this.#all.get(thread_id)?.messages.findLast(m => m.id === id);
  }

  /** Finds a loaded message and its thread, by the message's id or `temp_id`. */
  find(key) {
    for (const thread of this.#all.values()) {
      const message = thread.messages.findLast(m => m.id === key || (m.temp_id === key && m.sender_id === this.#account.me));
      if (message) return { thread, message };
    }
    return undefined;
  }

  /** Returns a thread, and loads it if it is not loaded yet. */
  async known(to) {
    await this.#account.ready();
    const held = this.get(to);
    if (held || (to?.user == null && to?.id == null && typeof to !== 'number')) return held;
    if (to.user == null) return this.#want(to.id ?? to);
    // All threads are loaded; and no thread is with the user itself.
    if (!this.#next || +to.user === this.#account.me) return undefined;
    const { thread_id } = await this.#client.ask('GET', `/chat/messages?with=${+to.user}&limit=1`);
    return thread_id ? this.#want(thread_id) : undefined;
  }

  async messages(to, { atLeast = 50, more = false } = {}) {
    const limit = Math.min(200, atLeast);
    const [early, thread] = [this.#early(to, limit), await this.known(to)];
    if (!thread) return [];
    if (thread.low > 1 && (more || thread.messages.length < atLeast)) {
      const { messages, has_more, rev } = (await early) ?? (await this.#client.ask('GET', `/chat/messages?thread_id=${thread.id}&limit=${limit}&before_seq=${thread.low}`));
      thread.low = has_more && messages.length ? Math.min(thread.low, messages[0].seq) : 1;
      for (const message of messages) this.#put(thread, message);
      // Changes that came meanwhile did not find these messages: fetch them again.
      for (let from = rev; from < thread.rev; ) from = await this.#changes(thread, from, message => this.#put(thread, message));
    }
    return thread.messages;
  }

  /** Requests the newest messages of a conversation before the threads are loaded: that saves a round trip. */
  #early(to, limit) {
    if (to?.user == null || this.#all.size || this.#client.connection.state !== 'connecting') return undefined;
    return this.#client.ask('GET', `/chat/messages?with=${+to.user}&limit=${limit}`).then(page => (page.messages.length ? page : undefined), () => undefined);
  }

  async *history(to) {
    await this.messages(to);
    const thread = this.get(to);
    for (let seq = thread ? last(thread) : 0; seq > 0; seq--) {
      if (seq < thread.low) await this.messages(thread, { more: true });
      yield thread.messages.find(m => m.seq === seq);
    }
  }

  markSeen(to) {
    const thread = this.get(to);
    if (!thread) return;
    thread.looked = !visible();
    if (thread.looked || last(thread) <= thread.read_seq) return;
    thread.seen = thread.read_seq = last(thread);
    thread.unread = 0;
    this.#receipts.seen(thread);
    this.#client.emit('thread', thread);
  }

  /** Marks the threads as read that were to be marked while the page was hidden. */
  looked() {
    for (const thread of this.#all.values()) if (thread.looked) this.markSeen(thread);
  }

  typing(to, on = true) {
    const thread = this.get(to);
    if (!thread || (on ? now() - thread.typed < 3e3 : !thread.typed)) return;
    thread.typed = on ? now() : undefined;
    this.#client.say({ type: on ? 'typing' : 'stop_typing', thread_id: thread.id });
  }

  /** Notes that a message was sent: the server knows by it that the user has stopped typing. */
  stopsTyping(to) {
    const thread = this.get(to);
    if (thread) thread.typed = undefined;
  }

  // The connection

  clear() {
    this.#loads++;
    this.#next = undefined;
    this.#all.clear();
    this.#notes.clear();
    this.#forgetAsked();
  }

  hungUp() {
    this.#loading = false;
    this.#forgetAsked();
    for (const thread of this.#all.values()) this.#types(thread, false);
  }

  /** Drops the requests and the work that waits for them: the next connection repeats both. */
  #forgetAsked() {
    this.#waiting.clear();
    this.#asked.clear();
  }

  /** Loads the newest threads, for the first time or again. Frames about other threads wait meanwhile. */
  async load() {
    this.#loading = true;
    this.#next = await this.#page();
    this.#loading = false;
    for (const id of [...this.#waiting.keys()]) this.#missing(id);
    for (const thread of this.#all.values()) await thread.filling;
  }

  begin() {
    this.#receipts.begin(this.#all.values());
  }

  // Frames of the server

  /** Handles a new message; `receiver`: its receiver, if this user has sent it and it may begin a conversation. */
  created(message, receiver) {
    const { thread_id, seq, rev, created_at } = message;
    if (receiver && seq === 1 && rev === 1 && !this.#all.has(thread_id)) {
      this.#meet({
        id: thread_id, other_user_id: receiver, last_message: null, last_seq: 0, rev: 0, unread: 0, read_seq: 0,
        other_read_seq: 0, other_delivered_seq: 0, created_at, updated_at: created_at,
      });
      this.#greet();
    }
    this.#with(thread_id, thread => this.#apply(thread, message, true));
  }

  /** Handles an edited or deleted message. */
  changed(message) {
    this.#with(message.thread_id, thread => this.#apply(thread, message, false));
  }

  /** Fetches the changes of a thread up to `rev`. */
  missed(thread_id, rev) {
    this.#with(thread_id, thread => this.#fill(thread, rev));
  }

  marked({ thread_id, seen_by, delivered_to, up_to }) {
    this.#with(thread_id, thread => {
      if ((seen_by ?? delivered_to) !== this.#account.me) {
        raise(thread, 'other_delivered_seq', up_to);
        if (seen_by) raise(thread, 'other_read_seq', up_to);
      } else if (seen_by && up_to > thread.read_seq) {
        thread.read_seq = up_to;
        this.#recount(thread);
      }
      this.#client.emit('thread', thread);
    });
  }

  typed({ thread_id, type }) {
    this.#with(thread_id, thread => this.#types(thread, type === 'typing'));
  }

  // Threads that are not loaded

  /** Runs work with a thread: now, or as soon as the thread is loaded. */
  #with(id, work) {
    const thread = this.#all.get(id);
    if (thread) return work(thread);
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.set(id, [...waiting, work]);
    if (!waiting.length && !this.#loading) this.#missing(id);
  }

  #missing(id) {
    this.#account.fetch(() => this.#want(id));
  }

  /** Requests a thread by its id, once at a time; undefined if there is no such thread. */
  #want(id) {
    const held = this.#asked.get(id);
    if (held) return held;
    const asked = this.#ask(id).finally(() => this.#asked.get(id) === asked && this.#asked.delete(id));
    this.#asked.set(id, asked);
    return asked;
  }

  async #ask(id) {
    const loads = this.#loads;
    try {
      const thread = await this.#client.ask('GET', `/chat/threads/${id}`);
      if (loads === this.#loads) this.#meet(thread);
    } catch (error) {
      this.#waiting.delete(id);
      if (!(error instanceof ChatError && error.code === 'not_found')) throw error;
    }
    return this.#all.get(id);
  }

  async #page(query = '') {
    const loads = this.#loads;
    const { threads, next } = await this.#client.ask('GET', '/chat/threads' + query);
    if (loads !== this.#loads) return this.#next;
    for (const thread of threads) this.#meet(thread);
    return next;
  }

  /** Merges a thread of the server, and runs the work that waits for it. */
  #meet(t) {
    let thread = this.#all.get(t.id);
    const { profiles } = this.#account.market;
    if (t.other_online !== undefined) this.#account.presence.seen(t.other_user_id, t.other_online, t.other_last_seen);
    if (t.other === undefined) profiles.want(t.other_user_id);
    else profiles.take(t.other_user_id, t.other);
    if (!thread) {
      thread = { ...t, other: profiles.held(t.other_user_id) ?? null, messages: t.last_message ? [t.last_message] : [], low: t.last_seq || 1, typing: false };
      this.#all.set(t.id, thread);
      this.#notes.set(t.id, { unread: new Unread(thread, this.#account.me), quiet: t.rev, told: 0 });
    } else {
      for (const mark of ['other_read_seq', 'other_delivered_seq']) raise(thread, mark, t[mark]);
      if (t.rev >= thread.rev && t.read_seq >= thread.read_seq) {
        thread.read_seq = t.read_seq;
        this.#unread(thread).take(t);
      }
      this.#fill(thread, t.rev);
    }
    if (thread.unread) this.#receipts.arrived(thread);
    const waiting = this.#waiting.get(t.id) ?? [];
    this.#waiting.delete(t.id);
    for (const work of waiting) work(thread);
    this.#client.emit('thread', thread);
  }

  // Messages

  /** @returns {Unread} */
  #unread(thread) {
    return this.#notes.get(thread.id).unread;
  }

  /** Applies a frame about a message, in the order of `rev`. If changes between are missing, fetches them all. */
  #apply(thread, message, whole) {
    const { rev } = message;
    if (rev <= thread.rev) return this.#tellLate(thread, message, whole);
    // A replay has no missing changes: it tells only the last of several changes of a message.
    if (!this.#account.replaying && rev !== thread.rev + 1) return this.#fill(thread, rev);
    thread.rev = rev;
    this.#take(thread, message, whole);
  }

  /** Applies a change that is new. */
  #take(thread, message, whole = true) {
    this.#unread(thread).count(message);
    const held = this.#put(thread, message, whole);
    if (held) this.#client.emit('message', held, thread);
    this.#client.emit('thread', thread);
  }

  /** Reports a message that was in the thread when it was loaded, and whose frame comes only now. */
  #tellLate(thread, message, whole) {
    const notes = this.#notes.get(thread.id);
    if (!whole || message.rev > notes.quiet || message.rev <= notes.told) return;
    notes.told = message.rev;
    const held = thread.messages.find(m => m.id === message.id);
    if (!held && message.seq === thread.low - 1) {
      thread.messages.unshift(message);
      thread.low = message.seq;
    }
    this.#client.emit('message', held ?? message, thread);
    this.#client.emit('thread', thread);
  }

  /** Inserts a message, or updates it if the given state is newer. Returns the message if anything has changed. */
  #put(thread, message, whole = true) {
    const { messages } = thread;
    const fresh = message.seq > last(thread);
    let held = !fresh && messages.findLast(m => m.id === message.id);
    if (held ? message.rev <= held.rev : !whole || message.seq < thread.low) return undefined;
    if (held) Object.assign(held, message);
    else {
      held = message;
      messages.splice(messages.findLastIndex(m => m.seq < message.seq) + 1, 0, held);
    }
    if (fresh) {
      thread.last_message = held;
      thread.last_seq = held.seq;
      thread.updated_at = later(thread.updated_at, held.created_at);
      if (message.sender_id !== this.#account.me) {
        this.#types(thread, false);
        this.#receipts.arrived(thread);
      }
    }
    return held;
  }

  /** Fetches the changes up to a `rev`. */
  #fill(thread, rev) {
    if (rev <= thread.rev) return;
    raise(thread, 'top', rev);
    thread.filling ??= this.#account.fetch(async () => {
      while (thread.rev < thread.top) thread.rev = Math.max(thread.rev, Math.min(thread.top, await this.#changes(thread, thread.rev, message => {
        if (message.rev <= thread.rev) return; // a frame has told it meanwhile
        this.#account.outbox.observe(message);
        this.#take(thread, message);
      })));
    }).finally(() => (thread.filling = undefined));
  }

  /** Reads a page of the changes after a `rev`. Returns the `rev` up to which it is complete. */
  async #changes(thread, from, take) {
    const { messages, rev } = await this.#client.ask('GET', `/chat/messages?thread_id=${thread.id}&after_rev=${from}&limit=200`);
    for (const message of messages) take(message);
    // A server without later changes has lost them: there is nothing more to fetch.
    return rev > from ? rev : Infinity;
  }

  /** Counts the unread messages after the user has read some on another device: locally, if all of them are loaded. */
  #recount(thread) {
    const above = thread.messages.filter(m => m.seq > thread.read_seq);
    if (thread.low <= thread.read_seq + 1 && !thread.filling) thread.unread = above.filter(m => m.sender_id !== this.#account.me && !m.deleted).length;
    else this.#account.fetch(async () => {
      // Frames that come meanwhile make the answer outdated: then ask again.
      for (let asked; !asked || (this.#all.get(thread.id) === thread && asked.rev < thread.rev); ) {
        asked = await this.#client.ask('GET', `/chat/threads/${thread.id}`);
        this.#meet(asked);
        await thread.filling;
      }
    });
  }

  /** Asks who is online, once for several new conversations. */
  #greet() {
    this.#greeting ??= setTimeout(() => {
      this.#greeting = undefined;
      this.#client.say({ type: 'who_is_online' });
    }, 50);
  }

  /** Handles a temporary refusal that concerns a thread: its receipts are sent again. Returns whether it was one. */
  refused({ thread_id }, { temporary, retryAfter }) {
    const thread = temporary && this.#all.get(thread_id);
    if (thread) this.#receipts.refused(thread, retryAfter);
    return !!thread;
  }

  #types(thread, on) {
    if (thread.typing === on) return;
    thread.typing = on;
    this.#client.emit('typing', thread, on);
  }
}
