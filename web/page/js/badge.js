// How much is unread, where one sees it from another tab: in the title, and in the page's icon.

import { h } from './dom.js';
import { atMost, nameOf } from './format.js';

const NAME = 'Softadastra Chat';
/** How long a number stands before it is shown, in ms: what is looked at is read at once, and the title does not flicker. */
const SETTLED = 300;
const SIZE = 64;

/** @param {{chat: import('../../chat-client.js').ChatClient}} context */
export function badge({ chat }) {
  const link = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
  const { href: plain, type } = link;
  /** @type {number | undefined} */ let person;
  /** @type {number | undefined} */ let timer;
  let unread = 0;

  function draw() {
    clearTimeout(timer);
    timer = undefined;
    const { messages } = chat.counts;
    const title = `${messages ? `(${atMost(messages)}) ` : ''}${person ? `${nameOf(person)} · ` : ''}${NAME}`;
    if (document.title !== title) document.title = title;
    if (messages !== unread) icon((unread = messages));
  }

  /** Draws the page's icon, with a number above it. @param {number} count */
  async function icon(count) {
    const before = link.href;
    let [href, kind] = [plain, type];
    if (count) {
      const image = new Image();
      image.src = plain;
      await image.decode();
      const blob = await new Promise(done => paint(image, atMost(count)).toBlob(done));
      if (!blob || count !== unread) return;
      [href, kind] = [URL.createObjectURL(blob), 'image/png'];
    }
    Object.assign(link, { href, type: kind });
    if (before !== plain) URL.revokeObjectURL(before);
  }

  chat.on('counts', ({ messages }) => {
    if (messages <= unread) draw();
    else timer ??= setTimeout(draw, SETTLED);
  });
  return { /** Says who is talked to. @param {number | undefined} other */ talking(other) {
    person = other;
    draw();
  } };
}

/** @param {HTMLImageElement} image @param {string} text @returns {HTMLCanvasElement} */
function paint(image, text) {
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
  return canvas;
}
