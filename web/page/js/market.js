// What comes from the marketplace: its texts, and pictures that are on other origins.

import { h } from './dom.js';

/**
 * A name or a title, as it is shown: on one line, and without what would turn the direction of the text around it.
 * @param {string} text
 */
export const plain = text => text.replace(/\p{Bidi_Control}/gu, '').replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();

/** An address that may be opened, or loaded from: by https, and a link by http, too. @param {string | null | undefined} url @param {RegExp} schemes */
export function address(url, schemes = /^https:$/) {
  try {
    const { protocol, href } = new URL(/** @type {string} */ (url));
    return schemes.test(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a picture that is loaded when it comes into sight, without a word of who looks. It lies above what stands for it: if it
 * cannot be loaded, it goes, and that shows. Nothing, where there is no address by https.
 * @param {string | null | undefined} url
 */
export function picture(url) {
  const src = address(url);
  if (!src) return undefined;
  /** @type {HTMLImageElement} */ const image = h('img', {
    alt: '', loading: 'lazy', decoding: 'async', referrerpolicy: 'no-referrer', draggable: 'false',
    onload: () => image.classList.add('loaded'), onerror: () => image.remove(),
  });
  image.src = src;
  return image;
}
