// The page: who uses it, and how its parts are joined. Everything that is known comes from `ChatClient`; the parts draw
// it anew when it says that something has changed.
//
//   session -> ChatClient -> messenger (inbox, conversation, notifications), connection

import { ChatClient } from '../../chat-client.js';
import picture from '../icon.svg';
import { badge } from './badge.js';
import { choose, chosen, spoken } from './chosen.js';
import { connection } from './connection.js';
import { askForPerson, menu } from './dialogs.js';
import { h, write } from './dom.js';
import { icon } from './icons.js';
import { keys } from './keys.js';
import { LANGUAGES, pieces, t } from './language.js';
import { forget, lastVisit } from './last-visit.js';
import { messenger } from './messenger.js';
import { avatar, nameOf, paint } from './people.js';
import { arrive, hub, isSwitchedOff, left, session, takeCard } from './session.js';
import { smaller } from './strip.js';
import { begin, onReturn } from './trail.js';

/** After how long the first conversation has had the line for itself, in ms. */
const CALM = 3000;

arrive();
// A link that is opened in a tab that has the page already changes the fragment alone.
addEventListener('hashchange', () => arrive() && location.reload());

spoken.then(() => {
  const who = session();
  for (const user of left(who?.me)) forget(user);
  if (who) start(who);
  else welcome();
});

/** @param {{token: string, me: number, peer: number | undefined}} who */
function start({ token, me, peer }) {
  const chat = new ChatClient({ url: hub, user: me, getToken: () => token, prepare: smaller });
  const context = { chat, me, token, place: location.pathname };
  const unread = badge(context);
  const [face, line] = [avatar(me), h('p', { class: 'bar-subtitle' })];
  const { parts, toasts, go, show, list, about } = messenger(context, {
    head: [
      languageButton(face),
      h('div', { class: 'bar-title' }, h('h1', {}, t('inbox.title')), line),
      h('button', { class: 'icon-button', 'aria-label': t('person.title'), title: t('person.title'), onclick: async () => {
        const person = await askForPerson(me);
        if (person) go(person);
      } }, icon('plus')),
    ],
    foot: connection(context).card,
  }, unread.talking);
  const name = () => {
    paint(face, me);
    write(line, t('inbox.me', { name: nameOf(me) }));
  };
  name();
  chat.on('profile', user => user === me && name());
  document.body.replaceChildren(h('main', { class: 'app' }, parts), toasts);
  keys({ search: () => list.field.focus(), step: list.step });
  onReturn(show);
  const loaded = chat.on('reset', () => {
    loaded();
    offline();
  });
  if (isSwitchedOff(me)) chat.disconnect();
  else chat.connect();
  const card = takeCard();
  if (peer && card) about(peer, card);
  show(begin(peer));
  lastVisit(chat, me);
}

/** Has the browser keep the page for a start without a network, when there is time for that. */
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

/** Lays the button that opens the choice of languages over a picture. @param {HTMLElement} face */
function languageButton(face) {
  const button = h('button', { 'aria-label': t('language'), title: t('language'), 'aria-haspopup': 'menu', onclick: () => menu(button, languages()) }, icon('globe'));
  return h('span', { class: 'language' }, face, button);
}

/** The languages to choose from, each in its own words. */
function languages() {
  const all = /** @type {[import('./language.js').Language, string][]} */ (Object.entries(LANGUAGES));
  return all.map(([lang, label]) => ({ label, lang, icon: lang === chosen ? 'check' : 'blank', checked: lang === chosen, run: () => choose(lang) }));
}
