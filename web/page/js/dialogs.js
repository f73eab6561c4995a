// Short questions, menus, and passing remarks.

import { h } from './dom.js';
import { icon } from './icons.js';
import { t } from './language.js';

/** What dialogs, menus and remarks appear in: the page, or the frame of an element. */
let ground = document.body;

/** Says what they appear in from now on. @param {HTMLElement} frame */
export const standOn = frame => void (ground = frame);

/** Lays something above everything. @param {Element} element */
export const above = element => ground.append(element);

/** Whether a dialog is open, or a picture in full. */
export const isAsking = () => [document, ground].some(place => place.querySelector('dialog[open]'));

/** Opens a dialog. @param {HTMLDialogElement} dialog @param {HTMLElement} [place] @returns {Promise<string>} what was answered; empty: nothing */
export function answer(dialog, place = ground) {
  place.append(dialog);
  dialog.showModal();
  return new Promise(done => dialog.addEventListener('close', () => {
    dialog.remove();
    done(dialog.returnValue);
  }));
}

/** Asks before something is done that cannot be undone. @param {string} title @param {string} text @param {string} verb @returns {Promise<boolean>} */
export async function confirm(title, text, verb) {
  const dialog = h('dialog', { class: 'dialog', 'aria-label': title }, h('h2', {}, title), h('p', {}, text), h('div', { class: 'dialog-buttons' },
    h('button', { class: 'button', onclick: () => dialog.close() }, t('cancel')),
    h('button', { class: 'button danger', autofocus: true, onclick: () => dialog.close('yes') }, verb)));
  return (await answer(dialog)) === 'yes';
}

/**
 * Opens a menu beside a button. It closes when one presses elsewhere, or goes back, and not when the finger is lifted that has
 * opened it, as an automatic popover would.
 * @param {HTMLElement} at
 * @param {{label: string, icon: any, danger?: boolean, lang?: string, checked?: boolean, run: () => void}[]} entries `checked`: one of which one is chosen
 */
export function menu(at, entries) {
  const items = entries.map(entry => h('button', { role: entry.checked === undefined ? 'menuitem' : 'menuitemradio', 'aria-checked': entry.checked === undefined ? undefined : String(entry.checked), lang: entry.lang, class: entry.danger ? 'danger' : undefined, onclick: () => {
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

/** Says something in passing. @param {string} text @param {{label: string, run: () => void}} [action] what can be done about it */
export function toast(text, action) {
  const element = h('p', { class: 'toast' }, text, action && h('button', { class: 'toast-action', onclick: () => {
    element.remove();
    action.run();
  } }, action.label));
  ground.querySelector('.toasts')?.append(element);
  setTimeout(() => element.remove(), 6000);
}
