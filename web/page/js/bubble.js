// One message, stored or waiting: its text, pictures, card, quote, time, and how far it has come.

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

/** Makes the icon of how far a message has come. @param {keyof typeof STATES} state */
export function tick(state) {
  const label = t(`tick.${state}`);
  return h('span', { class: `tick tick-${state}`, role: 'img', 'aria-label': label, title: label }, icon(/** @type {any} */ (STATES[state])));
}

/**
 * A message to draw: a stored one, or an outbox entry.
 * @typedef {object} Item
 * @property {string} key
 * @property {boolean} mine
 * @property {boolean} [system] whether the marketplace itself has written it: it belongs to neither side, and has no menu
 * @property {import('../../chat-client.js').Message} [message]
 * @property {import('../../chat-client.js').Entry} [entry]
 * @property {import('../../chat-client.js').Entry} [change] an edit or a deletion of it that is not stored
 * @property {boolean} first whether it is the first of a group by the same author
 * @property {boolean} last
 */

/** What a bubble needs of the conversation.
 * @typedef {object} Context
 * @property {import('../../chat-client.js').ChatClient} chat
 * @property {number} me
 * @property {(item: Item, at: HTMLElement) => void} menu opens the menu of a message
 * @property {(entry: import('../../chat-client.js').Entry) => void} edit puts an unsent entry into the composer
 * @property {(entry: import('../../chat-client.js').Entry) => void} discard drops an unsent entry; a message goes back into the composer
 * @property {(images: any[], at: number) => void} look opens a picture
 * @property {(id: number) => import('../../chat-client.js').Message | undefined} find
 * @property {(id: number) => void} jump
 */

/** Makes a message's element; `fill` fills it. @param {Item} item @param {Context} context */
export function bubble(item, context) {
  if (item.system) return h('div', { class: 'row system', role: 'article', tabindex: -1 }, h('div', { class: 'bubble' }));
  const more = h('button', { class: 'bubble-more', 'aria-label': t('message.options'), title: t('message.options'), tabindex: -1, 'aria-haspopup': 'menu', onclick: () => context.menu(row.item, more) }, icon('more'));
  // The list of messages is one tab stop: `roving` moves the focus between messages, and within one.
  const row = h('div', { class: `row ${item.mine ? 'mine' : 'theirs'}`, role: 'article', tabindex: -1 }, h('div', { class: 'bubble' }), more);
  onLongPress(row, () => context.menu(row.item, more));
  row.addEventListener('contextmenu', (/** @type {MouseEvent} */ event) => {
    if (String(getSelection()) || /** @type {Element} */ (event.target).closest('a')) return;
    event.preventDefault();
    context.menu(row.item, more);
  });
  return row;
}

/** Draws a message, if it has changed. @param {any} row @param {Item} item @param {Context} context */
export function fill(row, item, context) {
  row.item = item;
  const { message, entry, change } = item;
  const unsent = entry ?? change;
  const state = unsent ? stateOf(context.chat, unsent) : item.mine && message && !isGone(item) ? context.chat.status(message) : undefined;
  // The quoted message may be loaded later, and may change.
  const quoted = at(item).reply_to && context.find(at(item).reply_to);
  const version = message ? `m${message.rev} ${quoted?.rev} ${change?.temp_id} ${change?.state} ${change?.error} ${change?.content}` : `e${entry?.images.map(image => `${image.error}${Boolean(image.media)}`)}${entry?.state}${entry?.error}${entry?.content}${change?.state}${change?.content}`;
  const now = cardNow(item, context);
  // In a long conversation nearly all messages are unchanged.
  const look = `${item.first} ${item.last} ${state} ${version}`;
  if (row.look !== look || row.now !== now) draw(row, item, context, { state, renewed: row.version !== version || row.now !== now });
  Object.assign(row, { look, version, now });
  if (entry) waiting(row.firstElementChild, entry);
}

/** @param {any} row @param {Item} item @param {Context} context @param {{state: keyof typeof STATES | undefined, renewed: boolean}} how `renewed`: whether its content has changed */
function draw(row, item, context, { state, renewed }) {
  const gone = isGone(item);
  const body = row.firstElementChild;
  // Its height or its distance from the row above may change.
  if (renewed || row.classList.contains('first') !== item.first) row.parentElement?.classList.remove('resting');
  row.classList.toggle('first', item.first);
  row.classList.toggle('last', item.last);
  // The last line of the text leaves room for the time, "edited", and the tick.
  const letters = time(at(item).created_at).length + (isEdited(item) ? t('message.edited').length + 1 : 0);
  body.style.setProperty('--room', `${letters * 0.44 + (state ? 1.5 : 0) + 0.7}em`);
  if (renewed) {
    const shown = body.querySelector('.pictures');
    row.classList.toggle('deleted', gone);
    row.classList.toggle('settled', gone && !item.change);
    row.classList.toggle('failed', state === 'failed');
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

/** The message or entry that is drawn. @param {Item} item @returns {any} */
const at = item => item.message ?? item.entry;

/** Whether the message is deleted, or a deletion of it waits. @param {Item} item */
const isGone = ({ message, change }) => Boolean(message?.deleted || (change?.state === 'pending' && kindOf(change) === 'delete'));

/** The edit that waits, if there is one. @param {Item} item */
const edited = ({ change }) => (change?.state === 'pending' && kindOf(change) === 'edit' ? change : undefined);

/** Whether to show "edited". @param {Item} item */
const isEdited = item => !isGone(item) && Boolean(item.message?.edited_at || edited(item));

/** @param {Item} item @param {Context} context @param {any} shown the pictures that are drawn now @param {any} row */
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
    !card && product != null && h('span', { class: 'product' }, icon('box'), h('span', { dir: 'auto' }, t('message.product', { id: String(product) }))),
    ...(content ? messageText(content, row) : []),
    meta,
    failed && h('div', { class: 'failure' },
      // The text of the failed edit; the stored text is above it.
      failed === change && failed.content && h('p', { class: 'failure-text', dir: 'auto' }, failed.content),
      h('p', { class: 'failure-why', dir: 'auto' }, failure(context.chat, failed)),
      h('div', { class: 'failure-buttons' }, choices(context, failed).filter(choice => choice.icon !== 'copy')
        .map(choice => h('button', { class: 'text-button', onclick: choice.run }, choice.label)))),
  ].filter(part => part);
}

/** The message's card as it is now, if that is known. @param {Item} item @param {Context} context */
const cardNow = (item, { chat }) => (at(item).card && !isGone(item) ? chat.cards.get(at(item).card) : undefined);

/** Makes the card of a message, as it was when the message was sent; of a waiting message, as it is now. @param {Item} item @param {Context} context */
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
