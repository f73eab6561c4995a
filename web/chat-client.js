// The client of Softadastra Chat; chat-client.d.ts describes it.
//
//   send() -> outbox on disk -> socket -> message_ack -> thread -> events
//   socket -> frame -> thread, by rev -> events;   gap, reset -> REST -> thread

export class ChatError extends Error {
  constructor(code, message = code, temporary = false, retryAfter = 0) {
    super(message);
    this.code = code;
    this.temporary = temporary;
    this.retryAfter = retryAfter;
  }
}

const refusal = e => new ChatError(e.code, e.message, e.temporary, e.retry_after_ms);
const sleep = ms => new Promise(done => setTimeout(done, ms));
const now = () => performance.now();
const newest = (a, b) => (a.updated_at < b.updated_at ? 1 : -1);
const last = thread => thread.messages.at(-1)?.seq ?? 0;
const raise = (thread, mark, to) => (thread[mark] = Math.max(thread[mark] ?? 0, to));
const visible = () => globalThis.document?.visibilityState !== 'hidden';

/** @import * as Api from './chat-client.js' */
/** @implements {Api.ChatClient} */
export class ChatClient {
  state = /** @type {Api.State} */ ('idle');
  counts = { messages: 0, notifications: 0 };
  presence = new Map();
  notifications = /** @type {any[] & {next?: string}} */ ([]);
  me;
  limits;

  #options;
  #base;
  #listeners = {};
  #threads = new Map();
  #next; // the following page of threads
  #socket;
  #turn = 0; // voids what belongs to an earlier connection
  #attempts = 0;
  #refused;
  #fresh;
  #replaying;
  #heartbeat = 25e3;
  #since = 0;
  #heard = 0;
  #asked = 0; // since when an answer is due
  #retry;
  #watch;
  #token;
  #cursor;
  #latest; // becomes the cursor when nothing is being fetched
  #fetching = 0;
  #loading;
  #stale;
  #arrived = new Set();
  #outbox = new Map();
  #promises = new Map();
  #answers = new Map();
  #lanes = new Set();
  #name;
  #store;
  #tabs;

  constructor(options) {
    this.#options = { timeout: 1e4, backoff: [500, 3e4], ...options };
    this.#base = options.url.replace(/\/+$/, '');
    this.#own(options.user);
    this.#listen('addEventListener');
  }

