// The elements with which a page of the marketplace shows the chat. They share one client, and so one connection:
//
//   <softadastra-chat>      the list of conversations, and the conversation with `user`, about `card`
//   <softadastra-contact>   a button that opens the conversation with `user`
//   <softadastra-unread>    how many messages are unread
//
// element.d.ts describes them.

import { connected } from './page/js/connected.js';
import { h, set, write } from './page/js/dom.js';
import { atMost } from './page/js/format.js';
import { icon } from './page/js/icons.js';
import { t } from './page/js/language.js';
import { Part, define } from './page/js/part.js';
import { connectBy, join, quit, words } from './page/js/shared.js';

export { SoftadastraChat } from './page/js/chat.js';

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

  /** Opens the conversation: in the page's chat, or else in a dialog. */
  open() {
    const { user } = this;
    if (!user || !this.tell('chat-open', { user, card: this.getAttribute('card') })) return;
    const there = /** @type {import('./page/js/chat.js').SoftadastraChat | null} */ (document.querySelector('softadastra-chat'));
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

connectBy(connected);
define('softadastra-contact', SoftadastraContact);
define('softadastra-unread', SoftadastraUnread);
