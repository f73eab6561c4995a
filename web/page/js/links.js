// Links, mail addresses and telephone numbers in a text. A link shows where it leads: a host name with other letters than ASCII
// is shown in its ASCII form (`xn--…`), and a link has no invisible characters, which could change its direction.

import { LinkifyIt } from 'linkify-it';
import { h } from './dom.js';

const linkifier = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: true }).add('ftp:', null).add('//', null);

/** Groups of digits; `dialled` decides which are telephone numbers. */
const GROUPS = /(?<![\p{L}\p{N}_.,:;/@#€$£-])(?:\+\s?)?\(?\d(?:[ \u00a0.()-]{0,2}\d){7,}(?![\p{L}\p{N}_/@€$£-])/gu;
/** A sentence that follows another one without a space looks like a host name: "there it is.It was". */
const SENTENCE = /\.\p{Lu}\p{Ll}+$/u;
const UNSEEN = /[\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u;

/**
 * Returns a text as nodes, of which some are links.
 * @param {string} text @returns {(string | HTMLAnchorElement)[]}
 */
export function links(text) {
  /** @type {(string | HTMLAnchorElement)[]} */ const nodes = [];
  let at = 0;
  for (const { index, lastIndex, raw, url, schema } of linkifier.match(text) ?? []) {
    const link = !schema && SENTENCE.test(raw) ? undefined : anchor(raw, url);
    if (!link) continue;
    nodes.push(...dialable(text.slice(at, index)), link);
    at = lastIndex;
  }
  return [...nodes, ...dialable(text.slice(at))];
}

/** @param {string} raw @param {string} address @returns {HTMLAnchorElement | undefined} */
function anchor(raw, address) {
  if (address.startsWith('mailto:')) {
    const [, name, host] = /^mailto:(.*)@([^@]+)$/i.exec(address) ?? [];
    const url = host && parsed(`http://${host}`);
    if (!url || UNSEEN.test(name)) return undefined;
    return h('a', { tabindex: -1, href: `mailto:${encodeURIComponent(name)}@${url.hostname}` }, isAscii(host) ? raw : `${name}@${url.hostname}`);
  }
  const url = parsed(address);
  // The part before an @ looks like the host, but is not.
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) return undefined;
  const plain = !UNSEEN.test(raw) && isAscii(/^(?:https?:\/\/)?([^/?#]*)/i.exec(raw)?.[1] ?? '');
  const shown = (/^https?:/i.test(raw) ? url.href : url.href.replace(/^https?:\/\//, '')).replace(/\/$/, raw.endsWith('/') ? '/' : '');
  return h('a', { tabindex: -1, href: url.href, target: '_blank', rel: 'noopener nofollow ugc' }, plain ? raw : shown);
}

/** @param {string} address */
function parsed(address) {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

/** @param {string} text */
const isAscii = text => /^[\x20-\x7e]*$/.test(text);

/** Finds telephone numbers. @param {string} text @returns {(string | HTMLAnchorElement)[]} */
function dialable(text) {
  /** @type {(string | HTMLAnchorElement)[]} */ const nodes = [];
  let at = 0;
  for (const { 0: raw, index } of text.matchAll(GROUPS)) {
    const number = dialled(raw);
    if (!number) continue;
    nodes.push(text.slice(at, index), h('a', { tabindex: -1, href: `tel:${number}` }, raw));
    at = index + raw.length;
  }
  return [...nodes, text.slice(at)].filter(node => node !== '');
}

/**
 * Returns the number to dial, of an international number (`+33…`, `0033…`: 8 to 15 digits) or a national one (`06…`: 9 to 11).
 * Undefined for other digits: they may be prices, parcels, bank cards or dates. @param {string} written
 */
function dialled(written) {
  const digits = written.replace(/\D/g, '');
  if (written.startsWith('+')) return digits.length >= 8 && digits.length <= 15 ? `+${digits}` : undefined;
  if (digits.startsWith('00')) return digits.length >= 10 && digits.length <= 17 ? `+${digits.slice(2)}` : undefined;
  return /^\(?0[1-9]/.test(written) && digits.length >= 9 && digits.length <= 11 ? digits : undefined;
}
