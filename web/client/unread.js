// Counts the unread messages of a thread, loaded or not: the server's number, and each later change once.

export class Unread {
  #thread;
  #me;
  /** The `rev` up to which the server's number includes all changes. */ #rev = 0;
  /** The `seq` up to which all messages are counted; counted ones above it are in `#above` until the gap is closed. */ #seq = 0;
  #above = new Set();

  constructor(thread, me) {
    this.#thread = thread;
    this.#me = me;
    this.take(thread);
  }

  /** Replaces the count by the server's number. */
  take({ unread, rev, last_seq }) {
    this.#thread.unread = unread;
    this.#rev = rev;
    this.#seq = last_seq;
    this.#above.clear();
  }

  /** Counts a new message, or a change of one. */
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
