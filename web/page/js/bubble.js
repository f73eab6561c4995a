// One message, stored or waiting: text, pictures, what it is about, what it answers, when, and how far it has come.

import { cardElement, cardLine, titleOf } from './cards.js';
import { h } from './dom.js';
import { time, timeElement } from './format.js';
import { icon } from './icons.js';
import { t } from './language.js';
import { messageText } from './message-text.js';
import { authorOf } from './people.js';
import { pictures, waiting } from './pictures.js';
import { onLongPress } from './press.js';
import { choices, failure, kindOf, stateOf } from './unsent.js';

const STATES = { pending: 'clock', elsewhere: 'clock', failed: 'alert', sent: 'check', delivered: 'checks', seen: 'checks' };

/** Makes the sign of how far a message has come. @param {keyof typeof STATES} state */
export function tick(state) {
  const label = t(`tick.${state}`);
  return h('span', { class: `tick tick-${state}`, role: 'img', 'aria-label': label, title: label }, icon(/** @type {any} */ (STATES[state])));
}

/**
 * What is drawn: a stored message or an outbox entry.
 * @typedef {object} Item
 * @property {string} key
 * @property {boolean} mine
 * @property {boolean} [system] the marketplace itself has written it: it is of neither side, and nothing can be done with it
 * @property {import('../../chat-client.js').Message} [message]
 * @property {import('../../chat-client.js').Entry} [entry]
 * @property {import('../../chat-client.js').Entry} [change] an edit or a deletion that is not stored
 * @property {boolean} first whether it is the first of a run of the same author
 * @property {boolean} last
 */

/** The parts of the page that a bubble needs.
 * @typedef {object} Context
 * @property {import('../../chat-client.js').ChatClient} chat
 * @property {number} me
 * @property {(item: Item, at: HTMLElement) => void} menu opens what can be done with a message
 * @property {(entry: import('../../chat-client.js').Entry) => void} edit takes what was refused back to where one writes
 * @property {(entry: import('../../chat-client.js').Entry) => void} discard gives up what is not stored, and keeps what was written
 * @property {(images: any[], at: number) => void} look shows a picture
 * @property {(id: number) => import('../../chat-client.js').Message | undefined} find
 * @property {(id: number) => void} jump
 */

/** Makes a message's element; `fill` fills it. @param {Item} item @param {Context} context */
export function bubble(item, context) {
  if (item.system) return h('div', { class: 'row system', role: 'article', tabindex: -1 }, h('div', { class: 'bubble' }));
  const more = h('button', { class: 'bubble-more', 'aria-label': t('message.options'), title: t('message.options'), tabindex: -1, 'aria-haspopup': 'menu', onclick: () => context.menu(row.item, more) }, icon('more'));
  // The list of messages is one tab stop: `roving` goes from message to message, and to what is in one.
  const row = h('div', { class: `row ${item.mine ? 'mine' : 'theirs'}`, role: 'article', tabindex: -1 }, h('div', { class: 'bubble' }), more);
  onLongPress(row, () => context.menu(row.item, more));
  row.addEventListener('contextmenu', (/** @type {MouseEvent} */ event) => {
    if (String(getSelection()) || /** @type {Element} */ (event.target).closest('a')) return;
    event.preventDefault();
    context.menu(row.item, more);
  });
  return row;
}

/** Draws a message, if something of it has changed. @param {any} row @param {Item} item @param {Context} context */
export function fill(row, item, context) {
  row.item = item;
  const { message, entry, change } = item;
  const unsent = entry ?? change;
  const state = unsent ? stateOf(context.chat, unsent) : item.mine && message && !isGone(item) ? context.chat.status(message) : undefined;
  // What is quoted may come later, and change.
  const quoted = at(item).reply_to && context.find(at(item).reply_to);
  const version = message ? `m${message.rev} ${quoted?.rev} ${change?.temp_id} ${change?.state} ${change?.error} ${change?.content}` : `e${entry?.images.map(image => `${image.error}${Boolean(image.media)}`)}${entry?.state}${entry?.error}${entry?.content}${change?.state}${change?.content}`;
  const now = cardNow(item, context);
  // Of a long conversation nearly everything is as it was.
  const look = `${item.first} ${item.last} ${state} ${version}`;
  if (row.look !== look || row.now !== now) draw(row, item, context, { state, renewed: row.version !== version || row.now !== now });
  Object.assign(row, { look, version, now });
  if (entry) waiting(row.firstElementChild, entry);
}

