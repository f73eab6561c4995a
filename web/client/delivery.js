// The outbox on its way: per conversation one entry at a time, all together at the server's pace. Pictures go ahead, in a lane
// of their own (`Uploads`): a message joins its conversation's when they are stored.
//
// An entry is said once on a connection, and then waits for its answer: an acknowledgement, a refusal, or the connection's
// end. It is said again only on another connection, or after a refusal that is temporary, and a pause. A refusal for ever
// fails the entry alone.

import { unfit } from './draft.js';
import { ChatError, mayPass } from './errors.js';
import { Pacer } from './pacer.js';
import { sleep } from './time.js';
import { Uploads } from './uploads.js';

/** What an entry is refused with whose frame has ended a connection. */
const BLAMED = {
  1007: ['bad_request', 'the server cannot read it'], 4501: ['bad_request', 'the server cannot read it'],
  1009: ['too_large', 'it is larger than the server takes'], 4502: ['too_large', 'it is larger than the server takes'],
};

/** How many times as long as any answer that to an entry may take. */
const LATE = 3;

/** How often in a row a connection may end for flooding, or with no entry to blame. */
const ENDS = 5;

export class Delivery {
  #account;
  #client;
  #outbox;
  #lanes = new Set();
  /** Entries that have been said, and what waits for their answers. */ #answers = new Map();
  /** How often each was refused for now. */ #attempts = new Map();
  #messages = new Pacer();
  /** First messages of conversations: the server takes only so many of those, and the others need not wait for them. */ #beginnings = new Pacer();
  /** One of these has ended a connection. */ #suspects = new Set();
  #ends = 0;
  /** @type {any} */ #end;
  #ended;

  constructor(account, client, outbox) {
    this.#account = account;
    this.#client = client;
    this.#outbox = outbox;
    this.uploads = new Uploads(account, client, outbox, this);
    this.#ended = new Promise(end => (this.#end = end));
  }

  begin(limits) {
    this.#messages.begin(limits);
    this.#beginnings.begin({ in_flight: limits?.in_flight });
    this.run();
    this.uploads.begin();
  }

