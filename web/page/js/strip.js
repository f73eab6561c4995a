// The strip of photos in the composer. It makes them smaller at once, and refuses each bad one, by name and with a reason, before
// the message is sent.

import { toast } from './dialogs.js';
import { h } from './dom.js';
import { filesNamed } from './format.js';
import { icon } from './icons.js';
import { size } from './size.js';
import { t } from './language.js';

/** The types that the hub accepts; HEIC is converted before. The hub checks the bytes, the page only the type or the name. */
const PICTURES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif'];
const HEIC = /^image\/hei[cf]$/;

/** What the file picker offers. HEIC is left out: a phone with such photos then converts them to JPEG. */
export const OFFERED = PICTURES.join();

/** @param {File} file */
const isHeic = file => HEIC.test(file.type) || (!file.type && /\.hei[cf]$/i.test(file.name));

/** Why a file cannot be sent; undefined if it can. @param {File} file */
function refusal(file) {
  if (!PICTURES.includes(file.type) && !isHeic(file)) return t('photo.no_picture');
  return file.size ? undefined : t('photo.empty');
}

/** Used if the module that makes photos smaller cannot be loaded: the photo stays as it is. */
const AS_IT_IS = { fitting: async (/** @type {File} */ file) => file };

/**
 * Makes a photo smaller. Without a network the code for that may be missing: then the photo stays as it is until its upload.
 * @param {Blob} file @returns {Promise<File>} rejects if the browser cannot read it
 */
export async function smaller(file) {
  const { fitting } = await import('./shrink.js').catch(() => AS_IT_IS);
  return fitting(/** @type {File} */ (file));
}

/**
 * @param {object} on
 * @param {() => void} on.changed the photos have changed
 * @param {() => void} on.focus focuses the composer's field
 * @param {() => {images: number}} limits
 */
export function strip(on, limits) {
  /** @type {{file: File, element: HTMLElement}[]} */ let items = [];
  const element = h('div', { class: 'strip', role: 'group', 'aria-label': t('composer.strip') });

  /** Adds files, of which some may be refused. @param {File[]} more */
  function add(more) {
    const most = limits().images;
    const good = more.filter(file => {
      const why = refusal(file);
      if (why) leaveOut(file, why);
      return !why;
    });
    const room = Math.max(0, most - items.length);
    const beyond = good.slice(room);
    if (beyond.length) toast(t('composer.too_many', { files: filesNamed(beyond), count: beyond.length, most }));
    take(good.slice(0, room));
    if (good.length) on.focus();
  }

  /** @param {File} file @param {string} why */
  const leaveOut = (file, why) => toast(t('photo.left_out', { files: filesNamed([file]), reason: why }));

  /** @param {File[]} files */
  function take(files) {
    for (const file of files) {
      const item = { file, element: tile(file) };
      items.push(item);
      element.append(item.element);
      fit(item);
    }
    on.changed();
  }

  /** @param {File} file */
  function tile(file) {
    return h('div', { class: 'strip-item fitting' }, h('img', { alt: file.name, title: file.name }), h('span', { class: 'strip-size' }),
      h('button', { class: 'strip-remove', type: 'button', 'aria-label': t('composer.remove', { name: file.name }), onclick: (/** @type {MouseEvent} */ { currentTarget }) => {
        const item = items.find(({ element }) => element.contains(/** @type {Node} */ (currentTarget)));
        if (item) remove(item);
        on.focus();
      } }, icon('close')));
  }

  /** Makes a photo smaller, and shows it. @param {{file: File, element: HTMLElement}} item */
  async function fit(item) {
    const { file, element } = item;
    try {
      item.file = await smaller(file);
    } catch {
      if (!items.includes(item)) return;
      remove(item);
      return leaveOut(file, t(isHeic(file) ? 'photo.heic' : 'photo.unreadable'));
    }
    if (!items.includes(item)) return;
    const picture = /** @type {HTMLImageElement} */ (element.querySelector('img'));
    picture.src = URL.createObjectURL(item.file);
    /** @type {Element} */ (element.querySelector('.strip-size')).textContent = size(item.file.size);
    element.classList.remove('fitting');
  }

  /** @param {{file: File, element: HTMLElement}} item */
  function remove(item) {
    items = items.filter(other => other !== item);
    clear(item);
    on.changed();
  }

  /** @param {{element: HTMLElement}} item */
  function clear({ element }) {
    URL.revokeObjectURL(/** @type {HTMLImageElement} */ (element.querySelector('img')).src);
    element.remove();
  }

  return {
    element, add,
    /** Replaces the photos. @param {File[]} files */
    put(files) {
      items.forEach(clear);
      items = [];
      take(files);
    },
    /** The photos, each made smaller if that is done. @returns {File[]} */
    get files() {
      return items.map(({ file }) => file);
    },
  };
}
