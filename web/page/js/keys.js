// The keys that work anywhere on the page; `?` opens the list of all keys.

import { isAsking } from './dialogs.js';
import { isPlain } from './roving.js';

/** @param {import('../../element.js').SoftadastraChat} element */
export function keys(element) {
  addEventListener('keydown', event => {
    const { key } = event;
    if (isAsking()) return;
    const by = event.altKey && !event.ctrlKey && !event.metaKey && { ArrowUp: -1, ArrowDown: 1 }[key];
    if (by) element.step(by);
    else if (!isPlain(event) || /** @type {Element} */ (event.composedPath()[0]).closest?.('input, textarea')) return;
    else if (key === '?') import('./asking.js').then(({ help }) => help(), () => {});
    else if (key === '/') element.search();
    else return;
    event.preventDefault();
  });
}
