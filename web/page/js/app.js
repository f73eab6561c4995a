// The page of the hub: the element, and the parts around it. These listen to the element and to its client.
//
//   early -> ChatClient -> <softadastra-chat>, with `head` and `connection` in its slots; badge, keys, last-visit

import { ChatClient } from '../../chat-client.js';
import picture from '../icon.svg';
import { badge } from './badge.js';
import './chat.js';
import { spoken } from './chosen.js';
import { connection } from './connection.js';
import { h, set } from './dom.js';
import { Early, who } from './early.js';
import { head, languages } from './head.js';
import { keys } from './keys.js';
import { pieces, t } from './language.js';
import { forget, lastVisit } from './last-visit.js';
import { knowFrom } from './people.js';
import { hub, isSwitchedOff, left, takeCard } from './session.js';
import { smaller } from './strip.js';

/** How long after the first load the service worker is registered, in ms: until then the connection is for the conversation. */
const CALM = 3000;

const element = /** @type {import('../../element.js').SoftadastraChat} */ (document.querySelector('softadastra-chat'));

for (const user of left(who?.me)) forget(user);
if (who) start(who);
else {
  element.remove();
  spoken.then(welcome);
}

/** Gives the element its client. The parts around it are added when the texts are loaded. @param {{token: string, me: number, peer: number | undefined}} who */
function start({ token, me, peer }) {
  const chat = (element.client = new ChatClient({ url: hub, user: me, getToken: () => token, prepare: smaller, WebSocket: /** @type {any} */ (Early) }));
  const card = takeCard();
  set(element, 'user', peer);
  if (peer && card) set(element, 'card', `${card.kind}:${card.id}`);
  knowFrom(user => chat.profile(user));
  badge(element, chat);
  keys(element);
  spoken.then(() => {
    for (const part of head(chat, me, person => element.open(person))) element.append(Object.assign(part, { slot: 'head' }));
    element.append(connection(chat, me));
  });
  const loaded = chat.on('reset', () => {
    loaded();
    offline();
  });
  if (isSwitchedOff(me)) chat.disconnect();
  else chat.connect();
  lastVisit(chat, me);
}

/** Registers the service worker after a while, so that the page can start without a network. */
function offline() {
  setTimeout(() => import('./worker-url.js').then(({ workerUrl }) => navigator.serviceWorker?.register(workerUrl('service-worker.js'))).catch(() => {}), CALM);
}

function welcome() {
  document.body.replaceChildren(h('main', { class: 'welcome' },
    h('img', { src: picture, alt: '', width: 64, height: 64 }),
    h('h1', {}, 'Softadastra Chat'),
    h('p', {}, t('welcome.links')),
    h('p', { class: 'quiet' }, pieces('welcome.more', { command: h('code', { dir: 'ltr' }, 'softadastra-chat token --user 3'), link: h('code', { dir: 'ltr' }, `${hub}#token=…`) })),
    h('p', { class: 'languages' }, languages().map(({ label, lang, run }) => h('button', { class: 'text-button', lang, onclick: run }, label)))));
}
