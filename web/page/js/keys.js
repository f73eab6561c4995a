// The keys that work anywhere on the page, and the list of all, which `?` opens.

import { answer } from './dialogs.js';
import { h } from './dom.js';
import { t } from './language.js';
import { isPlain } from './roving.js';

/** What is listed: each has the name of its keys (`keys.search.key`), and what they do (`keys.search`). */
const KEYS = ['help', 'search', 'step', 'send', 'line', 'last', 'stop', 'messages', 'parts', 'menu', 'leave'];

/** @param {{search: () => void, step: (by: number) => void}} on */
export function keys({ search, step }) {
  addEventListener('keydown', event => {
    const { key, target } = event;
    if (document.querySelector('dialog[open]')) return;
    const by = event.altKey && !event.ctrlKey && !event.metaKey && { ArrowUp: -1, ArrowDown: 1 }[key];
    if (by) step(by);
    else if (!isPlain(event) || /** @type {Element} */ (target).closest?.('input, textarea')) return;
    else if (key === '?') help();
    else if (key === '/') search();
    else return;
    event.preventDefault();
  });
}

function help() {
  const dialog = h('dialog', { class: 'dialog', 'aria-label': t('keys') }, h('h2', {}, t('keys')),
    h('dl', { class: 'keys' }, KEYS.flatMap(name => [h('dt', {}, h('kbd', {}, t(`keys.${name}.key`))), h('dd', {}, t(`keys.${name}`))])),
    h('div', { class: 'dialog-buttons' }, h('button', { class: 'button', autofocus: true, onclick: () => dialog.close() }, t('close'))));
  answer(dialog);
}
