// The lightbox: a picture in full size, which can be zoomed and downloaded. Arrow keys and swipes go to the next one.

import sheet from '../css/lightbox.css';
import { h, set, write } from './dom.js';
import { icon } from './icons.js';
import { direction, t } from './language.js';
import { fetched } from './pictures.js';
import { here, isGiven } from './trail.js';
import { zooming } from './zooming.js';

export { sheet };

/** Adds an entry to the browser's history for the opened lightbox: Back closes it. @param {HTMLDialogElement} dialog */
function enter(dialog) {
  if (!isGiven() || here().picture) return;
  history.pushState({ ...here(), picture: true }, '');
  const back = () => !here().picture && dialog.close();
  addEventListener('popstate', back);
  dialog.addEventListener('close', () => {
    removeEventListener('popstate', back);
    if (here().picture) history.back();
  }, { once: true });
}

/** @param {{chat: import('../../chat-client.js').ChatClient}} context */
export function lightbox(context) {
  /** @type {any[]} */ let images = [];
  let at = 0;
  const picture = h('img', { class: 'lightbox-picture', alt: '', draggable: 'false' });
  const count = h('p', { class: 'lightbox-count', 'aria-live': 'polite' });
  const previous = h('button', { class: 'icon-button lightbox-previous', 'aria-label': t('photo.previous'), onclick: () => go(-1) }, icon('left'));
  const next = h('button', { class: 'icon-button lightbox-next', 'aria-label': t('photo.next'), onclick: () => go(1) }, icon('right'));
  const larger = h('button', { class: 'icon-button', 'aria-pressed': 'false', 'aria-label': t('photo.zoom'), title: t('photo.zoom'), onclick: () => zoom.toggle() }, icon('zoom'));
  const keep = h('a', { class: 'icon-button', 'aria-label': t('photo.download'), title: t('photo.download'), target: '_blank', rel: 'noopener' }, icon('download'));
  const element = h('dialog', { class: 'lightbox', 'aria-label': t('photo'), onkeydown: (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && !zoom.moves(event)) go(along(by));
    else zoom.key(event);
  }, onclick: (/** @type {MouseEvent} */ event) => event.target === element && element.close() },
    picture, count, previous, next,
    h('div', { class: 'lightbox-tools' }, larger, keep, h('button', { class: 'icon-button lightbox-close', 'aria-label': t('close'), onclick: () => element.close() }, icon('close'))));
  const zoom = zooming(element, picture, { swiped: by => go(along(by)), away: () => element.close(), zoomed: on => set(larger, 'aria-pressed', String(on)) });

  /** Turns a step to the right into a step forward: in a language from right to left, the next picture is at the left. @param {number} by */
  const along = by => (direction() === 'rtl' ? -by : by);

  /** @param {number} by */
  function go(by) {
    if (images[at + by]) show(images, at + by);
  }

  /** @param {any[]} all @param {number} index */
  async function show(all, index) {
    [images, at] = [all, index];
    const image = images[at];
    zoom.reset();
    previous.hidden = !images[at - 1];
    next.hidden = !images[at + 1];
    write(count, images.length > 1 ? t('photo.place', { at: at + 1, all: images.length }) : '');
    set(picture, 'alt', t('photo.of', { at: at + 1, all: images.length }));
    set(picture, 'width', image.width);
    set(picture, 'height', image.height);
    if (!element.open) {
      element.showModal();
      enter(element);
    }
    picture.removeAttribute('src');
    keep.hidden = true;
    const shown = (/** @type {string} */ src) => src !== '' && image === images[at];
    fetched(context, image.thumb_url).catch(() => '').then(src => shown(src) && !picture.hasAttribute('src') && set(picture, 'src', src));
    const src = await fetched(context, image.url).catch(() => '');
    if (!shown(src)) return;
    set(picture, 'src', src);
    keep.hidden = false;
    set(keep, 'href', src);
    set(keep, 'download', `photo-${image.id.slice(0, 8)}.webp`);
  }

  return { element, show };
}
