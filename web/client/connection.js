// One WebSocket after another: connects, authenticates, detects a silent connection, and reconnects.
//
//   idle -> connecting -> online -> waiting -> connecting; paused: by disconnect(); closed: by close(), or by a permanent error

import { ChatError } from './errors.js';
import { now } from './time.js';
import { visible } from './visible.js';

/** After how many attempts in a row without a WebSocket the page is told how the server answers. */
const REFUSED = 3;

export class Connection {
  state = /** @type {import('../chat-client.js').State} */ ('idle');
  /** Counts connections: events of an earlier one are ignored. */
  turn = 0;
  /** Why it is closed. @type {ChatError | undefined} */
  ended;

  #options;
  #base;
  #credentials;
  #client;
  #socket;
  #attempts = 0;
  #opened = false; // whether the present WebSocket has opened
  #unopened = 0; // attempts in a row whose WebSocket did not open
  #refused = false;
  #heartbeat = 25e3;
  #since = 0;
  #heard = 0;
  #asked = 0; // since when an answer is due
  #told; // the last temporary error that the page was told, until the connection works again
  #why; // the server's message about why it closes the connection
  #retry;
  #watch;

  /**
   * @param {any} options
   * @param {string} base
   * @param {import('./credentials.js').Credentials} credentials
   * @param {object} client callbacks
   * @param {(user: number) => void} client.belongs gets the user of the credentials
   * @param {() => string | undefined} client.cursor returns the cursor to resume from
   * @param {(frame: any) => void} client.hear handles a frame
   * @param {(code: number) => boolean} client.blamed gets the close code; returns whether to reconnect, whatever it is
   * @param {() => void} client.hungUp the connection is gone
   * @param {(state: string, wait: number) => void} client.became
   * @param {(error: ChatError) => void} client.wrong
   * @param {(error: ChatError) => void} client.closed it is closed, for good or until `connect()`
   * @param {() => void} client.looked the page has become visible again
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

  /** Reconnects, as another user. */
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
      // The WebSocket of Node's `ws` package gives the status, which a browser hides.
      if (turn === this.turn && /\b403\b/.test(event?.message ?? '')) this.#fail(forbidden(event.message));
    };
    this.#watch = setInterval(() => this.#check(), Math.min(1e3, this.#options.timeout / 4));
  }

  /** Handles the end of a connection, also of one that never opened. */
  #broke(code, reason) {
    const opened = this.#opened;
    this.lost(code, reason);
    if (!opened) this.#askWhy();
  }

  /**
   * Finds out why no WebSocket was opened, which a browser does not say: the answer to a plain `GET` of its path shows it. If
   * the network or a proxy has failed, there is nothing to report.
   */
  async #askWhy() {
    this.#unopened++;
    const how = /** @type {const} */ ({ credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(this.#options.timeout) });
    const answer = await fetch(`${this.#base}/chat`, how).then(async answer => ({ status: answer.status, ...(await answer.json().catch(() => ({}))) })).catch(() => undefined);
    // Another attempt may have begun meanwhile: the answer holds for it, too.
    if (!/waiting|connecting/.test(this.state)) return;
    if (answer?.error?.code === 'forbidden_origin') this.#fail(forbidden(answer.error.message));
    else if (answer?.status < 500 && this.#unopened >= REFUSED) {
      this.#tell(new ChatError('network', answer.status === 426
        ? 'the hub answers, but opens no WebSocket: it may have no room, or a proxy between does not let it pass'
        : `what answers at ${this.#base} is no hub (status ${answer.status}): is the address right?`, true));
    }
  }

  /** Reports an error to the page, once until the connection works again. */
  #tell(error) {
    if (this.#told !== error.code) this.#client.wrong(error);
    this.#told = error.code;
  }

  /** Closes for good, because to try again would not help. */
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
    // An error before `auth_ok` says why the server is about to close the connection: it is reported once, with the close.
    if (frame.type === 'error' && !this.#since) this.#why = frame.message;
    else this.#client.hear(frame);
  }

  /** Closes the socket, and reconnects later. Codes from 4500 on forbid that; but a first 4500 is answered with a new token. */
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

  // The network is back, or the page is visible again: the connection may be dead, so it is checked at once.
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

  /** Sends a frame. If the server must answer it (`answered`), a connection that stays silent is noticed. */
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
