// The list of conversations: who, the newest message, what is unread, who is there.

import { h, reconcile, set, soon, write } from './dom.js';
import { avatar, briefly, nameOf } from './format.js';
import { icon } from './icons.js';
import { tick } from './bubble.js';

/** @param {{chat: import('../../chat-client.js').ChatClient, me: number}} context @param {(person: number) => void} open */
export function inbox({ chat, me }, open) {
  const list = h('ul', { class: 'threads' });
  const empty = h('p', { class: 'threads-empty' }, 'No conversations yet.');
  const more = h('button', { class: 'text-button threads-more', hidden: true, onclick: () => chat.threads({ more: true }).catch(() => {}) }, 'Show more');
  const element = h('nav', { class: 'inbox', 'aria-label': 'Conversations' }, list, empty, more);
  /** @type {number | undefined} */ let selected;

  const draw = soon(async () => {
    const threads = (await chat.threads()).filter(thread => thread.last_seq || chat.outbox(thread).length);
    /** @type {{user: number, thread?: import('../../chat-client.js').Thread}[]} */
    const rows = threads.map(thread => ({ user: thread.other_user_id, thread }));
    if (selected && !rows.some(row => row.user === selected)) rows.unshift({ user: selected });
    reconcile(list, rows, row => String(row.user), make, update);
    empty.hidden = rows.length > 0;
    more.hidden = !chat.hasMoreThreads;
  });

  /** @param {{user: number}} row */
  function make({ user }) {
    return h('li', {}, h('button', { class: 'thread', onclick: () => open(user) },
      h('span', { class: 'thread-face' }, avatar(user), h('span', { class: 'presence' })),
      h('span', { class: 'thread-name' }, nameOf(user), h('span', { class: 'sr thread-presence' })),
      h('span', { class: 'thread-time' }),
      h('span', { class: 'thread-last' }),
      h('span', { class: 'thread-unread' })));
  }

  /** @param {HTMLElement} element @param {{user: number, thread?: import('../../chat-client.js').Thread}} row */
  function update(element, { user, thread }) {
    const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`.${name}`));
    const unread = user === selected && document.visibilityState === 'visible' ? 0 : thread?.unread ?? 0;
    set(part('thread'), 'aria-current', user === selected ? 'true' : undefined);
    part('thread').classList.toggle('unread', unread > 0);
    const online = (chat.state === 'online' && chat.presence.get(user)?.online) ?? false;
    part('presence').classList.toggle('online', online);
    write(part('thread-presence'), online ? ', online' : '');
    const waiting = chat.outbox({ user }).at(-1);
    const last = thread?.last_message;
    write(part('thread-time'), waiting ? briefly(waiting.created_at) : last ? briefly(last.created_at) : '');
    write(part('thread-unread'), unread ? (unread > 99 ? '99+' : String(unread)) : '');
    set(part('thread-unread'), 'aria-label', unread ? `${unread} unread` : undefined);
    set(part('thread-unread'), 'role', unread ? 'img' : undefined);
    preview(part('thread-last'), user, thread, waiting, last);
  }

  /** @param {HTMLElement} line @param {number} user @param {import('../../chat-client.js').Thread | undefined} thread
   * @param {import('../../chat-client.js').Entry | undefined} waiting @param {import('../../chat-client.js').Message | null | undefined} last */
  function preview(line, user, thread, waiting, last) {
    if (thread?.typing) return line.replaceChildren(h('span', { class: 'thread-typing' }, 'typing…'));
    const shown = waiting ?? last;
    if (!shown) return line.replaceChildren('Say hello');
    const mine = waiting || last?.sender_id === me;
    const state = waiting ? waiting.state : mine && last && !last.deleted ? chat.status(last) : undefined;
    const images = shown.images.length;
    const text = !waiting && last?.deleted ? 'Message deleted' : shown.content || (images > 1 ? `${images} photos` : images ? 'Photo' : '');
    line.replaceChildren(...[state && tick(state), images > 0 && icon('image'), h('span', { class: 'thread-text', dir: 'auto' }, text)].filter(x => x));
  }

  for (const event of /** @type {const} */ (['thread', 'typing', 'presence', 'outbox', 'reset', 'state'])) chat.on(event, draw);
  document.addEventListener('visibilitychange', draw);
  draw();
  return { element, select: (/** @type {number | undefined} */ person) => ((selected = person), draw()) };
}
