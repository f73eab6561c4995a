// Conversations: their messages, an unbroken run up to the newest; how far each side has read; who types.
//
//   frame -> thread, by rev -> events;   gap, reset -> REST -> thread

import { visible } from './connection.js';
import { newest, now } from './time.js';

const last = thread => thread.messages.at(-1)?.seq ?? 0;
const raise = (thread, mark, to) => (thread[mark] = Math.max(thread[mark] ?? 0, to));

export class Threads {
  #account;
  #client;
  #all = new Map();
  #next; // the following page of threads
  #loading;
  #stale = false;
  #arrived = new Set();

  constructor(account, client) {
    this.#account = account;
    this.#client = client;
  }

  get hasMore() {
    return !!this.#next;
  }

  async list({ more = false } = {}) {
    if (more && this.#next) this.#next = await this.#page('?limit=100&before=' + encodeURIComponent(this.#next));
    return [...this.#all.values()].sort(newest);
  }

  async #page(query = '') {
    const { threads, next } = await this.#client.ask('GET', '/chat/threads' + query);
    for (const thread of threads) this.#meet(thread, !query && this.#account.cursor);
    return next;
  }

  get(to) {
    const id = to?.id ?? to;
    return this.#all.get(id) ?? [...this.#all.values()].find(thread => thread.other_user_id === to.user);
  }

  async messages(to, { atLeast = 50, more = false } = {}) {
    while (!this.get(to) && this.#next) await this.list({ more: true });
    const thread = this.get(to);
    if (!thread) return [];
    if (thread.low > 1 && (more || thread.messages.length < atLeast)) {
      const { messages, has_more, rev } = await this.#client.ask('GET', `/chat/messages?thread_id=${thread.id}&limit=${Math.min(200, atLeast)}&before_seq=${thread.low}`);
      thread.low = has_more ? Math.min(thread.low, messages[0].seq) : 1;
      for (const message of messages) this.put(thread, message, false);
      // What changed meanwhile found nothing to change.
      if (rev < thread.rev) await this.#changes(thread, rev, thread.rev);
    }
    return thread.messages;
  }

  async *history(to) {
    await this.messages(to);
    const thread = this.get(to);
    for (let seq = thread ? last(thread) : 0; seq > 0; seq--) {
      if (seq < thread.low) await this.messages(thread, { more: true });
      yield thread.messages.find(m => m.seq === seq);
    }
  }

  status({ thread_id, seq }) {
    const thread = this.#all.get(thread_id);
    return !thread || seq > thread.other_delivered_seq ? 'sent' : seq > thread.other_read_seq ? 'delivered' : 'seen';
  }

  markSeen(to) {
    const thread = this.get(to);
    if (!thread) return;
    thread.looked = !visible();
    if (thread.looked || last(thread) <= thread.read_seq) return;
    thread.seen = thread.read_seq = last(thread);
    thread.unread = 0;
    this.#client.say({ type: 'message_seen', thread_id: thread.id, up_to: thread.seen });
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

  clear() {
    this.#next = undefined;
    this.#all.clear();
  }

  hungUp() {
    this.#loading = undefined;
    for (const thread of this.#all.values()) this.#types(thread, false);
  }

  /** Says again what the server may not have heard. */
  begin() {
    for (const thread of this.#all.values()) {
      thread.confirmed = 0;
      if (thread.unread) this.#confirm(thread);
      if (thread.seen) this.#client.say({ type: 'message_seen', thread_id: thread.id, up_to: thread.seen });
    }
  }

  acknowledged(frame) {
    const { outbox } = this.#account;
    if (this.#all.has(frame.thread_id)) outbox.stored(frame, this.#all.get(frame.thread_id));
    else this.refresh().then(() => outbox.stored(frame, this.#all.get(frame.thread_id)));
  }

  changed(message) {
    const thread = this.#all.get(message.thread_id);
    if (!thread) return void this.refresh();
    this.put(thread, message);
    this.advance(thread, message.rev, true);
  }

  marked(frame) {
    const thread = this.#all.get(frame.thread_id);
    if (!thread) return void this.refresh();
    const { seen_by, delivered_to, up_to } = frame;
    if ((seen_by ?? delivered_to) !== this.#account.me) {
      raise(thread, 'other_delivered_seq', up_to);
      if (seen_by) raise(thread, 'other_read_seq', up_to);
    } else if (seen_by && up_to > thread.read_seq) {
      thread.read_seq = up_to;
      if (up_to < thread.last_seq) this.refresh();
      else thread.unread = 0;
    }
    this.#client.emit('thread', thread);
  }

  typed({ thread_id, type }) {
    const thread = this.#all.get(thread_id);
    if (thread) this.#types(thread, type === 'typing');
  }

  #meet(t, live) {
    let thread = this.#all.get(t.id);
    this.#account.presence.seen(t.other_user_id, t.other_online, t.other_last_seen);
    if (!thread) {
      this.#all.set(t.id, (thread = { ...t, messages: [], low: t.last_seq || 1, typing: false }));
      if (t.last_message) this.put(thread, t.last_message, live);
      thread.unread = t.unread;
    } else {
      if (t.read_seq >= thread.read_seq) {
        if (t.rev === thread.rev && !thread.filling) thread.unread = t.unread;
        else this.#stale = true;
      }
      for (const mark of ['other_read_seq', 'other_delivered_seq', 'read_seq']) raise(thread, mark, t[mark]);
      this.advance(thread, t.rev);
    }
    this.#client.emit('thread', thread);
  }

  /** Reads the newest threads; again, if asked meanwhile. */
  refresh() {
    this.#stale = true;
    return (this.#loading ??= this.#account.fetch(async () => {
      while (this.#stale) {
        this.#stale = false;
        const next = await this.#page();
        this.#next ??= next;
        for (const thread of this.#all.values()) await thread.filling;
      }
    }).finally(() => (this.#loading = undefined)));
  }

  /** Takes in a message, or a change of one, if it is newer. */
  put(thread, message, live = true) {
    const { messages } = thread;
    const { me } = this.#account;
    const mine = message.sender_id === me;
    const fresh = message.seq > last(thread);
    let held = !fresh && messages.findLast(m => m.id === message.id);
    if (held ? message.rev <= held.rev : !(message.seq >= thread.low)) return;
    if (held) {
      if (message.deleted && !held.deleted && held.seq > thread.read_seq && held.sender_id !== me && thread.unread) thread.unread--;
      Object.assign(held, message);
    } else {
      held = message;
      messages.splice(messages.findLastIndex(m => m.seq < message.seq) + 1, 0, held);
      if (live && !mine && !message.deleted && message.seq > thread.read_seq) thread.unread++;
    }
    if (fresh) {
      thread.last_message = held;
      thread.last_seq = held.seq;
      thread.updated_at = held.created_at;
      if (!mine) {
        this.#types(thread, false);
        this.#confirm(thread);
      }
    }
    if (live) this.#client.emit('message', held, thread);
    this.#client.emit('thread', thread);
  }

  /** Closes gaps; what was not put in is one. In a replay there are none: what changed twice is told once. */
  advance(thread, rev, put = false) {
    if (put && (this.#account.replaying || rev === thread.rev + 1)) raise(thread, 'rev', rev);
    if (rev <= thread.rev) return;
    raise(thread, 'top', rev);
    thread.filling ??= this.#account.fetch(async () => {
      while (thread.rev < thread.top) raise(thread, 'rev', await this.#changes(thread, thread.rev, thread.top));
    }).finally(() => (thread.filling = undefined));
  }

  async #changes(thread, from, to) {
    while (from < to) {
      const { messages, rev } = await this.#client.ask('GET', `/chat/messages?thread_id=${thread.id}&after_rev=${from}&limit=200`);
      for (const message of messages) {
        this.#account.outbox.sent(message);
        this.put(thread, message);
      }
      from = rev > from ? rev : to;
    }
    return from;
  }

  #confirm(thread) {
    if (!this.#arrived.size) setTimeout(() => {
      for (const t of this.#arrived) {
        const up_to = last(t);
        if (this.#account.online && up_to > (t.confirmed ?? 0)) this.#client.say({ type: 'message_delivered', thread_id: t.id, up_to: (t.confirmed = up_to) });
      }
      this.#arrived.clear();
    }, 50);
    this.#arrived.add(thread);
  }

  #types(thread, on) {
    if (thread.typing === on) return;
    thread.typing = on;
    this.#client.emit('typing', thread, on);
  }
}
