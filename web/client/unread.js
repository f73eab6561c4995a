// How many messages of a thread are unread, whether they are here or not: the server's number, and each change since, once.

export class Unread {
  #thread;
  #me;
  /** Up to which `rev` the number accounts for everything. */ #rev = 0;
  /** Up to which message it does; those above are kept one by one until there is no gap. */ #seq = 0;
  #above = new Set();

  constructor(thread, me) {
    this.#thread = thread;
    this.#me = me;
    this.take(thread);
  }

  /** Takes the server's number. */
  take({ unread, rev, last_seq }) {
    this.#thread.unread = unread;
    this.#rev = rev;
    this.#seq = last_seq;
    this.#above.clear();
  }

  /** Counts a change: a message that is new, or another state of one. */
  count({ seq, rev, sender_id, deleted }) {
    if (rev <= this.#rev) return;
    const known = seq <= this.#seq || this.#above.has(seq);
    if (!known) this.#above.add(seq);
    while (this.#above.delete(this.#seq + 1)) this.#seq++;
    if (sender_id === this.#me || seq <= this.#thread.read_seq) return;
    if (known && deleted) this.#thread.unread = Math.max(0, this.#thread.unread - 1);
    else if (!known && !deleted) this.#thread.unread++;
  }
}
