// The content of the panel that the bell opens: the notifications of the marketplace, newest first.

import sheet from '../css/notes.css';
import { toast } from './dialogs.js';
import { h, reconcile, set, soon, write } from './dom.js';
import { briefly, moment, reason } from './format.js';
import { icon } from './icons.js';
import { number, t } from './language.js';

export { sheet };

/** @typedef {import('../../chat-client.js').Notification} Note */

/** What each text with a web address has: `https://…`, or a dot within a name. */
const MAY_LINK = /[.:]\S/;

/** Finds the first web address in a text. @param {string} text @returns {Promise<string | undefined>} */
async function firstLink(text) {
  if (!MAY_LINK.test(text)) return undefined;
  try {
    const { links } = await import('./links.js');
    return /** @type {any[]} */ (links(text)).find(node => /^https?:$/.test(node.protocol ?? ''))?.href;
  } catch {
    return undefined; // the module cannot be loaded without a network
  }
}

/**
 * @param {import('../../chat-client.js').ChatClient} chat
 * @param {object} on
 * @param {() => Note[]} on.all the notifications to list
 * @param {(more?: boolean) => Promise<void>} on.load
 * @param {() => void} on.close
 */
export function notes(chat, { all, load, close }) {
  const list = h('ul', { class: 'notes' });
  const empty = h('p', { class: 'notes-empty' }, t('bell.empty'));
  const everything = h('button', { class: 'text-button', onclick: () => attempt(chat.readNotification()) }, t('bell.read'));
  const more = h('button', { class: 'text-button notes-more', onclick: () => attempt(load(true)) }, t('more'));
  const head = h('header', { class: 'panel-head' }, h('h2', {}, t('bell')), everything,
    h('button', { class: 'icon-button', 'aria-label': t('close'), onclick: close }, icon('close')));

  const draw = soon(() => {
    const listed = all();
    reconcile(list, listed, note => String(note.id), make, update);
    empty.hidden = listed.length > 0;
    more.hidden = !chat.notifications.next;
    everything.disabled = listed.every(note => note.is_read);
  });

  /** @param {Note} note */
  function make(note) {
    return h('li', { class: 'note' },
      h('button', { class: 'note-main', onclick: () => choose(note.id) },
        h('span', { class: 'note-icon' }, icon(note.type === 'order' ? 'box' : 'bell')),
        h('span', { class: 'note-title', dir: 'auto' }), h('span', { class: 'note-time' }), h('span', { class: 'note-body', dir: 'auto' }),
        h('span', { class: 'note-link', hidden: true })),
      h('button', { class: 'icon-button note-delete', 'aria-label': t('bell.delete'), title: t('do.delete'), onclick: () => attempt(chat.deleteNotification(note.id)) }, icon('trash')));
  }

  /** @param {HTMLElement} element @param {Note} note */
  function update(element, note) {
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`.${name}`));
    element.classList.toggle('unread', !note.is_read);
    write(part('note-title'), note.count > 1 ? `${note.title} (${number(note.count)})` : note.title);
    link(element, note);
    write(part('note-body'), note.body ?? '');
    write(part('note-time'), briefly(note.updated_at));
    set(part('note-time'), 'title', moment(note.updated_at));
  }

  /** The addresses that notifications lead to, by their ids. @type {Map<number, string>} */
  const links = new Map();

  /** Shows the site that a notification leads to, if its text has an address. @param {any} element @param {Note} note */
  async function link(element, note) {
    const text = `${note.title}\n${note.body ?? ''}`;
    if (element.said === text) return;
    element.said = text;
    const url = await firstLink(text);
    const line = /** @type {HTMLElement} */ (element.querySelector('.note-link'));
    line.hidden = !url;
    if (!url) return;
    links.set(note.id, url);
    line.replaceChildren(icon('forward'), h('span', {}, t('bell.opens', { site: new URL(url).host })));
  }

  /** @param {number} id */
  function choose(id) {
    const note = chat.notifications.find(note => note.id === id);
    if (note && !note.is_read) attempt(chat.readNotification(id));
    const url = links.get(id);
    if (url) window.open(url, '_blank', 'noopener,noreferrer');
  }

  /** @param {Promise<unknown>} work */
  const attempt = work => work.then(draw, error => toast(t('failed.that', { reason: reason(error.code) })));

  chat.on('notification', draw);
  chat.on('reset', draw);
  draw();
  return { parts: [head, list, empty, more] };
}
