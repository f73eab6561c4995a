// The list of conversations: the other user, the newest message, the unread count, the presence.

import { sign, titleOf } from './cards.js';
import { h, reconcile, set, soon, write } from './dom.js';
import { drafted } from './drafts.js';
import { atMost, briefly } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { avatar, nameOf, paint, writeName } from './people.js';
import { find, snippet } from './search.js';
import { tick } from './bubble.js';
import { newest } from './timeline.js';
import { kindOf, stateOf, stays } from './unsent.js';

/** How many messages a search shows. */
const FOUND = 50;

/** @typedef {{user: number, thread?: import('../../chat-client.js').Thread, hit?: import('../../chat-client.js').Message}} Row */

/**
 * @param {{chat: import('../../chat-client.js').ChatClient, me: number}} context
 * @param {(person: number, message?: number) => void} open @param {Map<number, import('./drafts.js').Draft>} drafts
 */
export function inbox({ chat, me }, open, drafts) {
  const field = h('input', { class: 'search', type: 'search', 'aria-label': t('inbox.search_all'), placeholder: t('inbox.search'), autocomplete: 'off', enterkeyhint: 'search',
    oninput: () => drawRows(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape' || !field.value) return;
      event.preventDefault();
      field.value = '';
      drawRows();
    } });
  const list = h('ul', { class: 'threads' });
  const empty = h('p', { class: 'threads-empty' }, t('inbox.empty'));
  const more = h('button', { class: 'text-button threads-more', hidden: true, onclick: () => chat.threads({ more: true }).catch(() => {}) }, t('more'));
  const element = h('nav', { class: 'inbox', 'aria-label': t('inbox.conversations') }, field, list, empty, more);
  /** @type {number | undefined} */ let selected;

  /** @type {import('../../chat-client.js').Thread[]} */ let threads = [];

  // Draw at once, too: while no thread is loaded, as after a reload while offline, unsent messages are shown.
  const draw = soon(() => {
    drawRows();
    chat.threads().then(all => {
      threads = all;
      drawRows();
    }, () => {});
  });

  function drawRows() {
    const rows = threads.filter(thread => thread.last_seq || chat.outbox(thread).length)
      .map(thread => /** @type {Row} */ ({ user: thread.other_user_id, thread }));
    // Users with messages in the outbox and without a row, as after a reload while offline.
    const known = new Set(rows.map(row => row.user));
    for (const { receiver_id } of chat.outbox()) if (receiver_id && !known.has(receiver_id)) rows.unshift({ user: receiver_id }), known.add(receiver_id);
    if (selected && !known.has(selected)) rows.unshift({ user: selected });
    const query = field.value.trim();
    const shown = query ? searched(rows, query) : rows;
    reconcile(list, shown, ({ user, hit }) => (hit ? `m${hit.id}` : String(user)), make, update);
    write(empty, t(query ? 'inbox.nothing' : 'inbox.empty'));
    empty.hidden = shown.length > 0;
    more.hidden = !chat.hasMoreThreads;
  }

  /** Finds users by their names, then loaded messages by their text, newest first. @param {Row[]} rows @param {string} query @returns {Row[]} */
  function searched(rows, query) {
    const hits = rows.flatMap(row => (row.thread?.messages ?? []).filter(({ content }) => content && find(content, query)).map(hit => ({ ...row, hit })));
    return [...rows.filter(row => find(nameOf(row.user), query)), ...hits.sort((a, b) => (a.hit.created_at < b.hit.created_at ? 1 : -1)).slice(0, FOUND)];
  }

  /** @param {Row} row */
  function make({ user, hit }) {
    return h('li', {}, h('button', { class: 'thread', onclick: () => open(user, hit?.id) },
      h('span', { class: 'thread-face' }, avatar(user), h('span', { class: 'presence' })),
      h('span', { class: 'thread-name' }, h('span', { class: 'thread-user' }), h('span', { class: 'sr thread-presence' })),
      h('span', { class: 'thread-time' }),
      h('span', { class: 'thread-last' }),
      h('span', { class: 'thread-unread' })));
  }

  /** @param {HTMLElement} element @param {Row} row */
  function update(element, { user, thread, hit }) {
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`.${name}`));
    paint(part('avatar'), user);
    writeName(part('thread-user'), user);
    if (hit) {
      write(part('thread-time'), briefly(hit.created_at));
      const text = hit.content ?? '';
      return part('thread-last').replaceChildren(h('span', { class: 'thread-text', dir: 'auto' }, snippet(text, find(text, field.value.trim()) ?? [0, 0])));
    }
    const unread = user === selected && document.visibilityState === 'visible' ? 0 : thread?.unread ?? 0;
    set(part('thread'), 'aria-current', user === selected && 'true');
    part('thread').classList.toggle('unread', unread > 0);
    const online = (chat.state === 'online' && chat.presence.get(user)?.online) ?? false;
    part('presence').classList.toggle('online', online);
    write(part('thread-presence'), online ? t('inbox.online') : '');
    const entries = chat.outbox({ user });
    const line = newest(thread?.last_message, entries.filter(entry => kindOf(entry) === 'message'), stays(chat));
    const change = entries.find(entry => kindOf(entry) !== 'message' && stateOf(chat, entry) === 'pending' && entry.message_id === line.message?.id);
    const at = (line.message ?? line.entry)?.created_at;
    write(part('thread-time'), at ? briefly(at) : '');
    write(part('thread-unread'), unread ? atMost(unread) : '');
    set(part('thread-unread'), 'aria-label', unread > 0 && t('inbox.unread', { count: unread }));
    set(part('thread-unread'), 'role', unread > 0 && 'img');
    preview(part('thread-last'), user, thread, line, change);
  }

  /** @param {HTMLElement} element @param {number} user @param {import('../../chat-client.js').Thread | undefined} thread @param {import('./timeline.js').Line} line
   * @param {import('../../chat-client.js').Entry | undefined} change a waiting edit or deletion of the message */
  function preview(element, user, thread, { message, entry }, change) {
    if (thread?.typing) return element.replaceChildren(h('span', { class: 'thread-typing' }, t('typing')));
    const shown = message ?? entry;
    const draft = user !== selected && drafted(drafts.get(user));
    if (draft) return element.replaceChildren(h('span', { class: 'thread-draft' }, t('inbox.draft')), h('span', { class: 'thread-text', dir: 'auto' }, draft));
    if (!shown) return element.replaceChildren(t('inbox.hello'));
    const gone = message?.deleted || kindOf(change) === 'delete';
    const unsent = entry ?? change;
    const state = unsent ? stateOf(chat, unsent) : message?.sender_id === me && !gone ? chat.status(message) : undefined;
    const images = gone ? 0 : shown.images.length;
    const card = gone ? undefined : shown.card;
    const about = card && titleOf(card, message?.card ?? chat.cards.get(card));
    const text = gone ? t('message.deleted') : change?.content || shown.content || about || (images ? t('photos', { count: images }) : '');
    element.replaceChildren(...[state && tick(state), card && sign(card), images > 0 && icon('image'), h('span', { class: 'thread-text', dir: 'auto' }, text)].filter(x => x));
  }

  for (const event of /** @type {const} */ (['thread', 'typing', 'presence', 'profile', 'card', 'outbox', 'reset', 'state'])) chat.on(event, draw);
  document.addEventListener('visibilitychange', draw);
  draw();

  /** Opens the next conversation, or with -1 the one before. @param {number} by */
  function step(by) {
    const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('.thread')]);
    const at = all.findIndex(row => row.hasAttribute('aria-current'));
    all[at < 0 ? 0 : at + by]?.click();
  }

  return { element, field, step, select: (/** @type {number | undefined} */ person) => ((selected = person), draw()) };
}
