// One WebSocket after another: dials, says who it is, watches over silence, and comes back.
//
//   idle -> connecting -> online -> waiting -> connecting; paused: by will; closed: by will, or for good

import { ChatError } from './errors.js';
import { now } from './time.js';
import { visible } from './visible.js';

/** How many attempts in a row that are refused as HTTP, by what answers, are told to the page. */
const REFUSED = 3;

export class Connection {
  state = /** @type {import('../chat-client.js').State} */ ('idle');
  /** Counts connections: what belongs to an earlier one is void. */
  turn = 0;
  /** Why it is closed. @type {ChatError | undefined} */
  ended;

  #options;
  #base;
  #credentials;
  #client;
  #socket;
  #attempts = 0;
  #opened = false; // the present socket had its 101
  #unopened = 0; // attempts that ended before it
  #refused = false;
  #heartbeat = 25e3;
  #since = 0;
  #heard = 0;
  #asked = 0; // since when an answer is due
  #told; // the last temporary error, until it works again
  #why; // the server's words for what will close the connection
  #retry;
  #watch;

  /**
   * @param {any} options
   * @param {string} base
   * @param {import('./credentials.js').Credentials} credentials
   * @param {object} client what is told
   * @param {(user: number) => void} client.belongs whose credentials they are
   * @param {() => string | undefined} client.cursor how far one has been served
   * @param {(frame: any) => void} client.hear a frame has come
   * @param {(code: number) => boolean} client.blamed the server ended it for what was said; whether one may come back
   * @param {() => void} client.hungUp the connection is gone
   * @param {(state: string, wait: number) => void} client.became
   * @param {(error: ChatError) => void} client.wrong
   * @param {(error: ChatError) => void} client.closed it is closed, for good or until `connect()`
   * @param {() => void} client.looked the page is seen again
   */
  constructor(options, base, credentials, client) {
    this.#options = options;
    this.#base = base;
    this.#credentials = credentials;
    this.#client = client;
    this.#listen('addEventListener');
  }

  #listen(how) {
    globalThis.document?.[how]('visibilitychange', this.#look);
    globalThis[how]?.('online', this.#look);
    globalThis[how]?.('offline', this.#offline);
  }

  connect() {
    if (!/idle|paused|closed/.test(this.state)) return;
    this.#attempts = this.#unopened = 0;
    this.#refused = false;
    this.ended = this.#told = undefined;
    this.#dial();
  }

  disconnect() {
    this.#hangUp();
    this.become('paused');
  }

  close() {
    this.#listen('removeEventListener');
    this.#end(new ChatError('closed', 'the client was closed'));
  }

  /** Begins anew, as another user. */
  again() {
    if (/connecting|online|waiting/.test(this.state)) this.#dial();
  }

  async #dial() {
    this.#hangUp();
    const turn = this.turn;
    this.become('connecting');
    try {
      const { shown, user } = await this.#credentials.forConnection();
      if (turn !== this.turn) return;
      this.#client.belongs(user);
      this.#open(turn, shown);
    } catch (error) {
      if (turn !== this.turn) return;
      if (!(error instanceof ChatError)) error = new ChatError('internal', String(error), true);
      if (error.temporary) this.#tell(error), this.lost();
      else this.#fail(error);
    }
  }

  #open(turn, shown) {
    const Socket = this.#options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) throw new ChatError('no_websocket', 'there is no WebSocket here: start Node with --experimental-websocket, or hand one over in the options');
    this.#asked = now();
    let socket;
    try {
      socket = new Socket(this.#base.replace(/^http/, 'ws') + '/chat?channels=notifications');
    } catch (error) {
      throw new ChatError('bad_url', `no connection can be made to ${this.#base}: ${error.message}`);
    }
    this.#socket = socket;
    this.#opened = false;
    socket.onopen = () => {
      this.#opened = true;
      this.#unopened = 0;
      this.say({ type: 'auth', ...shown, cursor: this.#client.cursor() }, true);
    };
    socket.onmessage = event => turn === this.turn && this.#read(event.data);
    socket.onclose = event => turn === this.turn && this.#broke(event.code, event.reason);
    socket.onerror = event => {
      // The `ws` of Node says what a browser hides.
      if (turn === this.turn && /\b403\b/.test(event?.message ?? '')) this.#fail(forbidden(event.message));
    };
    this.#watch = setInterval(() => this.#check(), Math.min(1e3, this.#options.timeout / 4));
  }

  /** The connection is gone, or there never was one. */
  #broke(code, reason) {
    const opened = this.#opened;
    this.lost(code, reason);
    if (!opened) this.#askWhy();
  }

  /**
   * The upgrade was refused, or nothing was there: a WebSocket does not say. A plain `GET` of its path does. A network or a
   * proxy that fails says nothing of the kind.
   */
  async #askWhy() {
    this.#unopened++;
    const how = /** @type {const} */ ({ credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(this.#options.timeout) });
    const answer = await fetch(`${this.#base}/chat`, how).then(async answer => ({ status: answer.status, ...(await answer.json().catch(() => ({}))) })).catch(() => undefined);
    // Whichever attempt has begun meanwhile: the answer is as good for it.
    if (!/waiting|connecting/.test(this.state)) return;
    if (answer?.error?.code === 'forbidden_origin') this.#fail(forbidden(answer.error.message));
    else if (answer?.status < 500 && this.#unopened >= REFUSED) {
      this.#tell(new ChatError('network', answer.status === 426
        ? 'the hub answers, but opens no WebSocket: it may have no room, or a proxy between does not let it pass'
        : `what answers at ${this.#base} is no hub (status ${answer.status}): is the address right?`, true));
    }
  }

  /** Tells the page what is wrong, once until it works again. */
  #tell(error) {
    if (this.#told !== error.code) this.#client.wrong(error);
    this.#told = error.code;
  }

  /** To try again would not help. */
  #fail(error) {
    this.#end(error);
    this.#client.wrong(error);
  }

  #end(error) {
    this.ended = error;
    this.#hangUp();
    this.become('closed');
    this.#client.closed(error);
  }

