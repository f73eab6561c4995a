// The dialogs of the page: the number of a user to write to, and the list of keys.

import { answer } from './dialogs.js';
import { h } from './dom.js';
import { t } from './language.js';

/** The keys in the list: each has a text with its name (`keys.search.key`), and one with what it does (`keys.search`). */
const KEYS = ['help', 'search', 'step', 'send', 'line', 'last', 'stop', 'messages', 'parts', 'menu', 'leave'];

/** Asks for the number of the user to write to; undefined: cancelled. @param {number} me @returns {Promise<number | undefined>} */
export async function askForPerson(me) {
  const field = h('input', { id: 'person', inputmode: 'numeric', pattern: '[0-9]+', autocomplete: 'off', required: true, autofocus: true });
  const error = h('p', { class: 'dialog-error', role: 'alert' });
  const form = h('form', { method: 'dialog', onsubmit: (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const person = Number(field.value);
    if (!Number.isSafeInteger(person) || person < 1) error.textContent = t('person.invalid', { example: '3' });
    else if (person === me) error.textContent = t('person.self');
    else dialog.close(String(person));
  } }, h('label', { for: 'person' }, t('person.number')), field, error, h('div', { class: 'dialog-buttons' },
    h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('cancel')),
    h('button', { class: 'button primary' }, t('person.open'))));
  const dialog = h('dialog', { class: 'dialog', 'aria-label': t('person.title') }, h('h2', {}, t('person.title')), form);
  return Number(await answer(dialog, document.body)) || undefined;
}

/** Shows the list of keys. */
export function help() {
  const dialog = h('dialog', { class: 'dialog', 'aria-label': t('keys') }, h('h2', {}, t('keys')),
    h('dl', { class: 'keys' }, KEYS.flatMap(name => [h('dt', {}, h('kbd', {}, t(`keys.${name}.key`))), h('dd', {}, t(`keys.${name}`))])),
    h('div', { class: 'dialog-buttons' }, h('button', { class: 'button', autofocus: true, onclick: () => dialog.close() }, t('close'))));
  answer(dialog, document.body);
}
