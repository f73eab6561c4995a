// Conversations: their messages, an unbroken run up to the newest; how far each side has read; who types.
//
//   frame -> thread, by rev -> events;   gap, reset, a thread that is not here -> REST -> thread

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
  /** What only the client knows of a thread: how its unread ones are counted, what has been told of it. */ #notes = new Map();
  #next; // the following page of threads
  #loading = false;
  /** What is to be done with threads that are not here yet, in the order in which it came. */ #waiting = new Map();
  /** Threads that are being asked for. */ #asked = new Map();
  #receipts;
  #greeting;
  /** Counts loads: what was asked for before one is void. */ #loads = 0;

  constructor(account, client) {
    this.#account = account;
    this.#client = client;
    this.#receipts = new Receipts(account, client);
  }

  // What a page asks for

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

  /** A message that is here. */
  held({ thread_id, id }) {
    return this.#all.get(thread_id)?.messages.findLast(m => m.id === id);
  }

  /** A message that is here, by its id or by the name under which it was sent. */
  find(key) {
    for (const thread of this.#all.values()) {
      const message = thread.messages.findLast(m => m.id === key || (m.temp_id === key && m.sender_id === this.#account.me));
      if (message) return { thread, message };
    }
    return undefined;
  }

  /** A thread that may not be here yet. */
  async known(to) {
    await this.#account.ready();
    const held = this.get(to);
    if (held || (to?.user == null && to?.id == null && typeof to !== 'number')) return held;
    if (to.user == null) return this.#want(to.id ?? to);
    // All threads are here, or there is none with oneself.
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
      // What changed meanwhile found nothing to change.
      for (let from = rev; from < thread.rev; ) from = await this.#changes(thread, from, message => this.#put(thread, message));
    }
    return thread.messages;
  }

  /** Asks for the newest messages of a conversation before the threads are here: that saves a round trip. */
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

  /** Marks what was waiting to be seen. */
  looked() {
    for (const thread of this.#all.values()) if (thread.looked) this.markSeen(thread);
  }

  typing(to, on = true) {
    const thread = this.get(to);
    if (!thread || (on ? now() - thread.typed < 3e3 : !thread.typed)) return;
    thread.typed = on ? now() : undefined;
    this.#client.say({ type: on ? 'typing' : 'stop_typing', thread_id: thread.id });
  }

  /** A message was sent there: the server knows that one types no more. */
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

  /** What waits for a thread that is being asked for comes again on the next connection. */
  #forgetAsked() {
    this.#waiting.clear();
    this.#asked.clear();
  }

  /** Reads the newest threads, for the first time or anew. What comes in meanwhile waits for them. */
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

  // What the server tells

  /** A message is there; `receiver`: to whom, if it is one's own and begins a conversation. */
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

  /** A message was edited or deleted. */
  changed(message) {
    this.#with(message.thread_id, thread => this.#apply(thread, message, false));
  }

  /** Something has happened that is not known here. */
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

  // Threads that are not here

  /** Does something with a thread: now, or as soon as it is here. */
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

  /** Asks for a thread by its id, once at a time; nothing, if there is no such thread. */
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

  /** Takes in a thread as the server has it, and does what was waiting for it. */
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

  /** Takes in what is told of a message, in the order of changes. What leaves a gap is fetched with all that is in it. */
  #apply(thread, message, whole) {
    const { rev } = message;
    if (rev <= thread.rev) return this.#tellLate(thread, message, whole);
    // In a replay there are no gaps: what changed twice is told once.
    if (!this.#account.replaying && rev !== thread.rev + 1) return this.#fill(thread, rev);
    thread.rev = rev;
    this.#take(thread, message, whole);
  }

  /** Takes in a change that has not been counted. */
  #take(thread, message, whole = true) {
    this.#unread(thread).count(message);
    const held = this.#put(thread, message, whole);
    if (held) this.#client.emit('message', held, thread);
    this.#client.emit('thread', thread);
  }

  /** The thread was read when this had happened, and before it was told. */
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

  /** Puts a message, or a change of one, where it belongs, if it is newer. Gives it, if anything has changed. */
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

  /** Fetches what has changed up to a `rev`. */
  #fill(thread, rev) {
    if (rev <= thread.rev) return;
    raise(thread, 'top', rev);
    thread.filling ??= this.#account.fetch(async () => {
      while (thread.rev < thread.top) thread.rev = Math.max(thread.rev, Math.min(thread.top, await this.#changes(thread, thread.rev, message => {
        if (message.rev <= thread.rev) return; // told meanwhile
        this.#account.outbox.observe(message);
        this.#take(thread, message);
      })));
    }).finally(() => (thread.filling = undefined));
  }

  /** Reads a page of what has changed after a `rev`. Gives the `rev` up to which it is all. */
  async #changes(thread, from, take) {
    const { messages, rev } = await this.#client.ask('GET', `/chat/messages?thread_id=${thread.id}&after_rev=${from}&limit=200`);
    for (const message of messages) take(message);
    // A server that knows of no more than this has lost the rest.
    return rev > from ? rev : Infinity;
  }

  /** Counts what is unread after one has read a part elsewhere: here, if all of it is here. */
  #recount(thread) {
    const above = thread.messages.filter(m => m.seq > thread.read_seq);
    if (thread.low <= thread.read_seq + 1 && !thread.filling) thread.unread = above.filter(m => m.sender_id !== this.#account.me && !m.deleted).length;
    else this.#account.fetch(async () => {
      // What is told while it is asked for makes the answer old.
      for (let asked; !asked || (this.#all.get(thread.id) === thread && asked.rev < thread.rev); ) {
        asked = await this.#client.ask('GET', `/chat/threads/${thread.id}`);
        this.#meet(asked);
        await thread.filling;
      }
    });
  }

  /** Asks who of all is there, once for all conversations that have just begun. */
  #greet() {
    this.#greeting ??= setTimeout(() => {
      this.#greeting = undefined;
      this.#client.say({ type: 'who_is_online' });
    }, 50);
  }

  /** The server has refused something about a thread. Tells whether that is all that there is to do. */
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
