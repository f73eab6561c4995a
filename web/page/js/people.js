// How users are called and shown: by what the marketplace says of them, and where that is nothing, by made-up names.

import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { picture, plain } from './market.js';

const NAMES = ['Alice', 'Bob', 'Carol', 'David', 'Erin', 'Farid', 'Grace', 'Hugo', 'Ines', 'Jonas', 'Kira', 'Liam'];

/** @typedef {import('../../chat-client.js').Profile} Profile */

/** @type {(user: number) => Profile | null | undefined} */ let profileOf = () => undefined;
/** What is drawn in an element, so that it is drawn once. @type {WeakMap<Element, string>} */ const drawn = new WeakMap();

/** Says where users are known from. @param {(user: number) => Profile | null | undefined} source */
export const knowFrom = source => void (profileOf = source);

/** @param {number} user */
export const nameOf = user => plain(profileOf(user)?.name ?? '') || (NAMES[user - 1] ?? t('user', { id: String(user) }));

/** Who has written a message: of the marketplace's own it is the marketplace. @param {{sender_id: number | null}} message */
export const authorOf = ({ sender_id }) => (sender_id === null ? t('marketplace') : nameOf(sender_id));

/** The letters that stand for a user without a picture. @param {number} user */
function initials(user) {
  const words = nameOf(user).split(/\s+/);
  if (!profileOf(user) && !NAMES[user - 1]) return String(user).slice(-2);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  // Letters that would join, as those of Arabic, stand for themselves.
  return letters.map(word => first(word).toUpperCase()).join('\u200c');
}

/** The first letter, or picture, of a word. @param {string} word */
const first = word => (Intl.Segmenter ? [...new Intl.Segmenter().segment(word)][0].segment : [...word][0]);

/** Makes the round picture of a user. @param {number} user */
export function avatar(user) {
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true' });
  paint(element, user);
  return element;
}

/** Draws the picture of a user, if another one is shown. @param {HTMLElement} element @param {number} user */
export function paint(element, user) {
  const url = profileOf(user)?.avatar_url;
  const shown = `${user} ${nameOf(user)} ${url}`;
  if (drawn.get(element) === shown) return;
  drawn.set(element, shown);
  element.style.setProperty('--hue', String((user * 137 + 40) % 360));
  element.dataset.letters = initials(user); // drawn by the style: they are no text of what they stand in
  element.replaceChildren(picture(url) ?? '');
}

/**
 * Writes a user's name, with the mark of those whom the marketplace has verified, if another one is shown.
 * @param {HTMLElement} element @param {number} user @param {{role?: boolean}} [how] `role`: says whether they sell or buy
 */
export function writeName(element, user, { role = false } = {}) {
  const profile = profileOf(user);
  const says = role && profile?.role && ['seller', 'buyer'].includes(profile.role) ? t(`role.${profile.role}`) : '';
  const name = `${nameOf(user)} ${profile?.verified} ${says}`;
  if (drawn.get(element) === name) return;
  drawn.set(element, name);
  const mark = profile?.verified === true && h('span', { class: 'verified', role: 'img', 'aria-label': t('verified'), title: t('verified') }, icon('verified'));
  element.replaceChildren(...[h('span', { class: 'name', dir: 'auto' }, nameOf(user)), mark, says && h('span', { class: 'role' }, says)].filter(part => part));
}
