// The keys that work anywhere on the page, and the list of all, which `?` opens.

import { answer } from './dialogs.js';
import { h } from './dom.js';
import { isPlain } from './roving.js';

const KEYS = [
  ['?', 'This list'], ['/', 'Search'], ['Alt + ↑ ↓', 'Previous or next conversation'],
  ['Enter', 'Send'], ['Shift + Enter', 'New line'], ['↑ in an empty field', 'Edit your last message'], ['Esc', 'Stop editing or answering'],
  ['↑ ↓ Home End in the messages', 'From message to message'], ['← → on a message', 'Its links, pictures and buttons'], ['Enter on a message', 'Its menu'], ['Esc in the messages', 'Back to writing'],
];

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
  const dialog = h('dialog', { class: 'dialog', 'aria-label': 'Keyboard' }, h('h2', {}, 'Keyboard'),
    h('dl', { class: 'keys' }, KEYS.flatMap(([key, what]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)])),
    h('div', { class: 'dialog-buttons' }, h('button', { class: 'button', autofocus: true, onclick: () => dialog.close() }, 'Close')));
  answer(dialog);
}