/** @param {any} row @param {Item} item @param {Context} context @param {{state: keyof typeof STATES | undefined, renewed: boolean}} how `renewed`: what it holds is another thing than before */
function draw(row, item, context, { state, renewed }) {
  const gone = isGone(item);
  const body = row.firstElementChild;
  row.classList.toggle('first', item.first);
  row.classList.toggle('last', item.last);
  // The last line of the text leaves room for the time, and for what stands beside it.
  const letters = time(at(item).created_at).length + (isEdited(item) ? t('message.edited').length + 1 : 0);
  body.style.setProperty('--room', `${letters * 0.44 + (state ? 1.5 : 0) + 0.7}em`);
  if (renewed) {
    const shown = body.querySelector('.pictures');
    row.classList.toggle('deleted', gone);
    row.classList.toggle('settled', gone && !item.change);
    row.classList.toggle('failed', state === 'failed');
    row.classList.remove('resting'); // it may be of another height
    body.replaceChildren(...parts(item, context, shown, row));
    for (const button of row.querySelectorAll('button')) button.tabIndex = -1;
  }
  const meta = body.querySelector('.meta');
  const shown = meta.querySelector('.tick');
  if (!state) shown?.remove();
  else if (!shown?.classList.contains(`tick-${state}`)) {
    shown?.remove();
    meta.append(tick(state));
  }
}

/** What is drawn. @param {Item} item @returns {any} */
const at = item => item.message ?? item.entry;

/** Whether a deletion is stored, or on its way. @param {Item} item */
const isGone = ({ message, change }) => Boolean(message?.deleted || (change?.state === 'pending' && kindOf(change) === 'delete'));

/** The edit that is on its way. @param {Item} item */
const edited = ({ change }) => (change?.state === 'pending' && kindOf(change) === 'edit' ? change : undefined);

/** Whether it is said that the text is another one than it was. @param {Item} item */
const isEdited = item => !isGone(item) && Boolean(item.message?.edited_at || edited(item));

/** @param {Item} item @param {Context} context @param {any} shown pictures that are drawn already @param {any} row */
function parts(item, context, shown, row) {
  const { message, entry, change, mine } = item;
  const { created_at, extra_data, reply_to, images, card } = at(item);
  const content = edited(item)?.content ?? at(item).content;
  const meta = h('span', { class: 'meta' }, isEdited(item) && h('span', {}, t('message.edited')), timeElement(created_at, time(created_at)));
  const author = h('span', { class: 'sr' }, t('message.by', { name: mine ? t('you') : authorOf(at(item)) }));
  if (isGone(item)) return [author, h('p', { class: 'text' }, t('message.deleted')), meta];
  const product = extra_data?.product_id;
  const failed = [entry, change].find(each => each?.state === 'failed');
  return [
    author,
    reply_to && quote(reply_to, context),
    images.length > 0 && pictures(at(item), context, shown),
    card && aboutCard(item, context),
    !card && product !== undefined && product !== null && h('span', { class: 'product' }, icon('box'), h('span', { dir: 'auto' }, t('message.product', { id: String(product) }))),
    ...(content ? messageText(content, row) : []),
    meta,
    failed && h('div', { class: 'failure' },
      // The text that did not come through; what is stored stands above it.
      failed === change && failed.content && h('p', { class: 'failure-text', dir: 'auto' }, failed.content),
      h('p', { class: 'failure-why', dir: 'auto' }, failure(context.chat, failed)),
      h('div', { class: 'failure-buttons' }, choices(context, failed).filter(choice => choice.icon !== 'copy')
        .map(choice => h('button', { class: 'text-button', onclick: choice.run }, choice.label)))),
  ].filter(part => part);
}

/** How what a message is about is now, if that is known. @param {Item} item @param {Context} context */
const cardNow = (item, { chat }) => (at(item).card && !isGone(item) ? chat.cards.get(at(item).card) : undefined);

/** Shows what a message is about: as it was when it was sent; of one that waits, as it is now. @param {Item} item @param {Context} context */
function aboutCard(item, context) {
  const { card } = at(item);
  const now = cardNow(item, context);
  if (item.message) return cardElement(card, now);
  return now ? cardElement(now) : h('span', { class: 'product' }, icon('tag'), h('span', { dir: 'auto' }, titleOf(card)));
}

/** @param {number} id @param {Context} context */
function quote(id, context) {
  const message = context.find(id);
  const images = message?.images.length ?? 0;
  const text = !message ? t('quote.earlier') : message.deleted ? t('message.deleted') : message.content || cardLine(message.card) || t('photos', { count: images || 1 });
  return h('button', { class: 'quote', onclick: () => context.jump(id) },
    h('strong', {}, message ? (message.sender_id === context.me ? t('you') : authorOf(message)) : t('quote.reply')),
    h('span', { dir: 'auto' }, text));
}
