// The admin view: a bar with the sections, the section that is open, and one stream with the state of the node.
//
//   session -> api.follow -> overview, settings (redrawn each second); people, conversation, webhooks, audit (drawn when opened)

import { h, write } from '../../page/js/dom.js';
import { arrive, keepToken, session } from '../../page/js/session.js';
import { follow } from './api.js';
import { overview, settings } from './overview.js';
import { field, form } from './parts.js';
import { conversation, people } from './people.js';
import { audit, webhooks } from './records.js';

arrive();
addEventListener('hashchange', () => arrive() && location.reload());
document.body.classList.add('admin');

/** @type {any} */
let state;
/** @type {any} */
let before;
let open = 'Overview';

/** The sections that are redrawn each second. @type {Record<string, () => any[]>} */
const LIVE = { Overview: () => overview(state, before), Settings: () => settings(state) };

/** The sections that are drawn only when they are opened. @type {Record<string, () => {element: any, shown: any}>} */
const STILL = { Users: () => people(() => state), Conversations: conversation, Webhooks: () => webhooks(state), Audit: audit };
const SECTIONS = ['Overview', 'Users', 'Conversations', 'Webhooks', 'Audit', 'Settings'];

const title = h('h1', {}, 'Softadastra Chat');
const live = h('p', { class: 'live', role: 'status', 'data-state': 'lost' }, 'connecting');
const main = h('div', { class: 'admin-main', id: 'main', role: 'tabpanel', tabindex: '-1' });
const tabs = SECTIONS.map(name => h('button', { role: 'tab', id: `tab-${name}`, 'aria-controls': 'main', 'aria-selected': String(name === open), tabindex: name === open ? '0' : '-1', onclick: () => show(name), onkeydown: step }, name));
const bar = h('header', { class: 'admin-bar' }, h('div', { class: 'admin-head' }, title, live), h('div', { class: 'sections', role: 'tablist', 'aria-label': 'Sections' }, tabs));

start();

function start() {
  document.body.replaceChildren(bar, h('main', {}, main));
  main.setAttribute('aria-labelledby', `tab-${open}`);
  const line = new AbortController();
  follow(told, error => {
    live.dataset.state = 'lost';
    write(live, 'not connected');
    if (!error || error.status >= 429) return;
    line.abort();
    welcome(error);
  }, line.signal);
}

/** @param {any} now */
function told(now) {
  const first = !state;
  [before, state] = [state, now];
  live.dataset.state = 'live';
  write(live, `live, node ${now.node}`);
  document.title = `${now.node}: administration`;
  if (first || LIVE[open]) draw();
}

function draw() {
  const make = LIVE[open];
  if (make) return redraw(make().filter(Boolean));
  const { element, shown } = STILL[open]();
  main.replaceChildren(element, shown);
}

/** Replaces the content, and keeps the scroll position and the focus of the tables. @param {any[]} made */
function redraw(made) {
  const regions = () => /** @type {HTMLElement[]} */ ([...main.querySelectorAll('.scroll')]);
  const held = new Map(regions().map(one => [one.getAttribute('aria-label'), { left: one.scrollLeft, focus: one === document.activeElement }]));
  main.replaceChildren(...made);
  for (const one of regions()) {
    const was = held.get(one.getAttribute('aria-label'));
    if (!was) continue;
    one.scrollLeft = was.left;
    if (was.focus) one.focus({ preventScroll: true });
  }
}

/** @param {string} name */
function show(name) {
  open = name;
  for (const tab of tabs) {
    const is = tab.textContent === name;
    tab.setAttribute('aria-selected', String(is));
    tab.tabIndex = is ? 0 : -1;
  }
  main.setAttribute('aria-labelledby', `tab-${name}`);
  scrollTo(0, 0);
  if (state) draw();
}

/** Goes from tab to tab by the arrow keys. @param {KeyboardEvent} event */
function step(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  const next = tabs[(tabs.indexOf(event.currentTarget) + by + tabs.length) % tabs.length];
  next.focus();
  show(next.textContent);
  event.preventDefault();
}

/** Asks for a token of the staff. @param {import('./api.js').Refused} error */
function welcome(error) {
  const why = error.status === 403 ? 'This is for the staff alone: your token has another role.'
    : error.status === 404 ? 'This hub has no admin view (CHAT_ADMIN=off).'
      : session() ? 'Your token is not good, or not good any more.' : 'Show a token with the role admin.';
  const ask = form('Open', [field('Token', { name: 'token', type: 'password', required: true, autocomplete: 'off' }, true)], async ({ token }) => {
    keepToken(token.trim()); // not in the URL: the browser's history would keep it
    location.reload();
  });
  document.body.replaceChildren(h('main', { class: 'admin-welcome' }, h('h1', {}, 'Administration'), h('p', { role: 'alert' }, why), ask));
}
