// One WebSocket after another: dials, says who it is, watches over silence, and comes back.
//
//   idle -> connecting -> online -> waiting -> connecting; paused, closed: by will

import { ChatError } from './errors.js';
import { now } from './time.js';

const visible = () => globalThis.document?.visibilityState !== 'hidden';

export class Connection {
  state = /** @type {import('../chat-client.js').State} */ ('idle');
  /** Counts connections: what belongs to an earlier one is void. */
  turn = 0;

  #options;
  #url;
  #credentials;
  #client;
  #socket;
  #attempts = 0;
  #refused = false;
  #heartbeat = 25e3;
  #since = 0;
  #heard = 0;
  #asked = 0; // since when an answer is due
  #retry;
  #watch;

  /**
   * @param {any} options
   * @param {string} base
   * @param {import('./credentials.js').Credentials} credentials
   * @param {object} client what is told
   * @param {(user: number) => void} client.own whose credentials they are
   * @param {() => string | undefined} client.cursor how far one has been served
   * @param {(frame: any) => void} client.hear a frame has come
   * @param {() => void} client.hungUp the connection is gone
   * @param {(state: string, wait: number) => void} client.became
   * @param {(error: any) => void} client.wrong
   * @param {() => void} client.looked the page is seen again
   */
  constructor(options, base, credentials, client) {
    this.#options = options;
    this.#url = base.replace(/^http/, 'ws') + '/chat?channels=notifications';
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
    this.#attempts = 0;
    this.#refused = false;
    this.#dial();
  }

  disconnect() {
    this.#hangUp();
    this.become('paused');
  }

  close() {
    this.#listen('removeEventListener');
    this.#hangUp();
    this.become('closed');
  }

  async #dial() {
    this.#hangUp();
    const turn = this.turn;
    this.become('connecting');
    try {
      const { shown, user } = await this.#credentials.forConnection();
      this.#client.own(user);
      if (turn !== this.turn) return;
      this.#asked = now();
      const socket = (this.#socket = new (this.#options.WebSocket ?? WebSocket)(this.#url));
      socket.onopen = () => this.say({ type: 'auth', ...shown, cursor: this.#client.cursor() }, true);
      socket.onmessage = event => turn === this.turn && this.#hear(JSON.parse(event.data));
      socket.onclose = event => turn === this.turn && this.lost(event.code, event.reason);
      socket.onerror = () => {};
      this.#watch = setInterval(() => this.#check(), Math.min(1e3, this.#options.timeout / 4));
    } catch (error) {
      this.#client.wrong(error);
      if (turn === this.turn) this.lost();
    }
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

  #hear(frame) {
    this.#heard = now();
    this.#asked = 0;
    if (frame.type === 'auth_ok') {
      this.#since = now();
      this.#refused = false;
      this.#heartbeat = frame.heartbeat_ms;
    }
    this.#client.hear(frame);
  }

  /** Hangs up and comes back. From 4500 on: stay away; but 4500 may be a stale token, once. */
  lost(code = 0, reason = '') {
    if (this.#since && now() - this.#since > 3e3) this.#attempts = 0;
    this.#since = 0;
    this.#hangUp();
    if (code >= 4500 && code < 5000 && (code > 4500 || this.#refused)) {
      this.become('closed');
      return this.#client.wrong(new ChatError(code > 4500 ? 'closed' : 'unauthorized', `${code} ${reason}`));
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
    if (this.#asked && time - this.#asked > this.#options.timeout) this.lost(4003);
    else if (!this.#asked && time - this.#heard > this.#heartbeat) this.say({ type: 'ping' }, true);
  }

  /** Says something; where it is to be answered, silence will be noticed. */
  say(frame, answered = false) {
    if (this.#socket?.readyState !== 1) return;
    if (answered) this.#asked ||= now();
    this.#socket.send(JSON.stringify(frame));
  }

  become(state, wait = 0) {
    this.state = state;
    this.#client.became(state, wait);
  }
}

export { visible };
