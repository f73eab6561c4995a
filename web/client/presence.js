// The presence of users.

export class Presence {
  /** @type {Map<number, {online: boolean, last_seen: string | null}>} */ people = new Map();
  #emit;

  constructor(emit) {
    this.#emit = emit;
  }

  seen(user, online, last_seen) {
    const held = this.people.get(user);
    if (held?.online === online && !last_seen) return;
    const presence = { online, last_seen: last_seen ?? held?.last_seen ?? null };
    this.people.set(user, presence);
    this.#emit('presence', user, presence);
  }

  /** Marks these users as online, and all other known ones as offline. */
  only(users) {
    for (const user of [...this.people.keys(), ...users]) this.seen(user, users.includes(user));
  }
}