  #hangUp() {
    ++this.turn;
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#socket?.close();
    this.#socket = undefined;
    this.#asked = 0;
    this.#client.hungUp();
  }

  #read(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {}
    if (typeof frame?.type === 'string') return this.#hear(frame);
    this.#tell(new ChatError('network', `what answers at ${this.#base} is no hub: it says what is no frame`, true));
    this.lost();
  }

  #hear(frame) {
    this.#heard = now();
    this.#asked = 0;
    if (frame.type === 'auth_ok') {
      this.#since = now();
      this.#refused = false;
      this.#heartbeat = frame.heartbeat_ms;
    }
    // Before it is known who is there, an error says why the connection is about to be closed: that is told once, then.
    if (frame.type === 'error' && !this.#since) this.#why = frame.message;
    else this.#client.hear(frame);
  }

  /** Hangs up and comes back. From 4500 on: stay away; but 4500 may be a stale token, once. */
  lost(code = 0, reason = '') {
    if (this.#since && now() - this.#since > 3e3) this.#attempts = 0;
    this.#since = 0;
    const why = this.#why ?? reason;
    this.#why = undefined;
    const may = this.#client.blamed(code);
    this.#hangUp();
    if (code >= 4500 && code < 5000 && !may && (code > 4500 || this.#refused)) {
      // 4505: the staff has ended the sessions.
      return this.#fail(new ChatError(code > 4500 && code !== 4505 ? 'closed' : 'unauthorized', `${code} ${why}`));
    }
    this.#refused = code === 4500;
    const renew = this.#refused || code === 4005;
    if (renew) this.#credentials.renew();
    const [least, most] = this.#options.backoff;
    let wait = Math.random() * Math.min(most, least * 2 ** this.#attempts);
    if (!this.#attempts++ && renew) wait = 0;
    if (code === 4001 && /^\d+$/.test(reason)) wait = +reason;
    this.#retry = setTimeout(() => this.#dial(), wait);
    this.become('waiting', wait);
  }

  // The network or the page is back: trust no silence.
  #look = () => {
    if (!visible()) return;
    if (this.state === 'waiting') this.#dial();
    this.say({ type: 'ping' }, true);
    this.#client.looked();
  };

  #offline = () => {
    if (/online|connecting/.test(this.state)) this.lost();
  };

  #check() {
    const time = now();
    if (this.#asked && time - this.#asked > this.#options.timeout) this.#broke(4003);
    else if (!this.#asked && time - this.#heard > this.#heartbeat) this.say({ type: 'ping' }, true);
  }

  /** Says something; where it is to be answered, silence will be noticed. */
  say(frame, answered = false) {
    if (this.#socket?.readyState !== 1) return;
    if (answered) this.#asked ||= now();
    this.#socket.send(JSON.stringify(frame));
  }

  become(state, wait = 0) {
    if (state === 'online') this.#told = undefined;
    this.state = state;
    this.#client.became(state, wait);
  }
}

const forbidden = message => new ChatError('forbidden_origin', `the hub takes no connections from this page's origin: ${message}`);
