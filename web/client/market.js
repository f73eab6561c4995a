// Profiles of users and cards of things, as the marketplace describes them. The server's events about them have no cursor.

import { cardName } from './draft.js';
import { Known } from './known.js';

/** How many keys a request may have. The server allows more, but a URL should not become too long. */
const AT_ONCE = 100;

/** @typedef {import('../chat-client.js').Profile} Profile */
/** @typedef {import('../chat-client.js').Card} Card */

const key = ({ kind, id }) => `${kind}:${id}`;

export class Market {
  /** By user. @type {Known<Profile>} */ profiles;
  /** By kind and id. @type {Known<Card>} */ #cards;

  constructor(account, { ask, emit }) {
    const online = () => account.online;
    this.profiles = new Known({
      atOnce: AT_ONCE, online,
      async ask(users) {
        const { profiles, has_more } = await ask('GET', `/chat/profiles?ids=${users}`);
        return { values: profiles.map(({ user_id, ...profile }) => [user_id, profile]), more: has_more };
      },
      tell(user, profile) {
        const thread = account.threads.get({ user });
        if (thread) emit('thread', Object.assign(thread, { other: profile }));
        emit('profile', user, profile);
      },
    });
    this.#cards = new Known({
      atOnce: AT_ONCE, online,
      async ask(names) {
        const { cards, has_more } = await ask('GET', `/chat/cards?refs=${encodeURIComponent(names.join())}`);
        return { values: cards.map(card => [key(card), card]), more: has_more };
      },
      tell: (name, card) => emit('card', cardName(name), card),
    });
  }

  /** A user's profile: null if there is none, undefined while it is requested. */
  profile(user) {
    return Number.isSafeInteger(+user) && +user > 0 ? this.profiles.get(+user) : null;
  }

  /** A card as it is now: null if there is none of this name, undefined while it is requested. */
  card(name) {
    try {
      return this.#cards.get(key(cardName(name)));
    } catch {
      return null; // not a valid name of a card
    }
  }

  /** Returns the cached card, and requests nothing. */
  heldCard(name) {
    return this.#cards.held(key(name));
  }

  cardUpdated(card) {
    // Events of several nodes may arrive out of order.
    const held = this.heldCard(card);
    if (!held || held.version <= card.version) this.#cards.take(key(card), card);
  }

  hungUp() {
    this.profiles.hungUp();
    this.#cards.hungUp();
  }

  begin() {
    this.profiles.begin();
    this.#cards.begin();
  }
}
