// The state of the connection, and a switch to go offline and watch what waits, and how it catches up.

import { h, set, soon, write } from './dom.js';

const TEXTS = { idle: 'Starting', connecting: 'Connecting…', online: 'Connected', waiting: 'Reconnecting…', paused: 'Offline', closed: 'Signed out' };

/** @param {{chat: import('../../chat-client.js').ChatClient}} context */
export function connection({ chat }) {
  const text = h('span', { class: 'status-text', role: 'status' });
  const detail = h('span', { class: 'status-detail' });
  const toggle = h('button', { class: 'switch', role: 'switch', 'aria-checked': 'true', onclick: () => {
    if (chat.state === 'paused') chat.connect();
    else chat.disconnect();
  } }, h('span', { class: 'switch-label' }, 'Online'), h('span', { class: 'switch-track' }, h('span', { class: 'switch-thumb' })));
  const card = h('footer', { class: 'status' }, h('span', { class: 'status-dot' }), h('span', { class: 'status-lines' }, text, detail), toggle);

  const draw = soon(() => {
    const waiting = chat.outbox().filter(entry => entry.state === 'pending').length;
    card.dataset.state = chat.state;
    write(text, TEXTS[chat.state]);
    write(detail, waiting && chat.state !== 'online' ? `${waiting} ${waiting === 1 ? 'message waits' : 'messages wait'}` : chat.state === 'paused' ? 'You can go on writing' : 'Everything is up to date');
    if (chat.state === 'closed') write(detail, 'Open a new link to sign in');
    else if (chat.state !== 'online' && chat.state !== 'paused' && !waiting) write(detail, 'You can go on writing');
    set(toggle, 'aria-checked', String(chat.state !== 'paused' && chat.state !== 'closed'));
    toggle.disabled = chat.state === 'closed';
  });
  chat.on('state', draw);
  chat.on('outbox', draw);
  draw();
  return { card };
}
