// A picture in full, with its neighbours at the arrow keys.

import { h, set, write } from './dom.js';
import { icon } from './icons.js';
import { direction, t } from './language.js';
import { fetched } from './pictures.js';
import { lookInto } from './trail.js';

/** @param {{chat: import('../../chat-client.js').ChatClient, token: string | undefined}} context */
export function lightbox(context) {
  /** @type {any[]} */ let images = [];
  let at = 0;
  const picture = h('img', { class: 'lightbox-picture', alt: '' });
  const count = h('p', { class: 'lightbox-count', 'aria-live': 'polite' });
  const previous = h('button', { class: 'icon-button lightbox-previous', 'aria-label': t('photo.previous'), onclick: () => go(-1) }, icon('left'));
  const next = h('button', { class: 'icon-button lightbox-next', 'aria-label': t('photo.next'), onclick: () => go(1) }, icon('right'));
  const element = h('dialog', { class: 'lightbox', 'aria-label': t('photo'), onkeydown: (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by) go(direction() === 'rtl' ? -by : by);
  }, onclick: (/** @type {MouseEvent} */ event) => event.target === element && element.close() },
    picture, count, previous, next,
    h('button', { class: 'icon-button lightbox-close', 'aria-label': t('close'), onclick: () => element.close() }, icon('close')));

  /** @param {number} by */
  function go(by) {
    if (images[at + by]) show(images, at + by);
  }

  /** @param {any[]} all @param {number} index */
  async function show(all, index) {
    [images, at] = [all, index];
    const image = images[at];
    previous.hidden = !images[at - 1];
    next.hidden = !images[at + 1];
    write(count, images.length > 1 ? t('photo.place', { at: at + 1, all: images.length }) : '');
    set(picture, 'alt', t('photo.of', { at: at + 1, all: images.length }));
    set(picture, 'width', image.width);
    set(picture, 'height', image.height);
    if (!element.open) {
      element.showModal();
      lookInto(element);
    }
    picture.removeAttribute('src');
    const src = await fetched(context, image.url).catch(() => fetched(context, image.thumb_url)).catch(() => '');
    if (image === images[at] && src) picture.src = src;
  }

  return { element, show };
}
