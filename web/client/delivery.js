// Sends the outbox: one entry at a time in each conversation, all together at the server's rate. Pictures are uploaded first,
// in a queue of their own (`Uploads`): a message joins its conversation's queue when its pictures are stored.
//
// An entry is sent once on a connection, and then waits for its answer: an acknowledgement, a refusal, or the connection's
// end. It is sent again only on another connection, or after a temporary refusal and a pause. A permanent refusal fails the
// entry alone.

import { unfit } from './draft.js';
import { ChatError, mayPass } from './errors.js';
import { Pacer } from './pacer.js';
import { sleep } from './time.js';
import { Uploads } from './uploads.js';

/** The error of an entry whose frame has made the server close the connection, by close code. */
const BLAMED = {
  1007: ['bad_request', 'the server cannot read it'], 4501: ['bad_request', 'the server cannot read it'],
  1009: ['too_large', 'it is larger than the server takes'], 4502: ['too_large', 'it is larger than the server takes'],
};

/** The answer to an entry may take this many times `options.timeout`. */
const LATE = 3;

/** How often in a row the server may close the connection for flooding, or for one of several frames. */
const ENDS = 5;

export class Delivery {
  #account;
  #client;
  #outbox;
  #lanes = new Set();
  /** Sent entries, with the resolvers of their answers, by `temp_id`. */ #answers = new Map();
  /** How often each entry was refused temporarily, by `temp_id`. */ #attempts = new Map();
  #messages = new Pacer();
  /** Paces the first messages of conversations, which the server limits separately: other messages need not wait. */ #beginnings = new Pacer();
  /** Entries (`temp_id`), one of which has made the server close a connection. */ #suspects = new Set();
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

  /** Ends all waiting for answers: the connection has ended. */
  hungUp() {
    this.#end();
    this.#ended = new Promise(end => (this.#end = end));
    this.#messages.end();
    this.#beginnings.end();
    this.uploads.hungUp();
    for (const { done } of this.#answers.values()) done();
  }

  /**
   * Handles a close code that blames a frame. Returns whether the client may reconnect: the one entry that was sent has
   * failed; or, if several were sent, they will be sent one at a time.
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

  /** Starts a queue for every conversation that has an entry to send. */
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

  /** Runs the work of a queue. Reports its error, and then waits a second before it ends. @param {() => Promise<void>} work */
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

  /** Waits, at most until the connection ends. */
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

  /** Throws the error with which the server would refuse an entry for its size. */
  fits(entry) {
    const wrong = unfit(this.#frame(entry), this.#client.limits());
    if (wrong) throw wrong;
  }

  /** Tells whether an entry begins a conversation, as far as that is known. */
  async #begins({ kind, receiver_id }) {
    const { threads } = this.#account;
    if (kind !== 'message' || !receiver_id || threads.get({ user: receiver_id })) return false;
    // While first messages must wait, ask the server whether the conversation exists: then its message need not wait.
    return !(this.#beginnings.slow && (await threads.known({ user: receiver_id }).catch(() => undefined)));
  }

  /** Slows down after a temporary refusal. If it concerns new conversations alone, the other messages go on. */
  #slow({ retryAfter }, begins) {
    const { rate } = this.#client.limits() ?? {};
    if (!begins || (rate && retryAfter <= 2000 / rate)) this.#messages.refused(retryAfter);
    else this.#beginnings.refused(retryAfter, retryAfter);
  }

  /** Sends an entry, and waits for the answer, or for the connection's end. */
  async #say(entry, begins) {
    const claimed = await this.#outbox.claim(entry);
    if (!claimed) return;
    let late;
    const answer = await new Promise((/** @type {any} */ done) => {
      this.#answers.set(entry.temp_id, { entry, done });
      if (this.#account.online) this.#client.say(this.#frame(entry), true);
      else done();
      // If the server answers everything but this entry, the answer was lost: reconnect.
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
    // An earlier attempt had deleted the message, and its answer was lost.
    if (entry.kind === 'delete' && claimed.before && answer.refusal?.code === 'not_found') this.#outbox.settle(entry.temp_id);
    else if (answer.refusal) throw answer.refusal;
  }

  /** Handles the error of an entry: waits if it is temporary, and fails the entry if it is permanent. */
  async failed(entry, error) {
    const { temp_id } = entry;
    if (this.#account.retired) return;
    if (mayPass(error)) {
      const attempt = this.#attempts.get(temp_id) ?? 0;
      this.#attempts.set(temp_id, attempt + 1);
      await this.#pause(error.retryAfter || Math.min(3e4, 500 * 2 ** attempt) * (1 + Math.random()));
    } else if (error.code === 'not_found' && entry.images.length && !entry.renewed) {
      // The server deletes uploads that stay unsent for long; the files are still here, so they are uploaded again.
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
    // The server compares it with the authenticated user, so no frame is sent as another user.
    const user_id = this.#account.me;
    if (kind === 'edit') return { type: 'message_edit', user_id, message_id, content };
    if (kind === 'delete') return { type: 'message_delete', user_id, message_id };
    return { type: 'message_send', user_id, temp_id, receiver_id, thread_id, content, images: images.map(image => image.media?.id ?? ''), extra_data, reply_to, card };
  }

  /** Ends the waiting for an entry's answer: it is stored. */
  settled(temp_id) {
    this.#attempts.delete(temp_id);
    this.#answers.get(temp_id)?.done({});
  }

  /** Gives a refusal of the server to its entry; returns whether it concerned an entry of the outbox. */
  refused({ temp_id, message_id }, refusal) {
    const said = [...this.#answers.values()];
    const answer = temp_id ? this.#answers.get(temp_id) : said.find(({ entry }) => message_id && entry.message_id === message_id);
    answer?.done({ refusal });
    return !!answer || !!temp_id;
  }
}
