// The page: who uses it, and how its parts are joined. Everything that is known comes from `ChatClient`; the parts draw
// it anew when it says that something has changed.
//
//   session -> ChatClient -> inbox, conversation (bubbles, composer), notifications, connection

import { ChatClient } from '../../chat-client.js';
import { badge } from './badge.js';
import { choose, chosen, spoken } from './chosen.js';
import { connection } from './connection.js';
import { conversation } from './conversation.js';
import { askForPerson, menu, toast } from './dialogs.js';
import { h, write } from './dom.js';
import { reason } from './format.js';
import { icon } from './icons.js';
import { inbox } from './inbox.js';
import { LANGUAGES, pieces, t } from './language.js';
import { notifications } from './notifications.js';
import { avatar, knowFrom, nameOf, paint } from './people.js';
import { arrive, hub, isSwitchedOff, session, takeCard } from './session.js';
import { begin, enter, leave, onReturn } from './trail.js';

arrive();
// A link that is opened in a tab that has the page already changes the fragment alone.
addEventListener('hashchange', () => arrive() && location.reload());

await spoken;
const who = session();
if (who) start(who);
else welcome();

/** @param {{token: string, me: number, peer: number | undefined}} who */
function start({ token, me, peer }) {
  const chat = new ChatClient({ url: hub, user: me, getToken: () => token });
  const context = { chat, me, token, hub };
  knowFrom(user => chat.profile(user));

  const talk = conversation(context, () => leave(() => show(undefined)));
  const list = inbox(context, go, talk.drafts);
  const to = (/** @type {import('../../chat-client.js').Thread} */ thread) => go(thread.other_user_id);
  // What is not needed to show the first conversation is loaded meanwhile.
  const calls = import('./alerts.js').then(({ alerts }) => alerts(context, to));
  const news = notifications(context, to, calls);
  const unread = badge(context);
  import('./keys.js').then(({ keys }) => keys({ search: () => list.field.focus(), step: list.step }));
  const status = connection(context);

  const [face, line] = [avatar(me), h('p', { class: 'bar-subtitle' })];
  const name = () => {
    paint(face, me);
    write(line, t('inbox.me', { name: nameOf(me) }));
  };
  name();
  chat.on('profile', user => user === me && name());

  const sidebar = h('section', { class: 'sidebar', 'aria-label': t('inbox.all') },
    h('header', { class: 'bar' },
      languageButton(face),
      h('div', { class: 'bar-title' }, h('h1', {}, t('inbox.title')), line),
      h('button', { class: 'icon-button', 'aria-label': t('person.title'), title: t('person.title'), onclick: async () => {
        const person = await askForPerson(me);
        if (person) go(person);
      } }, icon('plus')),
      news.bell),
    list.element,
    status.card);
  const app = h('main', { class: 'app' }, sidebar, talk.element, news.panel);
  document.body.replaceChildren(app, h('div', { class: 'toasts', role: 'status' }));

  /** Goes to the conversation with a user. @param {number} person @param {number} [message] */
  function go(person, message) {
    enter(person);
    show(person, message);
  }

  /** Shows the conversation with a user, or none; at a message, if one is named. @param {number | undefined} person @param {number} [message] */
  async function show(person, message) {
    if (person && person === talk.person) return message && talk.show(message);
    app.classList.toggle('talking', Boolean(person));
    list.select(person);
    const opened = talk.open(person);
    unread.talking(person);
    await opened;
    if (message) talk.show(message);
  }

  chat.on('error', error => {
    if (!['network', 'closed'].includes(error.code) && !error.temporary) toast(t('failed.that', { reason: reason(error.code) }));
  });
  onReturn(show);
  const card = takeCard();
  if (peer && card) talk.bring(peer, card);
  show(begin(peer));
  if (isSwitchedOff(me)) chat.disconnect();
  else chat.connect();
}

function welcome() {
  document.body.replaceChildren(h('main', { class: 'welcome' },
    h('img', { src: 'page/icon.svg', alt: '', width: 64, height: 64 }),
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
