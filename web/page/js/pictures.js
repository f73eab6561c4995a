// The pictures of a message: a blurhash first, then the thumbnail; a click shows them in full.

import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/** Fetched pictures, by address (without the signature, which changes): the last ones are kept. @type {Map<string, Promise<string>>} */
const cache = new Map();
const KEPT = 200;

/**
 * Fetches a picture, as its viewer: an image element could not say who asks.
 * @param {{chat: import('../../chat-client.js').ChatClient, token: string | undefined}} context @param {string} url
 * @returns {Promise<string>} an address that an image element can show
 */
export function fetched({ chat, token }, url) {
  const [name] = url.split('?');
  let picture = cache.get(name);
  if (!picture) {
    picture = fetch(chat.src(url), { ...(token ? { headers: { Authorization: `Bearer ${token}` } } : { credentials: 'include' }), redirect: 'manual' }).then(async answer => {
      // A hub that sends readers on to its store: an image element may follow, without saying who it is; a script may not.
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

/**
 * Draws the pictures of a message or of an entry that waits.
 * @param {any} item @param {import('./bubble.js').Context} context @param {HTMLElement | null} shown drawn before: kept, if it is the same
 */
export function pictures(item, context, shown) {
  const stored = item.id !== undefined;
  const names = item.images.map((/** @type {any} */ image) => (stored ? image.id : `${image.media?.id}${image.error}`)).join();
  if (shown && shown.dataset.names === names) return shown;
  const tiles = item.images.map((/** @type {any} */ image, /** @type {number} */ index) => (stored ? storedTile(item, index, context) : localTile(image)));
  return h('div', { class: 'pictures', 'data-count': Math.min(item.images.length, 4), 'data-names': names }, tiles);
}

/** @param {any} message @param {number} index @param {import('./bubble.js').Context} context */
function storedTile(message, index, context) {
  const image = message.images[index];
  const tile = h('button', { class: 'picture', 'aria-label': t('photo.open', { at: index + 1, all: message.images.length }), onclick: () => context.look(message.images, index) });
  tile.style.setProperty('--ratio', String(Math.min(2, Math.max(0.6, image.width / image.height)) || 1));
  if (image.blurhash) tile.append(blurred(image.blurhash));
  const broken = () => tile.append(h('span', { class: 'picture-broken' }, icon('image'), t('photo.missing')));
  fetched(context, image.thumb_url).then(src => {
    const picture = h('img', { alt: '', draggable: 'false', onload: () => tile.classList.add('loaded'), onerror: broken });
    picture.src = src;
    tile.append(picture);
  }, broken);
  return tile;
}

/** @param {any} image */
function localTile(image) {
  const tile = h('div', { class: 'picture waiting' }, h('progress', { max: 1, value: image.progress, 'aria-label': t('photo.uploading', { name: image.name }) }));
  const picture = h('img', { alt: image.name, onload: () => {
    URL.revokeObjectURL(picture.src);
    tile.classList.add('loaded');
  } });
  picture.src = URL.createObjectURL(image.file);
  tile.prepend(picture);
  if (image.error) tile.append(h('span', { class: 'picture-broken' }, icon('alert')));
  return tile;
}

/** Draws what a picture will look like. @param {string} hash */
function blurred(hash) {
  const canvas = h('canvas', { width: 32, height: 32, 'aria-hidden': 'true' });
  import('../vendor/blurhash.js').then(({ decode }) => {
    const pixels = new ImageData(32, 32);
    pixels.data.set(decode(hash, 32, 32));
    canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  }).catch(() => {}); // Not a hash: the tile stays plain.
  return canvas;
}
