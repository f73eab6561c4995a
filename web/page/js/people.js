// The names and pictures of users: from their profiles, or made-up names for users without one.

import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { picture, plain } from './market.js';

const NAMES = ['Alice', 'Bob', 'Carol', 'David', 'Erin', 'Farid', 'Grace', 'Hugo', 'Ines', 'Jonas', 'Kira', 'Liam'];

/** @typedef {import('../../chat-client.js').Profile} Profile */

/** @type {(user: number) => Profile | null | undefined} */ let profileOf = () => undefined;
/** What was drawn in an element last: equal content is not drawn again. @type {WeakMap<Element, string>} */ const drawn = new WeakMap();

/** Sets the source of profiles. @param {(user: number) => Profile | null | undefined} source */
export const knowFrom = source => void (profileOf = source);

/** @param {number} user */
export const nameOf = user => plain(profileOf(user)?.name ?? '') || (NAMES[user - 1] ?? t('user', { id: String(user) }));

/** The name of a message's author; without a sender it is the marketplace. @param {{sender_id: number | null}} message */
export const authorOf = ({ sender_id }) => (sender_id === null ? t('marketplace') : nameOf(sender_id));

/** The letters that stand for a user without a picture. @param {number} user */
function initials(user) {
  const words = nameOf(user).split(/\s+/);
  if (!profileOf(user) && !NAMES[user - 1]) return String(user).slice(-2);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  // A non-joiner between them keeps letters apart that would join, as in Arabic.
  return letters.map(word => first(word).toUpperCase()).join('\u200c');
}

/** The first grapheme of a word. @param {string} word */
const first = word => (Intl.Segmenter ? [...new Intl.Segmenter().segment(word)][0].segment : [...word][0]);

/** Makes the round picture of a user. @param {number} user */
export function avatar(user) {
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true' });
  paint(element, user);
  return element;
}

/** Draws the picture of a user, unless it is shown already. @param {HTMLElement} element @param {number} user */
export function paint(element, user) {
  const url = profileOf(user)?.avatar_url;
  const shown = `${user} ${nameOf(user)} ${url}`;
  if (drawn.get(element) === shown) return;
  drawn.set(element, shown);
  element.style.setProperty('--hue', String((user * 137 + 40) % 360));
  element.dataset.letters = initials(user); // drawn by the style sheet, so they are not part of the text
  element.replaceChildren(picture(url) ?? '');
}

/**
 * Writes a user's name, with a mark if the marketplace has verified the user, unless it is shown already.
 * @param {HTMLElement} element @param {number} user @param {{role?: boolean}} [how] `role`: whether to add "seller" or "buyer"
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
