// Receipts: how far this user's messages have come, and what this client confirms to the server.

/** How many receipts are sent at a time, and the pause until the next ones, in ms: the server limits their rate. */
const AT_ONCE = 10;
const PAUSE = 250;

/** The `seq` of the newest loaded message; 0 if there is none. */
export const last = thread => thread.messages.at(-1)?.seq ?? 0;

/** How far a message of this user has come; `sent` if its thread is not loaded. */
export const reached = ({ seq }, thread) => (!thread || seq > thread.other_delivered_seq ? 'sent' : seq > thread.other_read_seq ? 'delivered' : 'seen');

export class Receipts {
  #account;
  #client;
  #arrived = new Set();
  /** Threads with a receipt that was refused temporarily. */ #again = new Set();

  constructor(account, client) {
    this.#account = account;
    this.#client = client;
  }

  /** Sends the receipts again that the server may not have received, as on a new connection. */
  begin(threads) {
    for (const thread of threads) {
      thread.confirmed = 0;
      if (thread.unread) this.arrived(thread);
      this.seen(thread);
    }
  }

  /** Sends that the user has read up to `thread.seen`. */
  seen({ id, seen }) {
    if (seen) this.#client.say({ type: 'message_seen', thread_id: id, up_to: seen });
  }

  /** Sends soon that the messages of a thread have arrived, once for several. */
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

  /** Sends a receipt again later, which the server has refused temporarily. */
  refused(thread, after) {
    if (this.#again.has(thread)) return;
    this.#again.add(thread);
    setTimeout(() => {
      this.#again.delete(thread);
      if (this.#account.online) this.begin([thread]);
    }, after || 1000);
  }
}
