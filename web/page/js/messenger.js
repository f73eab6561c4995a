// The conversations, the one that is open, and the bell, joined: what a page shows, and an element.

import { conversation } from './conversation.js';
import { toast } from './dialogs.js';
import { h, lazily } from './dom.js';
import { reason } from './format.js';
import { inbox } from './inbox.js';
import { t } from './language.js';
import { news } from './news.js';
import { notifications } from './notifications.js';
import { knowFrom } from './people.js';
import { enter, leave } from './trail.js';

/**
 * What the parts draw, and for whom.
 * @typedef {object} Context
 * @property {import('../../chat-client.js').ChatClient} chat
 * @property {number} me
 * @property {string} place names what is kept in this browser: the hub
 * @property {(message: import('../../chat-client.js').Message) => void} [sent] is told of what was sent here, when it is stored
 */

/**
 * @param {Context} context
 * @param {object} [parts] what stands around the conversations
 * @param {any[]} [parts.head] @param {any} [parts.foot]
 * @param {(person: number | undefined) => void} [opened] is told which conversation is open
 */
export function messenger(context, { head = [], foot } = {}, opened) {
  knowFrom(user => context.chat.profile(user));
  const talk = conversation(context, () => leave(() => show(undefined)));
  const list = inbox(context, go, talk.drafts);
  const to = (/** @type {import('../../chat-client.js').Thread} */ thread) => go(thread.other_user_id);
  const calls = lazily(() => import('./alerts.js').then(({ alerts }) => alerts(context, to)));
  news(context, (message, thread) => calls().then(alerts => alerts.message(message, thread), () => {}));
  const marketplace = notifications(context, calls);
  const sidebar = h('section', { class: 'sidebar', part: 'inbox', 'aria-label': t('inbox.all') }, h('header', { class: 'bar' }, head, marketplace.bell), list.element, foot);
  const parts = [sidebar, talk.element, marketplace.panel];
  const toasts = h('div', { class: 'toasts', role: 'status' });

  /** Goes to the conversation with a user. @param {number} person @param {number} [message] */
  function go(person, message) {
    enter(person);
    show(person, message);
  }

  /**
   * Shows the conversation with a user, or none; at a message, if one is named.
   * @param {number | undefined} person @param {number} [message] @param {boolean} [focus] whether one writes at once
   */
  async function show(person, message, focus = true) {
    if (person && person === talk.person) return message && talk.show(message);
    sidebar.parentElement?.classList.toggle('talking', Boolean(person));
    list.select(person);
    const shown = talk.open(person, focus);
    opened?.(person);
    await shown;
    if (message) talk.show(message);
  }

  /** Begins a message to a user with what it is to be about. @param {number} person @param {import('../../chat-client.js').CardRef} card */
  function about(person, card) {
    if (person === talk.person) talk.open(undefined); // what is written there goes on as a draft
    talk.bring(person, card);
  }

  context.chat.on('error', error => {
    if (!['network', 'closed'].includes(error.code) && !error.temporary) toast(t('failed.that', { reason: reason(error.code) }));
  });
  return { parts, toasts, go, show, list, about, get person() {
    return talk.person;
  } };
}
