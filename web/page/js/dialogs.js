// Dialogs, menus, and toasts.

import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/** The parent of dialogs, menus and toasts: the page's body, or the frame of an element. */
let ground = document.body;

/** Sets the parent of dialogs, menus and toasts. @param {HTMLElement} frame */
export const standOn = frame => void (ground = frame);

/** Adds an element to that parent. @param {Element} element */
export const above = element => ground.append(element);

/** Whether a dialog or the lightbox is open. */
export const isAsking = () => [document, ground].some(place => place.querySelector('dialog[open]'));

/** Opens a dialog. @param {HTMLDialogElement} dialog @param {HTMLElement} [place] @returns {Promise<string>} the answer; empty: none */
export function answer(dialog, place = ground) {
  place.append(dialog);
  dialog.showModal();
  return new Promise(done => dialog.addEventListener('close', () => {
    dialog.remove();
    done(dialog.returnValue);
  }));
}

/** Asks for a confirmation of what cannot be undone. @param {string} title @param {string} text @param {string} verb @returns {Promise<boolean>} */
export async function confirm(title, text, verb) {
  const dialog = h('dialog', { class: 'dialog', 'aria-label': title }, h('h2', {}, title), h('p', {}, text), h('div', { class: 'dialog-buttons' },
    h('button', { class: 'button', onclick: () => dialog.close() }, t('cancel')),
    h('button', { class: 'button danger', autofocus: true, onclick: () => dialog.close('yes') }, verb)));
  return (await answer(dialog)) === 'yes';
}

/**
 * Opens a menu beside a button. It closes when the user presses elsewhere, or goes back. It is no automatic popover: that would
 * close when the finger is lifted whose long press has opened it.
 * @param {HTMLElement} at
 * @param {{label: string, icon: any, danger?: boolean, lang?: string, checked?: boolean, run: () => void}[]} entries `checked`: of entries of which one is chosen, whether it is this one
 */
export function menu(at, entries) {
  const items = entries.map(entry => h('button', { role: entry.checked === undefined ? 'menuitem' : 'menuitemradio', 'aria-checked': entry.checked?.toString(), lang: entry.lang, class: entry.danger && 'danger', onclick: () => {
    element.hidePopover();
    entry.run();
  } }, icon(entry.icon), entry.label));
  const focused = () => /** @type {Document | ShadowRoot} */ (element.getRootNode()).activeElement;
  const away = (/** @type {Event} */ event) => event.composedPath().includes(element) || element.hidePopover();
  const element = h('div', { class: 'menu', role: 'menu', popover: 'manual', onkeydown: (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Escape') element.hidePopover();
    const index = items.indexOf(/** @type {any} */ (focused()));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items[(index + step + items.length) % items.length].focus();
    if (step || event.key === 'Tab') event.preventDefault();
    event.stopPropagation();
  }, ontoggle: (/** @type {any} */ event) => {
    if (event.newState !== 'closed') return;
    removeEventListener('pointerdown', away, true);
    watcher?.destroy();
    if (element.contains(focused()) || document.activeElement === document.body) at.focus();
    element.remove();
  } }, items);
  above(element);
  element.showPopover();
  addEventListener('pointerdown', away, true);
  const { CloseWatcher } = /** @type {any} */ (globalThis);
  const watcher = CloseWatcher && new CloseWatcher();
  watcher?.addEventListener('close', () => element.hidePopover());
  const [place, size] = [at.getBoundingClientRect(), element.getBoundingClientRect()];
  const below = place.bottom + 4 + size.height < innerHeight - 8;
  element.style.setProperty('top', `${below ? place.bottom + 4 : Math.max(8, place.top - size.height - 4)}px`);
  element.style.setProperty('left', `${Math.max(8, Math.min(place.left + place.width / 2 - size.width / 2, innerWidth - size.width - 8))}px`);
  items[0]?.focus();
}

/** Shows a toast for six seconds. @param {string} text @param {{label: string, run: () => void}} [action] a button in it */
export function toast(text, action) {
  const element = h('p', { class: 'toast' }, text, action && h('button', { class: 'toast-action', onclick: () => {
    element.remove();
    action.run();
  } }, action.label));
  ground.querySelector('.toasts')?.append(element);
  setTimeout(() => element.remove(), 6000);
}
