// The bell, with the number of unread notifications. Those about messages are left out: the list of conversations shows them.

import { h, lazily, set, soon, styled, write } from './dom.js';
import { atMost } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';

/** How many notifications to load at once, and from how many pages at most: the pages have those about messages, too. */
const [ENOUGH, PAGES] = [20, 5];

/** @typedef {ReturnType<typeof import('./alerts.js').alerts>} Alerts */

/**
 * @param {{chat: import('../../chat-client.js').ChatClient}} context
 * @param {() => Promise<Alerts>} alerts loads the alerts
 */
export function notifications({ chat }, alerts) {
  /** The time of the newest known notification; undefined until they are loaded. @type {string | undefined} */ let known;
  const badge = h('span', { class: 'badge', 'aria-hidden': 'true' });
  const bell = h('button', { class: 'icon-button bell', popovertarget: 'notifications', title: t('bell') }, icon('bell'), badge);
  const panel = h('section', { class: 'panel', id: 'notifications', popover: 'auto', role: 'dialog', 'aria-label': t('bell'), onbeforetoggle: () => {
    place();
    fill().catch(() => {}); // the panel stays empty until it is opened with a network
  } });

  /** Fills the panel, when it is first opened. */
  const fill = lazily(async () => {
    const [{ notes, sheet }, { element }] = await Promise.all([import('./notes.js'), alerts()]);
    await styled(panel, sheet);
    const list = notes(chat, { all, load, close: () => panel.hidePopover() });
    panel.append(...list.parts, element);
  });

  /** Passes the bell's position to the panel's style. */
  function place() {
    const { bottom, left, width } = bell.getBoundingClientRect();
    panel.style.setProperty('--below', `${bottom + 8}px`);
    panel.style.setProperty('--middle', `${left + width / 2}px`);
  }

  /** The notifications that are not about messages. */
  const all = () => chat.notifications.filter(note => note.type !== 'chat');

  /** Loads pages until there are enough notifications to show, or no more. */
  async function load(more = false) {
    const wanted = (more ? all().length : 0) + ENOUGH;
    await chat.loadNotifications({ more });
    for (let page = 1; page < PAGES && all().length < wanted && chat.notifications.next; page++) await chat.loadNotifications({ more: true });
  }

  const draw = soon(() => {
    const unread = all().filter(note => !note.is_read).length;
    write(badge, unread ? atMost(unread) : '');
    set(bell, 'aria-label', unread ? t('bell.unread', { count: unread }) : t('bell'));
  });

  function renew() {
    known = undefined;
    load().then(() => {
      known = chat.notifications[0]?.updated_at ?? '';
      draw();
    }, () => {});
  }

  chat.on('notification', draw);
  chat.on('reset', renew);
  // The client may have loaded everything before: its `reset` does not come again.
  if (chat.state === 'online') renew();
  chat.on('notification', note => {
    // Messages have alerts of their own.
    if (known === undefined || !note || note.is_read || note.type === 'chat' || note.updated_at <= known) return;
    known = note.updated_at;
    alerts().then(({ tell }) => tell(`note ${note.id}`, { title: note.title, body: note.body ?? '', open: () => panel.showPopover() }), () => {});
  });
  draw();
  return { bell, panel };
}
