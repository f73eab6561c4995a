// The elements that the sections are made of.

import { h } from '../../page/js/dom.js';
import { Refused } from './api.js';

/** A card with a title. It is not a landmark: the table in it is one, with the same name. @param {string} title @param {...any} children */
export const card = (title, ...children) => h('section', { class: 'card' }, h('h2', {}, title), ...children);

/** A figure with its name. @param {string} name @param {any} value @param {string} [small] */
export const figure = (name, value, small) => h('div', { class: 'figure' }, h('dt', {}, name), h('dd', {}, String(value), small && h('small', {}, small)));

/** @param {[string, any][]} pairs */
export const facts = pairs => h('dl', { class: 'facts' }, pairs.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value instanceof Node ? value : String(value ?? '–'))]));

/**
 * A table; columns whose name begins with `#` hold numbers. Where it is wider than the window it scrolls by itself.
 *
 * @param {string} name @param {string[]} columns @param {any[][]} rows @param {string} none
 */
export function table(name, columns, rows, none) {
  if (!rows.length) return h('p', {}, none);
  const kind = (/** @type {number} */ at) => columns[at].startsWith('#') ? 'number' : undefined;
  const cell = (/** @type {any} */ value, /** @type {number} */ at) => h('td', { class: kind(at) }, value instanceof Node ? value : String(value ?? '–'));
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name },
    h('table', {},
      h('thead', {}, h('tr', {}, columns.map((column, at) => h('th', { scope: 'col', class: kind(at) }, column.replace('#', ''))))),
      h('tbody', {}, rows.map(row => h('tr', {}, row.map(cell))))));
}

/** @param {string} label @param {Record<string, any>} attributes @param {boolean} [broad] */
export const field = (label, attributes, broad) => h('label', { class: broad && 'broad' }, label, h('input', attributes));

/**
 * A form that sends its values to the hub, and shows the result.
 *
 * @param {string} button @param {any[]} fields @param {(values: Record<string, string>) => Promise<string | void>} submit @param {string} [kind]
 */
export function form(button, fields, submit, kind = '') {
  const said = h('p', { class: 'said', role: 'status' });
  const press = h('button', { class: `press ${kind}` }, button);
  const element = h('form', { class: 'form', onsubmit: async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    press.disabled = true;
    const values = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(element)));
    await tell(said, () => submit(values));
    press.disabled = false;
  } }, fields, press);
  return h('div', {}, element, said);
}

/** Runs `work`, and shows its result or its error in `said`. @param {any} said @param {() => Promise<string | void>} work */
export async function tell(said, work) {
  try {
    said.textContent = await work() ?? '';
    said.classList.remove('bad');
  } catch (error) {
    said.textContent = error instanceof Refused ? `${error.message} (${error.code})` : 'The hub cannot be reached.';
    said.classList.add('bad');
  }
}

/** A button that shows the next, older page, or the error if that fails. @param {() => Promise<void>} show */
export function older(show) {
  const said = h('p', { class: 'said', role: 'status' });
  return h('div', {}, h('button', { class: 'press small', onclick: () => tell(said, show) }, 'Older'), said);
}
