// The bell: how much is new, and the stream of what the marketplace has to say.

import { toast } from './dialogs.js';
import { h, reconcile, set, soon, write } from './dom.js';
import { atMost, briefly, moment, reason } from './format.js';
import { icon } from './icons.js';
import { number, t } from './language.js';
import { nameOf } from './people.js';

/**
 * @param {{chat: import('../../chat-client.js').ChatClient}} context @param {(thread: import('../../chat-client.js').Thread) => void} open
 * @param {Promise<ReturnType<typeof import('./alerts.js').alerts>>} calls calls users who do not look
 */
export function notifications({ chat }, open, calls) {
  /** The newest that is known; none, before they were loaded. @type {string | undefined} */ let known;
  const badge = h('span', { class: 'badge', 'aria-hidden': 'true' });
  const bell = h('button', { class: 'icon-button bell', popovertarget: 'notifications', title: t('bell') }, icon('bell'), badge);
  const list = h('ul', { class: 'notes' });
  const empty = h('p', { class: 'notes-empty' }, t('bell.empty'));
  const all = h('button', { class: 'text-button', onclick: () => attempt(chat.readNotification()) }, t('bell.read'));
  const more = h('button', { class: 'text-button notes-more', onclick: () => attempt(chat.loadNotifications({ more: true })) }, t('more'));
  const panel = h('section', { class: 'panel', id: 'notifications', popover: 'auto', role: 'dialog', 'aria-label': t('bell'), onbeforetoggle: place },
    h('header', { class: 'panel-head' }, h('h2', {}, t('bell')), all,
      h('button', { class: 'icon-button', 'aria-label': t('close'), onclick: () => panel.hidePopover() }, icon('close'))),
    list, empty, more);
  calls.then(({ element }) => panel.append(element));

  /** Tells the panel where the bell is. */
  function place() {
    const { bottom, left, width } = bell.getBoundingClientRect();
    panel.style.setProperty('--below', `${bottom + 8}px`);
    panel.style.setProperty('--middle', `${left + width / 2}px`);
  }

  const draw = soon(() => {
    const unread = chat.counts.notifications;
    write(badge, unread ? atMost(unread) : '');
    set(bell, 'aria-label', unread ? t('bell.unread', { count: unread }) : t('bell'));
    reconcile(list, chat.notifications, note => String(note.id), make, update);
    empty.hidden = chat.notifications.length > 0;
    more.hidden = !chat.notifications.next;
    all.disabled = !chat.notifications.some(note => !note.is_read);
  });

  /** @param {any} note */
  function make(note) {
    return h('li', { class: 'note' },
      h('button', { class: 'note-main', onclick: () => choose(note.id) },
        h('span', { class: 'note-icon' }, icon(note.type === 'chat' ? 'reply' : note.type === 'order' ? 'box' : 'bell')),
        h('span', { class: 'note-title', dir: 'auto' }), h('span', { class: 'note-time' }), h('span', { class: 'note-body', dir: 'auto' })),
      h('button', { class: 'icon-button note-delete', 'aria-label': t('bell.delete'), title: t('do.delete'), onclick: () => attempt(chat.deleteNotification(note.id)) }, icon('trash')));
  }

  /** @param {HTMLElement} element @param {import('../../chat-client.js').Notification} note */
  function update(element, note) {
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`.${name}`));
    const thread = note.type === 'chat' && note.related_id ? chat.thread(note.related_id) : undefined;
    element.classList.toggle('unread', !note.is_read);
    const title = thread ? nameOf(thread.other_user_id) : note.title;
    write(part('note-title'), note.count > 1 ? `${title} (${number(note.count)})` : title);
    write(part('note-body'), note.body ?? '');
    write(part('note-time'), briefly(note.updated_at));
    set(part('note-time'), 'title', moment(note.updated_at));
  }

  /** @param {number} id */
  function choose(id) {
    const note = chat.notifications.find(note => note.id === id);
    const thread = note?.type === 'chat' && note.related_id ? chat.thread(note.related_id) : undefined;
    if (note && !note.is_read && !thread) attempt(chat.readNotification(id));
    if (!thread) return;
    panel.hidePopover();
    open(thread);
  }

  /** @param {Promise<unknown>} work */
  const attempt = work => work.then(draw, error => toast(t('failed.that', { reason: reason(error.code) })));

  for (const event of /** @type {const} */ (['notification', 'counts', 'thread'])) chat.on(event, draw);
  chat.on('reset', () => {
    known = undefined;
    chat.loadNotifications().then(all => {
      known = all[0]?.updated_at ?? '';
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