  #listen(how) {
    globalThis.document?.[how]('visibilitychange', this.#look);
    globalThis[how]?.('online', this.#look);
    globalThis[how]?.('offline', this.#offline);
  }

  on(name, listener) {
    const all = (this.#listeners[name] ??= new Set());
    all.add(listener);
    return () => all.delete(listener);
  }

  async *stream(name) {
    const queue = [];
    let wake;
    const off = this.on(name, (...args) => (queue.push(args), wake?.()));
    try {
      for (;;) {
        while (queue.length) yield queue.shift();
        await new Promise(done => (wake = done));
      }
    } finally {
      off();
    }
  }

  #emit(name, ...args) {
    for (const listener of this.#listeners[name] ?? []) {
      try {
        listener(...args);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    }
  }

  // idle -> connecting -> online -> waiting -> connecting; paused, closed: by will

  connect() {
    if (/idle|paused|closed/.test(this.state)) {
      this.#attempts = 0;
      this.#refused = false;
      this.#dial();
    }
    return this;
  }

  disconnect() {
    this.#hangUp();
    this.#become('paused');
  }

  close() {
    this.#listen('removeEventListener');
    this.#hangUp();
    this.#tabs?.close();
    this.#tabs = undefined;
    this.#become('closed');
  }

  async #dial() {
    this.#hangUp();
    const turn = this.#turn;
    this.#become('connecting');
    try {
      const credential = await this.#credential();
      if (turn !== this.#turn) return;
      this.#asked = now();
      const socket = (this.#socket = new (this.#options.WebSocket ?? WebSocket)(this.#base.replace(/^http/, 'ws') + '/chat?channels=notifications'));
      socket.onopen = () => this.#say({ type: 'auth', ...credential, cursor: this.#cursor }, true);
      socket.onmessage = event => turn === this.#turn && this.#hear(JSON.parse(event.data));
      socket.onclose = event => turn === this.#turn && this.#lost(event.code, event.reason);
      socket.onerror = () => {};
      this.#watch = setInterval(() => this.#check(), Math.min(1e3, this.#options.timeout / 4));
    } catch (error) {
      this.#emit('error', error);
      if (turn === this.#turn) this.#lost();
    }
  }

  #hangUp() {
    ++this.#turn;
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#socket?.close();
    this.#socket = this.#replaying = this.#loading = undefined;
    this.#asked = 0;
    this.#latest = this.#cursor;
    for (const answer of this.#answers.values()) answer();
    for (const thread of this.#threads.values()) this.#types(thread, false);
  }

  // From 4500 on: stay away; but 4500 may be a stale token, once.
  #lost(code = 0, reason = '') {
    if (this.#since && now() - this.#since > 3e3) this.#attempts = 0;
    this.#since = 0;
    this.#hangUp();
    if (code >= 4500 && code < 5000 && (code > 4500 || this.#refused)) {
      this.#become('closed');
      return this.#emit('error', new ChatError(code > 4500 ? 'closed' : 'unauthorized', `${code} ${reason}`));
    }
    this.#refused = code === 4500;
    const renew = this.#refused || code === 4005;
    this.#fresh ||= renew;
    const [least, most] = this.#options.backoff;
    let wait = Math.random() * Math.min(most, least * 2 ** this.#attempts);
    if (!this.#attempts++ && renew) wait = 0;
    if (code === 4001 && /^\d+$/.test(reason)) wait = +reason;
    this.#retry = setTimeout(() => this.#dial(), wait);
    this.#become('waiting', wait);
  }

  // The network or the page is back: trust no silence.
  #look = () => {
    if (!visible()) return;
    if (this.state === 'waiting') this.#dial();
    this.#say({ type: 'ping' }, true);
    for (const thread of this.#threads.values()) if (thread.looked) this.markSeen(thread);
  };

  #offline = () => {
    if (/online|connecting/.test(this.state)) this.#lost();
  };

  #check() {
    const time = now();
    if (this.#asked && time - this.#asked > this.#options.timeout) this.#lost(4003);
    else if (!this.#asked && time - this.#heard > this.#heartbeat) this.#say({ type: 'ping' }, true);
  }

  #say(frame, answered = false) {
    if (this.#socket?.readyState !== 1) return;
    if (answered) this.#asked ||= now();
    this.#socket.send(JSON.stringify(frame));
  }

  #become(state, wait = 0) {
    this.state = state;
    this.#emit('state', state, wait);
  }

  async #credential() {
    const { getToken, getTicket } = this.#options;
    const ticket = await getTicket?.();
    const token = (this.#token = await getToken?.({ fresh: !!this.#fresh }));
    this.#fresh = false;
    const claims = ticket ? { id: ticket.split('.')[1] } : JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    this.#own(+(claims.id ?? claims.user_id ?? claims.userId ?? claims.sub));
    return ticket ? { ticket } : { token };
  }

  #hear(frame) {
    this.#heard = now();
    this.#asked = 0;
    const { type, cursor, ...rest } = frame;
    const thread = this.#threads.get(frame.thread_id);
    switch (type) {
      case 'auth_ok':
        this.#since = now();
        this.#refused = false;
        this.#heartbeat = frame.heartbeat_ms;
        this.limits = frame.limits;
        this.#replaying = frame.resumed;
        if (!frame.resumed) this.#reload(cursor);
        return;
      case 'synced':
        this.#replaying = false;
        this.#keep(cursor);
        return this.#begin();
      case 'message_ack':
        if (thread) this.#stored(frame);
        else this.#refresh().then(() => this.#stored(frame));
        break;
      case 'message_deleted':
        Object.assign(rest, { deleted: true, content: null, images: [], image_urls: [] });
      case 'new_message':
      case 'message_updated':
        this.#sent(rest);
        if (!thread) this.#refresh();
        else {
          this.#put(thread, rest);
          this.#advance(thread, rest.rev, true);
        }
        break;
      case 'messages_seen':
      case 'messages_delivered':
        if (!thread) this.#refresh();
        else this.#mark(thread, frame);
        break;
      case 'typing':
      case 'stop_typing':
        if (thread) this.#types(thread, type === 'typing');
        break;
      case 'user_online':
      case 'user_offline':
        this.#seeing(frame.user_id, type === 'user_online', frame.last_seen);
        break;
      case 'online_users':
        for (const user of [...this.presence.keys(), ...frame.users]) this.#seeing(user, frame.users.includes(user));
        break;
      case 'nav_counts':
        this.#emit('counts', (this.counts = frame.payload));
        break;
      case 'notification':
        this.#notice(frame.payload);
        break;
      case 'notification_read':
        this.#read(frame.id);
        break;
      case 'notification_deleted':
        this.#drop(frame.id);
        break;
      case 'error':
        if (frame.temp_id) this.#answers.get(frame.temp_id)?.(refusal(frame));
        else this.#emit('error', refusal(frame));
    }
    if (cursor) this.#keep(cursor);
  }

  #keep(cursor) {
    this.#latest = cursor;
    if (!this.#fetching && !this.#replaying) this.#cursor = cursor;
  }

  // The cursor stands still meanwhile, and a failure begins again from it.
  async #fetch(work) {
    const turn = this.#turn;
    this.#fetching++;
    const error = await work().catch(e => e);
    this.#fetching--;
    if (error) this.#emit('error', error);
    if (turn !== this.#turn) return;
    if (error) this.#lost();
    else this.#keep(this.#latest);
  }

  async #reload(cursor) {
    const turn = this.#turn;
    this.#cursor = this.#next = undefined;
    this.#latest = cursor;
    this.#threads.clear();
    this.notifications = [];
    await this.#refresh();
    if (turn !== this.#turn) return;
    this.#emit('reset');
    this.#begin();
  }

  #begin() {
    this.#become('online');
    this.#say({ type: 'who_is_online' });
    for (const thread of this.#threads.values()) {
      thread.confirmed = 0;
      if (thread.unread) this.#confirm(thread);
      if (thread.seen) this.#say({ type: 'message_seen', thread_id: thread.id, up_to: thread.seen });
    }
    this.#run();
  }

  get hasMoreThreads() {
    return !!this.#next;
  }

  async threads({ more = false } = {}) {
    if (more && this.#next) this.#next = await this.#page('?limit=100&before=' + encodeURIComponent(this.#next));
    return [...this.#threads.values()].sort(newest);
  }

  async #page(query = '') {
    const { threads, next } = await this.#rest('GET', '/chat/threads' + query);
    for (const thread of threads) this.#meet(thread, !query && this.#cursor);
    return next;
  }

  thread(to) {
    const id = to?.id ?? to;
    return this.#threads.get(id) ?? [...this.#threads.values()].find(thread => thread.other_user_id === to.user);
  }

  async messages(to, { atLeast = 50, more = false } = {}) {
    while (!this.thread(to) && this.#next) await this.threads({ more: true });
    const thread = this.thread(to);
    if (!thread) return [];
    if (thread.low > 1 && (more || thread.messages.length < atLeast)) {
      const { messages, has_more, rev } = await this.#rest('GET', `/chat/messages?thread_id=${thread.id}&limit=${Math.min(200, atLeast)}&before_seq=${thread.low}`);
      thread.low = has_more ? Math.min(thread.low, messages[0].seq) : 1;
      for (const message of messages) this.#put(thread, message, false);
      // What changed meanwhile found nothing to change.
      if (rev < thread.rev) await this.#changes(thread, rev, thread.rev);
    }
    return thread.messages;
  }

  async *history(to) {
    await this.messages(to);
    const thread = this.thread(to);
    for (let seq = thread ? last(thread) : 0; seq > 0; seq--) {
      if (seq < thread.low) await this.messages(thread, { more: true });
      yield thread.messages.find(m => m.seq === seq);
    }
  }

  status({ thread_id, seq }) {
    const thread = this.#threads.get(thread_id);
    return !thread || seq > thread.other_delivered_seq ? 'sent' : seq > thread.other_read_seq ? 'delivered' : 'seen';
  }

  async edit(id, content) {
    const message = await this.#rest('PATCH', `/chat/messages/${id}`, { content });
    const thread = this.#threads.get(message.thread_id);
    if (thread) this.#put(thread, message);
    return message;
  }

  delete(id) {
    return this.#rest('DELETE', `/chat/messages/${id}`);
  }

  markSeen(to) {
    const thread = this.thread(to);
    if (!thread) return;
    thread.looked = !visible();
    const up_to = last(thread);
    if (thread.looked || up_to <= thread.read_seq) return;
    thread.seen = thread.read_seq = up_to;
    thread.unread = 0;
    this.#say({ type: 'message_seen', thread_id: thread.id, up_to });
    this.#emit('thread', thread);
  }

  typing(to, on = true) {
    const thread = this.thread(to);
    if (!thread || (on ? now() - thread.typed < 3e3 : !thread.typed)) return;
    thread.typed = on ? now() : undefined;
    this.#say({ type: on ? 'typing' : 'stop_typing', thread_id: thread.id });
  }

  #meet(t, live) {
    let thread = this.#threads.get(t.id);
    this.#seeing(t.other_user_id, t.other_online, t.other_last_seen);
    if (!thread) {
      this.#threads.set(t.id, (thread = { ...t, messages: [], low: t.last_seq || 1, typing: false }));
      if (t.last_message) this.#put(thread, t.last_message, live);
      thread.unread = t.unread;
    } else {
      if (t.read_seq >= thread.read_seq) {
        if (t.rev === thread.rev && !thread.filling) thread.unread = t.unread;
        else this.#stale = true;
      }
      for (const mark of ['other_read_seq', 'other_delivered_seq', 'read_seq']) raise(thread, mark, t[mark]);
      this.#advance(thread, t.rev);
    }
    this.#emit('thread', thread);
  }

  // Reads the newest threads; again, if asked meanwhile.
  #refresh() {
    this.#stale = true;
    return (this.#loading ??= this.#fetch(async () => {
      while (this.#stale) {
        this.#stale = false;
        const next = await this.#page();
        this.#next ??= next;
        for (const thread of this.#threads.values()) await thread.filling;
      }
    }).finally(() => (this.#loading = undefined)));
  }

  // Takes in a message, or a change of one, if it is newer.
  #put(thread, message, live = true) {
    const { messages } = thread;
    const mine = message.sender_id === this.me;
    const fresh = message.seq > last(thread);
    let held = !fresh && messages.findLast(m => m.id === message.id);
    if (held ? message.rev <= held.rev : !(message.seq >= thread.low)) return;
    if (held) {
      if (message.deleted && !held.deleted && held.seq > thread.read_seq && held.sender_id !== this.me && thread.unread) thread.unread--;
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
    if (live) this.#emit('message', held, thread);
    this.#emit('thread', thread);
  }

  // Closes gaps; what was not put in is one. In a replay there are none: what changed twice is told once.
  #advance(thread, rev, put) {
    if (put && (this.#replaying || rev === thread.rev + 1)) raise(thread, 'rev', rev);
    if (rev <= thread.rev) return;
    raise(thread, 'top', rev);
    thread.filling ??= this.#fetch(async () => {
      while (thread.rev < thread.top) raise(thread, 'rev', await this.#changes(thread, thread.rev, thread.top));
    }).finally(() => (thread.filling = undefined));
  }

  async #changes(thread, from, to) {
    while (from < to) {
      const { messages, rev } = await this.#rest('GET', `/chat/messages?thread_id=${thread.id}&after_rev=${from}&limit=200`);
      for (const message of messages) {
        this.#sent(message);
        this.#put(thread, message);
      }
      from = rev > from ? rev : to;
    }
    return from;
  }

  #mark(thread, { seen_by, delivered_to, up_to }) {
    if ((seen_by ?? delivered_to) !== this.me) {
      raise(thread, 'other_delivered_seq', up_to);
      if (seen_by) raise(thread, 'other_read_seq', up_to);
    } else if (seen_by && up_to > thread.read_seq) {
      thread.read_seq = up_to;
      if (up_to < thread.last_seq) this.#refresh();
      else thread.unread = 0;
    }
    this.#emit('thread', thread);
  }

  #confirm(thread) {
    if (!this.#arrived.size) setTimeout(() => {
      for (const t of this.#arrived) {
        const up_to = last(t);
        if (this.state === 'online' && up_to > (t.confirmed ?? 0)) this.#say({ type: 'message_delivered', thread_id: t.id, up_to: (t.confirmed = up_to) });
      }
      this.#arrived.clear();
    }, 50);
    this.#arrived.add(thread);
  }

  #types(thread, on) {
    if (thread.typing === on) return;
    thread.typing = on;
    this.#emit('typing', thread, on);
  }

  #seeing(user, online, last_seen) {
    const held = this.presence.get(user);
    if (held?.online === online && !last_seen) return;
    const presence = { online, last_seen: last_seen ?? held?.last_seen ?? null };
    this.presence.set(user, presence);
    this.#emit('presence', user, presence);
  }

  async loadNotifications({ more = false } = {}) {
    const { next } = this.notifications;
    const page = await this.#rest('GET', '/notifications' + (more && next ? '?before=' + encodeURIComponent(next) : ''));
    for (const notification of page.notifications) this.#notice(notification);
    if (more || next === undefined) this.notifications.next = page.next;
    return this.notifications;
  }

  async readNotification(id) {
    await this.#rest('POST', `/notifications/${id ? id + '/read' : 'read-all'}`);
    this.#read(id);
  }

  async deleteNotification(id) {
    await this.#rest('DELETE', `/notifications/${id}`);
    this.#drop(id);
  }

  #notice(notification) {
    const held = this.notifications.find(n => n.id === notification.id);
    if (!held) this.notifications.push(notification);
    else if (held.updated_at <= notification.updated_at) Object.assign(held, notification);
    this.notifications.sort(newest);
    this.#emit('notification', notification);
  }

  #read(id) {
    for (const n of this.notifications) n.is_read ||= !id || n.id === id;
    this.#emit('notification');
  }

