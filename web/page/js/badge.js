// How much is unread, where one sees it from another tab: in the title, and in the page's icon.

import { h, soon } from './dom.js';
import { atMost } from './format.js';
import { nameOf } from './people.js';

const NAME = 'Softadastra Chat';
const SIZE = 64;

/**
 * Counts the messages that are unread: what is looked at is read in a moment.
 * @param {import('../../chat-client.js').ChatClient} chat @param {number} [person] who is talked to
 */
export async function unreadOf(chat, person) {
  const threads = await chat.threads().catch(() => []);
  const others = threads.filter(thread => thread.other_user_id !== person || document.visibilityState !== 'visible');
  const here = others.reduce((sum, thread) => sum + thread.unread, 0);
  return chat.hasMoreThreads ? Math.max(here, chat.counts.messages) : here;
}

/** @param {{chat: import('../../chat-client.js').ChatClient}} context */
export function badge({ chat }) {
  const link = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
  const { href: plain, type } = link;
  /** @type {number | undefined} */ let person;
  let unread = 0;

  const draw = soon(async () => {
    const before = unread;
    unread = await unreadOf(chat, person);
    name();
    if (before !== unread) icon(unread);
  });

  function name() {
    const title = `${unread ? `(${atMost(unread)}) ` : ''}${person ? `${nameOf(person)} · ` : ''}${NAME}`;
    if (document.title !== title) document.title = title;
  }

  /** Icons by what stands on them. They are kept: the browser loads one some time after it is named. @type {Map<string, Promise<string>>} */
  const icons = new Map();

  /** Draws the page's icon, with a number above it. @param {number} count */
  async function icon(count) {
    if (!count) return void Object.assign(link, { href: plain, type });
    const text = atMost(count);
    const href = icons.get(text) ?? painted(plain, text);
    icons.set(text, href);
    Object.assign(link, await href.then(href => (count === unread ? { href, type: 'image/png' } : {})));
  }

  for (const event of /** @type {const} */ (['thread', 'counts', 'reset'])) chat.on(event, draw);
  document.addEventListener('visibilitychange', draw);
  return { /** Says who is talked to. @param {number | undefined} other */ talking(other) {
    person = other;
    name();
    draw();
  } };
}

/** Draws an icon with a text above it. @param {string} src @param {string} text @returns {Promise<string>} its address */
async function painted(src, text) {
  const image = new Image();
  image.src = src;
  await image.decode();
  const canvas = h('canvas', { width: SIZE, height: SIZE });
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, SIZE, SIZE);
  const [height, width] = [40, Math.max(40, 16 + 22 * text.length)];
  context.fillStyle = '#d3302f';
  context.beginPath();
  context.roundRect(SIZE - width, SIZE - height, width, height, height / 2);
  context.fill();
  context.fillStyle = '#ffffff';
  context.font = '700 34px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, SIZE - width / 2, SIZE - height / 2 + 2, width - 8);
  return URL.createObjectURL(await new Promise(done => canvas.toBlob(done)));
}
