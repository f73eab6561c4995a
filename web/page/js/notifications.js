// The bell: how much is new of what the marketplace has to say. Messages are not there, for the list of conversations has them.

import { toast } from './dialogs.js';
import { h, reconcile, set, soon, write } from './dom.js';
import { atMost, briefly, moment, reason } from './format.js';
import { icon } from './icons.js';
import { number, t } from './language.js';
import { firstLink } from './message-text.js';

/** How many notifications are looked for at once, and in how many pages: between them there are those of messages. */
const [ENOUGH, PAGES] = [20, 5];

/** @typedef {import('../../chat-client.js').Notification} Note */

/**
 * @param {{chat: import('../../chat-client.js').ChatClient}} context
 * @param {Promise<ReturnType<typeof import('./alerts.js').alerts>>} calls calls users who do not look
 */
export function notifications({ chat }, calls) {
  /** The newest that is known; none, before they were loaded. @type {string | undefined} */ let known;
  const badge = h('span', { class: 'badge', 'aria-hidden': 'true' });
  const bell = h('button', { class: 'icon-button bell', popovertarget: 'notifications', title: t('bell') }, icon('bell'), badge);
  const list = h('ul', { class: 'notes' });
  const empty = h('p', { class: 'notes-empty' }, t('bell.empty'));
  const everything = h('button', { class: 'text-button', onclick: () => attempt(chat.readNotification()) }, t('bell.read'));
  const more = h('button', { class: 'text-button notes-more', onclick: () => attempt(load(true)) }, t('more'));
  const panel = h('section', { class: 'panel', id: 'notifications', popover: 'auto', role: 'dialog', 'aria-label': t('bell'), onbeforetoggle: place },
    h('header', { class: 'panel-head' }, h('h2', {}, t('bell')), everything,
      h('button', { class: 'icon-button', 'aria-label': t('close'), onclick: () => panel.hidePopover() }, icon('close'))),
    list, empty, more);
  calls.then(({ element }) => panel.append(element));

  /** Tells the panel where the bell is. */
  function place() {
    const { bottom, left, width } = bell.getBoundingClientRect();
    panel.style.setProperty('--below', `${bottom + 8}px`);
    panel.style.setProperty('--middle', `${left + width / 2}px`);
  }

  /** What is no message. */
  const notes = () => chat.notifications.filter(note => note.type !== 'chat');

  /** Loads until there is enough to show, or all. */
  async function load(more = false) {
    const wanted = (more ? notes().length : 0) + ENOUGH;
    await chat.loadNotifications({ more });
    for (let page = 1; page < PAGES && notes().length < wanted && chat.notifications.next; page++) await chat.loadNotifications({ more: true });
  }

  const draw = soon(() => {
    const all = notes();
    const unread = all.filter(note => !note.is_read).length;
    write(badge, unread ? atMost(unread) : '');
    set(bell, 'aria-label', unread ? t('bell.unread', { count: unread }) : t('bell'));
    reconcile(list, all, note => String(note.id), make, update);
    empty.hidden = all.length > 0;
    more.hidden = !chat.notifications.next;
    everything.disabled = !unread;
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

  /** What a notification leads to, by its number. @type {Map<number, string>} */
  const links = new Map();

  /** Says where a notification leads, if it names an address. @param {any} element @param {Note} note */
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
  chat.on('reset', () => {
    known = undefined;
    load().then(() => {
      known = chat.notifications[0]?.updated_at ?? '';
      draw();
    }, () => {});
  });
  chat.on('notification', note => {
    // Messages call for themselves.
    if (known === undefined || !note || note.is_read || note.type === 'chat' || note.updated_at <= known) return;
    known = note.updated_at;
    calls.then(({ tell }) => tell(`note ${note.id}`, { title: note.title, body: note.body ?? '', open: () => panel.showPopover() }));
  });
  draw();
  return { bell, panel };
}
