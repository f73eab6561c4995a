// Data of the marketplace: its texts, and pictures on other origins.

import { h } from './dom.js';

/**
 * A name or a title to show: on one line, and without characters that change the direction of text.
 * @param {string} text
 */
export const plain = text => text.replace(/\p{Bidi_Control}/gu, '').replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();

/** Returns an address if its scheme is allowed: by default only https; undefined otherwise. @param {string | null | undefined} url @param {RegExp} schemes */
export function address(url, schemes = /^https:$/) {
  try {
    const { protocol, href } = new URL(/** @type {string} */ (url));
    return schemes.test(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a picture that is loaded when it comes into sight, without a referrer. It covers its placeholder; if it cannot be loaded,
 * it is removed, and the placeholder shows. Undefined if the address is not https.
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
