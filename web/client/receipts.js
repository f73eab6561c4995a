// How far messages have come, and how far they have been read: of one's own, and what one's own side tells.

/** How many receipts are said at a time, and how long until the next ones, in ms: the server counts them. */
const AT_ONCE = 10;
const PAUSE = 250;

/** The newest message that is here. */
export const last = thread => thread.messages.at(-1)?.seq ?? 0;

/** How far a message of one's own has come, where the thread is here. */
export const reached = ({ seq }, thread) => (!thread || seq > thread.other_delivered_seq ? 'sent' : seq > thread.other_read_seq ? 'delivered' : 'seen');

export class Receipts {
  #account;
  #client;
  #arrived = new Set();
  /** Threads of which a receipt was refused for now. */ #again = new Set();

  constructor(account, client) {
    this.#account = account;
    this.#client = client;
  }

  /** Says again, on a new connection, what the server may not have heard. */
  begin(threads) {
    for (const thread of threads) {
      thread.confirmed = 0;
      if (thread.unread) this.arrived(thread);
      this.seen(thread);
    }
  }

  /** One has read up to `thread.seen`. */
  seen({ id, seen }) {
    if (seen) this.#client.say({ type: 'message_seen', thread_id: id, up_to: seen });
  }

  /** Messages have come in: that is told soon, for all of them at once. */
  arrived(thread) {
    if (!this.#arrived.size) setTimeout(() => this.#tell(), 50);
    this.#arrived.add(thread);
  }

  #tell() {
    for (const thread of [...this.#arrived].slice(0, AT_ONCE)) {
      this.#arrived.delete(thread);
      const up_to = last(thread);
      if (this.#account.online && up_to > (thread.confirmed ?? 0)) this.#client.say({ type: 'message_delivered', thread_id: thread.id, up_to: (thread.confirmed = up_to) });
    }
    if (this.#arrived.size) setTimeout(() => this.#tell(), PAUSE);
  }

  /** The server had no time for a receipt: it is said again later. */
  refused(thread, after) {
    if (this.#again.has(thread)) return;
    this.#again.add(thread);
    setTimeout(() => {
      this.#again.delete(thread);
      if (this.#account.online) this.begin([thread]);
    }, after || 1000);
  }
}
