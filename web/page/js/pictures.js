// The pictures of a message: first a blurhash, then the thumbnail; a click opens the lightbox. In data-saving mode a first click
// loads the thumbnail. Pictures that are being uploaded show their progress, and can be removed.

import { h, set } from './dom.js';
import { icon, ring } from './icons.js';
import { t } from './language.js';
import { isSaving } from './saving.js';
import { size } from './size.js';

/** The fetched pictures, the newest 200, by address without the signature, which changes. @type {Map<string, Promise<string>>} */
const cache = new Map();
const KEPT = 200;

/** Whether a picture is in the cache. @param {string} url */
const isHere = url => cache.has(url.split('?')[0]);

/**
 * Fetches a picture with the user's credentials: an image element cannot send a token.
 * @param {{chat: import('../../chat-client.js').ChatClient}} context @param {string} url
 * @returns {Promise<string>} an address that an image element can show
 */
export function fetched({ chat }, url) {
  const [name] = url.split('?');
  let picture = cache.get(name);
  if (!picture) {
    picture = chat.image(url).then(async answer => {
      // The hub redirects readers to its store: an image element may follow, without credentials; a script may not.
      if (answer.type === 'opaqueredirect') return chat.src(url);
      if (!answer.ok) throw new Error(`${answer.status}`);
      return URL.createObjectURL(await answer.blob());
    });
    picture.catch(() => cache.delete(name));
    cache.set(name, picture);
    if (cache.size > KEPT) {
      const [oldest, address] = /** @type {[string, Promise<string>]} */ (cache.entries().next().value);
      cache.delete(oldest);
      address.then(URL.revokeObjectURL, () => {});
    }
  }
  return picture;
}

/** From how many pictures on they are in three columns, so that all are visible at once. */
const MANY = 5;

/**
 * Draws the pictures of a message or of an entry that waits.
 * @param {any} item @param {import('./bubble.js').Context} context @param {HTMLElement | null} shown the album drawn before, which is kept if it has the same pictures
 */
export function pictures(item, context, shown) {
  const { images } = item;
  const stored = item.id !== undefined;
  const names = images.map((/** @type {any} */ image) => (stored ? image.id : `${image.key} ${image.media?.id}${image.error}`)).join();
  if (shown && shown.dataset.names === names) return shown;
  const tiles = images.map((/** @type {any} */ image, /** @type {number} */ index) => (stored ? storedTile(item, index, context) : localTile(item, image, context)));
  const album = h('div', { class: 'pictures', 'data-count': Math.min(images.length, MANY), 'data-names': names }, tiles);
  if (stored && images.length === 1) album.style.setProperty('--natural', `${images[0].width}px`);
  return album;
}

/** @param {any} message @param {number} index @param {import('./bubble.js').Context} context */
function storedTile(message, index, context) {
  const image = message.images[index];
  const [at, all] = [index + 1, message.images.length];
  const label = t('photo.open', { at, all });
  const tile = h('button', { class: 'picture', 'aria-label': label, onclick: () => (tile.matches('.held') ? load() : context.look(message.images, index)) });
  tile.style.setProperty('--ratio', String(Math.min(2, Math.max(0.6, image.width / image.height)) || 1));
  if (image.blurhash) tile.append(blurred(image.blurhash));
  const broken = () => tile.append(h('span', { class: 'picture-broken' }, icon('image'), t('photo.missing')));

  function load() {
    tile.classList.remove('held');
    tile.querySelector('.picture-size')?.remove();
    set(tile, 'aria-label', label);
    fetched(context, image.thumb_url).then(src => {
      const picture = h('img', { alt: '', draggable: 'false', onload: () => tile.classList.add('loaded'), onerror: broken });
      picture.src = src;
      tile.append(picture);
    }, broken);
  }

  if (isSaving() && !isHere(image.thumb_url)) {
    Object.assign(tile, { load }).classList.add('held');
    tile.append(h('span', { class: 'picture-size' }, icon('down'), size(image.bytes)));
    set(tile, 'aria-label', t('photo.held', { at, all, size: size(image.bytes) }));
  } else load();
  return tile;
}

/** Loads the pictures of a conversation that were held back, if data-saving mode is off. @param {Element} log */
export function release(log) {
  if (!isSaving()) for (const tile of log.querySelectorAll('.picture.held')) /** @type {any} */ (tile).load();
}

/** @param {import('../../chat-client.js').Entry} entry @param {import('../../chat-client.js').Picture} image @param {import('./bubble.js').Context} context */
function localTile(entry, image, context) {
  const tile = h('div', { class: 'picture waiting' },
    h('progress', { class: 'sr', max: 1, 'aria-label': t('photo.uploading', { name: image.name }) }),
    h('button', { class: 'picture-cancel', 'aria-label': t('photo.cancel', { name: image.name }), title: t('photo.cancel', { name: image.name }), onclick: () => context.chat.cancelUpload(entry.temp_id, image) }, ring(), icon('close')));
  const picture = h('img', { alt: image.name, onload: () => {
    URL.revokeObjectURL(picture.src);
    tile.classList.add('loaded');
    if (entry.images.length === 1) tile.parentElement?.style.setProperty('--natural', `${picture.naturalWidth}px`);
  } });
  picture.src = URL.createObjectURL(image.file);
  tile.prepend(picture);
  tile.image = image;
  if (image.error) tile.append(h('span', { class: 'picture-broken' }, icon('alert')));
  return tile;
}

/** Shows the progress of the pictures of an entry. @param {Element} body @param {import('../../chat-client.js').Entry} entry */
export function waiting(body, entry) {
  for (const tile of body.querySelectorAll('.picture.waiting')) {
    const { image } = /** @type {any} */ (tile);
    const over = Boolean(image.media || image.error) || entry.state === 'failed';
    const [bar, cancel] = /** @type {any} */ ([tile.querySelector('progress'), tile.querySelector('.picture-cancel')]);
    bar.value = image.progress;
    bar.hidden = cancel.hidden = over;
    set(cancel.querySelector('.ring-part'), 'stroke-dasharray', `${image.progress} 1`);
  }
}

/** Shows the progress of a picture in a conversation. @param {Element} log @param {import('../../chat-client.js').Entry} entry @param {import('../../chat-client.js').Picture} picture */
export function uploading(log, entry, picture) {
  const tile = [...log.querySelectorAll('.picture.waiting')].find(tile => /** @type {any} */ (tile).image === picture);
  if (tile?.parentElement) waiting(tile.parentElement, entry);
}

/** Draws a blurhash. @param {string} hash */
function blurred(hash) {
  const canvas = h('canvas', { width: 32, height: 32, 'aria-hidden': 'true' });
  import('blurhash').then(({ decode }) => {
    const pixels = new ImageData(32, 32);
    pixels.data.set(decode(hash, 32, 32));
    canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  }).catch(() => {}); // not a valid hash: the tile stays plain
  return canvas;
}
