// The head of the page, above the list of conversations: the user, the menu of languages, and the button that begins a new one.

import { choose, chosen } from './chosen.js';
import { menu } from './dialogs.js';
import { h, write } from './dom.js';
import { icon } from './icons.js';
import { LANGUAGES, t } from './language.js';
import { avatar, nameOf, paint } from './people.js';

/** @param {import('../../chat-client.js').ChatClient} chat @param {number} me @param {(person: number) => void} open */
export function head(chat, me, open) {
  const [face, line] = [avatar(me), h('p', { class: 'bar-subtitle' })];
  const name = () => {
    paint(face, me);
    write(line, t('inbox.me', { name: nameOf(me) }));
  };
  name();
  chat.on('profile', user => user === me && name());
  return [
    languageButton(face),
    h('div', { class: 'bar-title' }, h('h1', {}, t('inbox.title')), line),
    h('button', { class: 'icon-button', 'aria-label': t('person.title'), title: t('person.title'), onclick: () => import('./asking.js').then(async ({ askForPerson }) => {
      const person = await askForPerson(me);
      if (person) open(person);
    }, () => {}) }, icon('plus')),
  ];
}

/** Puts the button that opens the menu of languages over a picture. @param {HTMLElement} face */
function languageButton(face) {
  const button = h('button', { 'aria-label': t('language'), title: t('language'), 'aria-haspopup': 'menu', onclick: () => menu(button, languages()) }, icon('globe'));
  return h('span', { class: 'language' }, face, button);
}

/** The menu entries of the languages, each named in itself. */
export function languages() {
  const all = /** @type {[import('./language.js').Language, string][]} */ (Object.entries(LANGUAGES));
  return all.map(([lang, label]) => ({ label, lang, icon: lang === chosen ? 'check' : 'blank', checked: lang === chosen, run: () => choose(lang) }));
}
