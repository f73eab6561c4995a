// The state of the connection, and a switch to go offline, to see how entries wait and are sent later. The switch belongs to the
// tab: what is written in it waits until the switch is turned on, over reloads, whatever other tabs do.

import { h, set, soon, write } from './dom.js';
import { waits } from './format.js';
import { t } from './language.js';
import { keepSwitch } from './session.js';

/** @param {import('../../chat-client.js').ChatClient} chat @param {number} me */
export function connection(chat, me) {
  const text = h('span', { class: 'status-text', role: 'status' });
  const detail = h('span', { class: 'status-detail' });
  const toggle = h('button', { class: 'switch', role: 'switch', 'aria-checked': 'true', onclick: () => {
    const off = chat.state !== 'paused';
    keepSwitch(me, off);
    if (off) chat.disconnect();
    else chat.connect();
  } }, h('span', { class: 'switch-label' }, t('connection.switch')), h('span', { class: 'switch-track' }, h('span', { class: 'switch-thumb' })));
  const card = h('footer', { class: 'status', slot: 'foot' }, h('span', { class: 'status-dot' }), h('span', { class: 'status-lines' }, text, detail), toggle);

  const draw = soon(() => {
    const waiting = chat.outbox().filter(entry => entry.state === 'pending');
    const offline = waiting.length ? waits('connection.kept', waiting) : t('connection.write_on');
    card.dataset.state = chat.state;
    write(text, t(`connection.${chat.state}`));
    write(detail, chat.state === 'closed' ? t('connection.sign_in') : chat.state === 'online' ? t('connection.fresh') : offline);
    set(toggle, 'aria-checked', String(chat.state !== 'paused' && chat.state !== 'closed'));
    toggle.disabled = chat.state === 'closed';
  });
  chat.on('state', draw);
  chat.on('outbox', draw);
  draw();
  return card;
}
