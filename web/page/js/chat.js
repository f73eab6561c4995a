// `<softadastra-chat>`: the list of conversations, and the one with `user`, about `card`. The hub's page shows this element.

import { cardName } from '../../client/draft.js';
import { h, set, soon, write } from './dom.js';
import { reason } from './format.js';
import { t } from './language.js';
import { Part, define } from './part.js';
import { giveBack, join, take } from './shared.js';
import { begin } from './trail.js';

export class SoftadastraChat extends Part {
  static observedAttributes = ['user', 'card'];

  /** @type {import('./shared.js').Frame | undefined} */ #frame;
  /** The card with which a message was begun: each is used once. @type {string | null} */ #card = null;
  #note = h('p', { class: 'piece element-note', role: 'status' });

  connectedCallback() {
    this.draw();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    if (this.#frame) giveBack(this.#frame);
    this.#frame = undefined;
  }

  /** Runs once after a page has changed several attributes. */
  #changed = soon(() => this.#show());

  attributeChangedCallback() {
    this.#changed();
  }

  /** Opens the conversation with a user; its next message is about `card`, if that is given. @param {number} user @param {string | null} [card] */
  open(user, card) {
    this.#card = null;
    set(this, 'card', card);
    set(this, 'user', user);
    this.#changed();
  }

  /** Focuses the search field. */
  search() {
    this.#frame?.talks.list.field.focus();
  }

  /** Opens the next conversation of the list, or with -1 the one before. @param {number} by */
  step(by) {
    this.#frame?.talks.list.step(by);
  }

  /** Shows the conversation of the attributes. @param {boolean} [first] whether this is the first time: then only `autofocus` moves the focus */
  #show(first) {
    const [talks, { user }, card] = [this.#frame?.talks, this, this.getAttribute('card')];
    if (!talks) return;
    if (user && card && card !== this.#card) {
      try {
        talks.about(user, cardName(card));
      } catch ({ code, message }) {
        this.tell('chat-error', { code, message });
      }
      this.#card = card;
    }
    if (first) talks.show(this.hasAttribute('history') ? begin(user, talks.show) : user, undefined, this.autofocus);
    else if (user) talks.go(user);
    else talks.show(undefined);
  }

  /** Shows the chat, as soon as the user is known. */
  async draw() {
    try {
      const [all] = await Promise.all([join(this), this.styled()]);
      if (!this.isConnected || this.#frame?.element.dataset.user === String(all.me)) return;
      if (this.#frame) giveBack(this.#frame); // of the user before
      this.#frame = take(all, this);
      this.#note.remove();
      this.shadow.append(this.#frame.element);
      this.#show(true);
    } catch (error) {
      if (!this.isConnected) return;
      write(this.#note, error.code === 'unauthorized' ? t('element.sign_in') : t('failed.that', { reason: reason(error.code) }));
      this.shadow.append(this.#note);
      this.tell('chat-error', { code: error.code, message: error.message });
    }
  }
}

define('softadastra-chat', SoftadastraChat);
