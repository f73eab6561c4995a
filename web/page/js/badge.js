// The number of unread messages in the page's title and icon, which are visible from other tabs.

import { atMost } from './format.js';
import { nameOf } from './people.js';

const NAME = 'Softadastra Chat';

/** @param {import('../../element.js').SoftadastraChat} element whose events tell the unread count and the open conversation @param {import('../../chat-client.js').ChatClient} chat */
export function badge(element, chat) {
  const link = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
  const { href: plain, type } = link;
  /** @type {number | undefined} */ let person;
  let unread = 0;

  function name() {
    const title = `${unread ? `(${atMost(unread)}) ` : ''}${person ? `${nameOf(person)} · ` : ''}${NAME}`;
    if (document.title !== title) document.title = title;
  }

  /** Icons by the text on them. They are never revoked: the browser may load one later. @type {Map<string, Promise<string>>} */
  const icons = new Map();

  /** Sets the page's icon, with a number on it. @param {number} count */
  function icon(count) {
    if (!count) return void Object.assign(link, { href: plain, type });
    const text = atMost(count);
    const painting = icons.get(text) ?? import('./painted.js').then(({ painted }) => painted(plain, text));
    icons.set(text, painting);
    return painting.then(href => void (count === unread && Object.assign(link, { href, type: 'image/png' })), () => void icons.delete(text));
  }

  element.addEventListener('chat-unread', ({ detail }) => {
    unread = detail.count;
    name();
    icon(unread);
  });
  element.addEventListener('chat-open', ({ detail }) => {
    person = detail.user;
    name();
  });
  element.addEventListener('chat-leave', () => {
    person = undefined;
    name();
  });
  chat.on('profile', name);
}