  #drop(id) {
    const { next } = this.notifications;
    this.notifications = Object.assign(this.notifications.filter(n => id && n.id !== id), { next });
    this.#emit('notification');
  }

  send(to, { text, images = [], extra_data, reply_to }) {
    const thread = this.thread(to);
    const entry = {
      temp_id: `${Date.now()}-${Math.random()}`, // in time's order: cheap to index
      ...this.#lane(to), content: text, extra_data, reply_to, state: 'pending', created_at: new Date().toISOString(),
      images: [...images].map(file => ({ file, name: file.name ?? 'image', progress: 0 })),
    };
    if (thread) thread.typed = undefined;
    const promise = new Promise((done, fail) => this.#promises.set(entry.temp_id, { done, fail }));
    promise.catch(() => {});
    this.#outbox.set(entry.temp_id, entry);
    this.#emit('outbox', entry);
    this.#add(entry);
    return promise;
  }

  outbox(to) {
    const lane = to && this.#lane(to).lane;
    return [...this.#outbox.values()].filter(e => !to || e.lane === lane).sort((a, b) => (a.n ?? 1e15) - (b.n ?? 1e15));
  }

  retry(temp_id) {
    const entry = this.#outbox.get(temp_id);
    if (entry) this.#change(entry, { state: 'pending', error: undefined }).then(() => (entry.n ? this.#run() : this.#add(entry)));
  }

  discard(temp_id) {
    const entry = this.#outbox.get(temp_id);
    if (!entry) return;
    this.#remove(entry);
    this.#promises.get(temp_id)?.fail(new ChatError('closed', 'discarded'));
  }

  #lane(to) {
    const user = this.thread(to)?.other_user_id ?? to.user;
    return user ? { lane: 'u' + user, receiver_id: user } : { lane: 't' + (to.id ?? to), thread_id: to.id ?? to };
  }

  #own(me) {
    if (!me || this.me) return;
    this.me = me;
    this.#name = `softadastra-chat ${this.#base} ${me}`;
    this.#store = disk(this.#options.storage ?? globalThis.indexedDB, this.#name).then(store => {
      this.#tabs = new BroadcastChannel(this.#name);
      this.#tabs.onmessage = () => this.#pull();
      return store;
    }).catch(memory);
    this.#pull();
  }

  async #disk(how, ...args) {
    const answer = await (await this.#store)(how, ...args);
    if (!/^get/.test(how)) this.#tabs?.postMessage(0);
    return answer;
  }

  // Takes over what other tabs left, or this one.
  async #pull() {
    const stored = await this.#disk('getAll');
    for (const entry of this.#outbox.values()) if (entry.n && !stored.some(e => e.n === entry.n)) this.#forget(entry);
    for (const { temp_id, ...entry } of stored) {
      const held = this.#outbox.get(temp_id) ?? { temp_id };
      this.#outbox.set(temp_id, Object.assign(held, entry, held.images && { images: held.images }));
      this.#emit('outbox', held);
    }
    this.#run();
  }

  async #add(entry) {
    try {
      while (!this.#store) await this.#credential().catch(() => sleep(1e3)); // whose outbox?
      entry.n = await this.#disk('add', entry);
      this.#run();
    } catch (error) {
      this.#fail(entry, new ChatError('storage', String(error)));
    }
  }

  async #change(entry, what) {
    this.#emit('outbox', Object.assign(entry, what));
    if (entry.n && this.#outbox.has(entry.temp_id)) await this.#disk('put', entry);
  }

  #fail(entry, error) {
    this.#promises.get(entry.temp_id)?.fail(error);
    return this.#change(entry, { state: 'failed', error: error.code });
  }

  #forget(entry) {
    this.#outbox.delete(entry.temp_id);
    this.#emit('outbox', entry);
  }

  async #remove(entry) {
    this.#forget(entry);
    if (entry.n) await this.#disk('delete', entry.n);
  }

  // Per conversation one entry at a time, of all tabs: errors keep the order.
  async #run() {
    const next = lane => this.state === 'online' && this.outbox().find(e => e.n && e.state === 'pending' && (lane ? e.lane === lane : !this.#lanes.has(e.lane)));
    const first = next();
    if (!first) return;
    const { lane } = first;
    this.#lanes.add(lane);
    this.#run();
    const work = async () => {
      for (let entry; (entry = next(lane)); ) {
        if (await this.#disk('get', entry.n)) await this.#deliver(entry);
        else this.#forget(entry); // another tab has sent it
      }
    };
    const locks = this.#tabs && navigator.locks;
    await (locks ? locks.request(`${this.#name} ${lane}`, work) : work())
      .catch(e => (this.#emit('error', e), sleep(1e3)));
    this.#lanes.delete(lane);
    this.#run();
  }

  async #deliver(entry) {
    const { temp_id, receiver_id, thread_id, content, images, extra_data, reply_to } = entry;
    try {
      for (const image of images) await this.#upload(entry, image);
      const error = await new Promise((/** @type {any} */ done) => {
        this.#answers.set(temp_id, done);
        if (this.state !== 'online') done();
        this.#say({ type: 'message_send', temp_id, receiver_id, thread_id, content, images: images.map(i => i.media.id), extra_data, reply_to }, true);
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
      form.append('images[]', (await this.#options.prepare?.(image.file)) ?? image.file, image.name);
      const { images } = await this.#rest('POST', '/chat/upload', form, part => {
        image.progress = part;
        this.#emit('outbox', entry);
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

  #stored({ thread_id, temp_id, message_id, seq, rev, created_at }) {
    const thread = this.#threads.get(thread_id);
    const entry = this.#outbox.get(temp_id);
    if (entry && thread) {
      const { content = null, extra_data = null, reply_to = null } = entry;
      const images = entry.images.map(i => i.media);
      const message = {
        id: message_id, thread_id, seq, rev, sender_id: this.me, temp_id, content, image_urls: images.map(i => i.url), images,
        extra_data, reply_to, created_at, edited_at: null, deleted: false,
      };
      this.#put(thread, message);
      this.#sent(message);
    }
    if (thread) this.#advance(thread, rev, entry);
    this.#answers.get(temp_id)?.();
  }

  #sent(message) {
    const { temp_id } = message;
    if (message.sender_id !== this.me || !temp_id) return;
    const entry = this.#outbox.get(temp_id);
    if (entry) this.#remove(entry);
    this.#promises.get(temp_id)?.done(message);
    this.#promises.delete(temp_id);
    this.#answers.get(temp_id)?.();
  }

  src(url) {
    return new URL(url, this.#base).href;
  }

  async #rest(method, path, body, progress) {
    const { getToken } = this.#options;
    for (let attempt = 0, fresh = false; ; attempt++) {
      this.#token ??= await getToken?.({ fresh });
      const { status, text } = await request(method, this.#base + path, this.#token, body, progress).catch(() => ({ status: 0 }));
      if (status >= 200 && status < 300) return text && JSON.parse(text);
      if (status === 401 && getToken && !fresh) {
        fresh = true;
        this.#token = undefined;
        continue;
      }
      let error = new ChatError(status ? 'internal' : 'network', `${method} ${path}: ${status}`, !status || status > 499);
      try {
        error = refusal(JSON.parse(text).error);
      } catch {}
      if (!error.temporary || method !== 'GET' || attempt > 3) throw error;
      await sleep(error.retryAfter || 200 * 2 ** attempt * Math.random());
    }
  }
}

// XMLHttpRequest alone has progress.
function request(method, url, token, body, progress) {
  const headers = new Headers(token ? { Authorization: 'Bearer ' + token } : {});
  if (body && !progress) {
    headers.set('Content-Type', 'application/json');
    body = JSON.stringify(body);
  }
  if (!progress || !globalThis.XMLHttpRequest) {
    return fetch(url, { method, headers, body, credentials: 'include', signal: AbortSignal.timeout(progress ? 12e4 : 2e4) }).then(async answer => ({ status: answer.status, text: await answer.text() }));
  }
  return new Promise((done, fail) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    xhr.withCredentials = true;
    headers.forEach((value, name) => xhr.setRequestHeader(name, value));
    xhr.upload.onprogress = event => progress(event.loaded / event.total);
    xhr.onload = () => done({ status: xhr.status, text: xhr.responseText });
    xhr.onerror = fail;
    xhr.send(body);
  });
}

async function disk(factory, name) {
  const result = asked => new Promise((done, fail) => {
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  const opening = factory.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('outbox', { keyPath: 'n', autoIncrement: true });
  const db = await result(opening);
  return (how, ...args) => result(db.transaction('outbox', 'readwrite').objectStore('outbox')[how](...args));
}

function memory() {
  const table = new Map();
  let n = 0;
  return (how, arg) => how === 'getAll' ? [...table.values()] : how === 'add' ? table.set(++n, arg) && n : table[how]?.(arg);
}
