// Joins the list of conversations, the open conversation, and the bell.

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
 * The client of the parts, and its user.
 * @typedef {object} Context
 * @property {import('../../chat-client.js').ChatClient} chat
 * @property {number} me
 * @property {string} place the hub's address, as a prefix of keys in the browser's storage
 * @property {(message: import('../../chat-client.js').Message) => void} [sent] is called with each message sent here, when it is stored
 */

/**
 * @param {Context} context
 * @param {object} [parts] elements around the list of conversations
 * @param {any[]} [parts.head] @param {any} [parts.foot]
 * @param {(person: number | undefined) => void} [opened] is called with the user of the open conversation
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
   * Shows the conversation with a user, or none; scrolls to a message, if one is given.
   * @param {number | undefined} person @param {number} [message] @param {boolean} [focus] whether to focus the composer
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

  /** Adds a card to the draft to a user. @param {number} person @param {import('../../chat-client.js').CardRef} card */
  function about(person, card) {
    if (person === talk.person) talk.open(undefined); // what is written there becomes a draft
    talk.bring(person, card);
  }

  context.chat.on('error', error => {
    if (!['network', 'closed'].includes(error.code) && !error.temporary) toast(t('failed.that', { reason: reason(error.code) }));
  });
  return { parts, toasts, go, show, list, about, get person() {
    return talk.person;
  } };
}
