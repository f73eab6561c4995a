// The elements with which a page of the marketplace shows the chat. They share one client, and so one connection:
//
//   <softadastra-chat>      the conversations, and the one with `user`, about `card`
//   <softadastra-contact>   a button that opens the conversation with `user`
//   <softadastra-unread>    how many messages are unread
//
// element.d.ts describes them. Each draws in a shadow of its own, with the style sheet that stands beside this module.

import { cardName } from './client/draft.js';
import sheet from './page/css/element.css';
import { h, set, soon, styled, write } from './page/js/dom.js';
import { atMost, reason } from './page/js/format.js';
import { icon } from './page/js/icons.js';
import { t } from './page/js/language.js';
import { giveBack, join, quit, take, words } from './page/js/shared.js';

/** The hub that serves this module under `v1/`. */
const HUB = new URL('..', import.meta.url).href;

/** What all elements have in common. */
class Part extends HTMLElement {
  shadow = this.attachShadow({ mode: 'open' });
  /** @type {Promise<unknown> | undefined} */ #styled;

  /** The hub with its base path. */
  get base() {
    return this.getAttribute('base') || HUB;
  }

  /** Whom the element is about. @returns {number | undefined} */
  get user() {
    return Number(this.getAttribute('user')) || undefined;
  }

  /** Tells the page around it that something has happened. @param {string} name @param {object} detail @returns {boolean} whether the page lets it go on */
  tell(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, cancelable: true, detail }));
  }

  /** Puts the style sheet into the shadow, once, and waits for it: nothing is shown before. */
  styled() {
    return (this.#styled ??= styled(this.shadow, sheet));
  }

  draw() {}

  disconnectedCallback() {
    quit(this);
  }
}

export class SoftadastraChat extends Part {
  static observedAttributes = ['user', 'card'];

  /** @type {import('./page/js/shared.js').Frame | undefined} */ #frame;
  /** The card that a message was begun with: that is done once. @type {string | null} */ #card = null;
  #note = h('p', { class: 'piece element-note', role: 'status' });

  connectedCallback() {
    this.draw();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    if (this.#frame) giveBack(this.#frame);
    this.#frame = undefined;
  }

  /** A page that changes several attributes at once means all of them. */
  #changed = soon(() => this.#show(true));

  attributeChangedCallback() {
    this.#changed();
  }

  /** Opens the conversation with a user, about a card, if one is named. @param {number} user @param {string | null} [card] */
  open(user, card) {
    this.#card = null;
    set(this, 'card', card);
    set(this, 'user', user);
    this.#changed();
  }

  /** Shows what the attributes say. @param {boolean} focus whether one writes at once */
  #show(focus) {
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
    talks.show(user, undefined, focus);
  }

  /** Shows the chat, as soon as it is known who asks. */
  async draw() {
    try {
      const [all] = await Promise.all([join(this), this.styled()]);
      if (!this.isConnected || this.#frame?.element.dataset.user === String(all.me)) return;
      if (this.#frame) giveBack(this.#frame); // of the user before
      this.#frame = take(all, this);
      this.#note.remove();
      this.shadow.append(this.#frame.element);
      // It was not asked for: one may be writing elsewhere in the page.
      this.#show(false);
    } catch (error) {
      if (!this.isConnected) return;
      write(this.#note, error.code === 'unauthorized' ? t('element.sign_in') : t('failed.that', { reason: reason(error.code) }));
      this.shadow.append(this.#note);
      this.tell('chat-error', { code: error.code, message: error.message });
    }
  }
}

export class SoftadastraUnread extends Part {
  #count = h('span', { class: 'badge', part: 'count' });

  async connectedCallback() {
    await this.styled();
    if (!this.#count.isConnected) this.shadow.append(h('span', { class: 'piece' }, this.#count));
    this.draw();
  }

  async draw() {
    const { unread } = await join(this).catch(() => ({ unread: 0 }));
    if (!this.isConnected) return quit(this);
    write(this.#count, unread ? atMost(unread) : '');
    set(this.#count, 'role', unread ? 'img' : undefined);
    set(this.#count, 'aria-label', unread ? t('inbox.unread', { count: unread }) : undefined);
  }
}

export class SoftadastraContact extends Part {
  #words = h('slot');

  async connectedCallback() {
    await Promise.all([this.styled(), words(this)]);
    if (!this.#words.isConnected) this.shadow.append(h('span', { class: 'piece' }, h('button', { class: 'button primary', part: 'button', type: 'button', onclick: () => this.open() }, this.#words)));
    write(this.#words, t('contact.seller'));
  }

  /** Opens the conversation: in the page's chat, or else in a window of its own. */
  open() {
    const { user } = this;
    if (!user || !this.tell('chat-open', { user, card: this.getAttribute('card') })) return;
    const there = /** @type {SoftadastraChat | null} */ (document.querySelector('softadastra-chat'));
    if (there) {
      there.scrollIntoView({ block: 'nearest' });
      return there.open(user, this.getAttribute('card'));
    }
    const chat = document.createElement('softadastra-chat');
    for (const name of ['base', 'user', 'card', 'theme', 'lang', 'token-url']) set(chat, name, this.getAttribute(name));
    const dialog = h('dialog', { class: 'element-window', 'aria-label': t('inbox.title'), onclose: () => dialog.remove() },
      h('div', { class: 'piece element-close' }, h('button', { class: 'icon-button', 'aria-label': t('close'), onclick: () => dialog.close() }, icon('close'))), chat);
    this.shadow.append(dialog);
    dialog.showModal();
  }
}

for (const [name, part] of /** @type {const} */ ([['softadastra-chat', SoftadastraChat], ['softadastra-contact', SoftadastraContact], ['softadastra-unread', SoftadastraUnread]])) {
  if (!customElements.get(name)) customElements.define(name, part);
}