  /** Nothing that was said on the connection is answered any more. */
  hungUp() {
    this.#end();
    this.#ended = new Promise(end => (this.#end = end));
    this.#messages.end();
    this.#beginnings.end();
    this.uploads.hungUp();
    for (const { done } of this.#answers.values()) done();
  }

  /**
   * The server has ended the connection for what was said on it. Tells whether that is dealt with, so that one may come
   * back: the entry that it was for has failed; or those that it may have been for will go one at a time.
   */
  blamed(code) {
    const said = [...this.#answers.values()].map(({ entry }) => entry);
    if (code === 4503) this.#messages.refused(Infinity);
    else if (!BLAMED[code] || !said.length) return false;
    else if (said.length > 1) for (const { temp_id } of said) this.#suspects.add(temp_id);
    else {
      const [name, reason] = BLAMED[code];
      this.#innocent(said[0].temp_id);
      this.#outbox.fail(said[0], new ChatError(name, reason));
      return true;
    }
    this.#messages.careful = this.#suspects.size > 0;
    return ++this.#ends <= ENDS;
  }

  #innocent(temp_id) {
    this.#ends = 0;
    this.#suspects.delete(temp_id);
    this.#messages.careful = this.#suspects.size > 0;
  }

  /** Begins with every conversation that has something to send. */
  run() {
    if (!this.#account.online) return;
    for (const entry of this.#outbox.list()) {
      const lane = this.#outbox.lane(entry);
      if (this.#lanes.has(lane) || !this.#outbox.ready(entry)) continue;
      this.#lanes.add(lane);
      this.#work(lane);
    }
    this.uploads.run();
  }

  async #work(lane) {
    await this.watched(() => this.#outbox.alone(lane, async () => {
      for (let entry; (entry = this.#next(lane)); ) await this.#deliver(entry);
    }));
    this.#lanes.delete(lane);
    if (this.#next(lane)) this.run();
  }

  /** Does a lane's work. What fails in it is told, and not tried again at once. @param {() => Promise<void>} work */
  async watched(work) {
    try {
      await work();
    } catch (error) {
      this.#client.emit('error', error instanceof ChatError ? error : new ChatError('storage', String(error)));
      await this.#pause(1000);
    }
  }

  #next(lane) {
    return this.#account.online && this.#outbox.list().find(e => this.#outbox.ready(e) && this.#outbox.lane(e) === lane);
  }

  /** Waits, but not beyond the connection. */
  #pause(ms) {
    return Promise.race([sleep(ms), this.#ended]);
  }

  async #deliver(entry) {
    try {
      this.fits(entry);
      const begins = await this.#begins(entry);
      const began = begins ? await this.#beginnings.next() : () => {};
      const release = began && (await this.#messages.next());
      if (!release) return;
      await this.#say(entry, begins).finally(() => (release(), began()));
    } catch (error) {
      if (!(error instanceof ChatError)) throw error;
      await this.failed(entry, error);
    }
  }

  /** Throws what an entry would be refused with. */
  fits(entry) {
    const wrong = unfit(this.#frame(entry), this.#client.limits());
    if (wrong) throw wrong;
  }

  /** Tells whether an entry begins a conversation, as far as that is known. */
  async #begins({ kind, receiver_id }) {
    const { threads } = this.#account;
    if (kind !== 'message' || !receiver_id || threads.get({ user: receiver_id })) return false;
    // An old one need not wait with the new ones: where these wait, it is worth a question.
    return !(this.#beginnings.slow && (await threads.known({ user: receiver_id }).catch(() => undefined)));
  }

  /** The server has no time. If that is for new conversations alone, the others go on. */
  #slow({ retryAfter }, begins) {
    const { rate } = this.#client.limits() ?? {};
    if (!begins || (rate && retryAfter <= 2000 / rate)) this.#messages.refused(retryAfter);
    else this.#beginnings.refused(retryAfter, retryAfter);
  }

  /** Says an entry, and waits for the answer, or for the connection's end. */
  async #say(entry, begins) {
    const claimed = await this.#outbox.claim(entry);
    if (!claimed) return;
    let late;
    const answer = await new Promise((/** @type {any} */ done) => {
      this.#answers.set(entry.temp_id, { entry, done });
      if (this.#account.online) this.#client.say(this.#frame(entry), true);
      else done();
      // A connection that answers everything else but this has lost it.
      late = setTimeout(() => this.#client.connection.lost(4003), LATE * this.#client.options.timeout);
    });
    clearTimeout(late);
    this.#answers.delete(entry.temp_id);
    if (!answer) return;
    this.#innocent(entry.temp_id);
    if (answer.refusal?.temporary) this.#slow(answer.refusal, begins);
    else {
      this.#messages.taken();
      if (begins) this.#beginnings.taken();
    }
    // It had been deleted before, and the answer was lost.
    if (entry.kind === 'delete' && claimed.before && answer.refusal?.code === 'not_found') this.#outbox.settle(entry.temp_id);
    else if (answer.refusal) throw answer.refusal;
  }

  /** An entry did not come through: for now, and then a pause is made; or for ever. */
  async failed(entry, error) {
    const { temp_id } = entry;
    if (this.#account.retired) return;
    if (mayPass(error)) {
      const attempt = this.#attempts.get(temp_id) ?? 0;
      this.#attempts.set(temp_id, attempt + 1);
      await this.#pause(error.retryAfter || Math.min(3e4, 500 * 2 ** attempt) * (1 + Math.random()));
    } else if (error.code === 'not_found' && entry.images.length && !entry.renewed) {
      // What was uploaded is swept when it is not sent for long; the files are still here.
      for (const image of entry.images) Object.assign(image, { media: undefined, progress: 0 });
      await this.#outbox.change(entry, { images: entry.images, renewed: true });
      this.uploads.run();
    } else {
      this.#attempts.delete(temp_id);
      await this.#outbox.fail(entry, error);
    }
  }

  #frame(entry) {
    const { kind, temp_id, receiver_id, thread_id, message_id, content, images, extra_data, reply_to, card } = entry;
    // The server holds it against who has authenticated: nothing can be said as another.
    const user_id = this.#account.me;
    if (kind === 'edit') return { type: 'message_edit', user_id, message_id, content };
    if (kind === 'delete') return { type: 'message_delete', user_id, message_id };
    return { type: 'message_send', user_id, temp_id, receiver_id, thread_id, content, images: images.map(image => image.media?.id ?? ''), extra_data, reply_to, card };
  }

  /** An entry is done. */
  settled(temp_id) {
    this.#attempts.delete(temp_id);
    this.#answers.get(temp_id)?.done({});
  }

  /** The server has refused something. Tells whether it was an entry of this outbox. */
  refused({ temp_id, message_id }, refusal) {
    const said = [...this.#answers.values()];
    const answer = temp_id ? this.#answers.get(temp_id) : said.find(({ entry }) => message_id && entry.message_id === message_id);
    answer?.done({ refusal });
    return !!answer || !!temp_id;
  }
}
