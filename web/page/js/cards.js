// Cards: what a message is about, as it was when the message was sent, and as it is now.

import { h } from './dom.js';
import { icon } from './icons.js';
import { intl, t } from './language.js';
import { address, picture, plain } from './market.js';

/** @typedef {import('../../chat-client.js').Card} Card */
/** @typedef {import('../../chat-client.js').CardRef} CardRef */

const ICONS = /** @type {const} */ ({ product: 'tag', order: 'receipt', shop: 'shop', place: 'place' });

/** Makes the icon of a card's kind. @param {{kind: string}} card */
export const sign = ({ kind }) => icon(ICONS[/** @type {keyof typeof ICONS} */ (kind)] ?? 'tag');

/** @param {{kind: string}} card */
const kindOf = ({ kind }) => (kind in ICONS ? t(`kind.${kind}`) : kind);

/** The title of a card; while the card is not loaded, its kind and id. @param {CardRef} name @param {Card | null} [card] */
export const titleOf = (name, card) => plain(card?.title ?? '') || t('card.named', { kind: kindOf(name), id: plain(name.id) });

/** The line for a message with a card and no text; empty without a card. @param {Card | null | undefined} card */
export const cardLine = card => (card ? titleOf(card, card) : '');

/** A price in the format of the language, with all its decimals. @param {Card} card */
export function price({ amount, currency }) {
  if (!amount) return '';
  const digits = amount.split('.')[1]?.replace(/0+$/, '').length ?? 0;
  const how = currency ? { style: 'currency', currency } : {};
  try {
    const { maximumFractionDigits: most = 0 } = intl(Intl.NumberFormat, how).resolvedOptions();
    const format = intl(Intl.NumberFormat, digits > most ? { ...how, minimumFractionDigits: digits } : how);
    return format.format(/** @type {any} */ (amount)); // as a text: it may have more digits than a number
  } catch {
    return `${plain(amount)} ${plain(currency ?? '')}`; // a currency that this browser does not know
  }
}

/** The price and the state of a card, as texts. @param {Card} card */
const facts = card => [price(card), plain(card.state ?? '')];

/**
 * Lists what has changed of a card since the message was sent: its title, price or state as it is now.
 * @param {Card} card @param {Card | null | undefined} now
 */
export function changes(card, now) {
  if (!now || now.version < card.version) return [];
  const [[price, state], [newPrice, newState]] = [facts(card), facts(now)];
  return [
    titleOf(card, card) !== titleOf(now, now) && titleOf(now, now),
    price !== newPrice && (newPrice || t('card.no_price')),
    state !== newState && (newState || t('card.no_longer', { state })),
  ].filter(change => change !== false);
}

/** @param {(string | false)[]} texts */
const listed = texts => texts.filter(text => text).map(text => h('bdi', { class: 'card-fact' }, text));

/** Makes the card in a message. @param {Card} card @param {Card | null} [now] as it is now, if that is known */
export function cardElement(card, now) {
  const [href, news] = [address(card.url, /^https?:$/), changes(card, now)];
  return h(href ? 'a' : 'div', { class: 'card', tabindex: href && -1, href, target: href && '_blank', rel: href && 'noopener noreferrer nofollow' },
    h('span', { class: 'card-face' }, sign(card), picture(card.image_url)),
    h('span', { class: 'card-words' },
      h('span', { class: 'sr' }, `${kindOf(card)}: `),
      h('span', { class: 'card-title', dir: 'auto' }, titleOf(card, card)),
      card.subtitle && h('span', { class: 'card-subtitle', dir: 'auto' }, plain(card.subtitle)),
      (facts(card).some(fact => fact) || news.length > 0) && h('span', { class: 'card-facts' },
        news.length > 0 && h('span', { class: 'card-when' }, t('card.then')), listed(facts(card)))),
    news.length > 0 && h('span', { class: 'card-facts card-news' }, h('span', { class: 'card-when' }, t('card.now')), listed(news)));
}

/** Makes the card above the composer's field. @param {CardRef} name @param {Card | null | undefined} card @param {() => void} remove */
export function cardToSend(name, card, remove) {
  const title = titleOf(name, card);
  return [
    h('span', { class: 'card-face' }, sign(name), picture(card?.image_url)),
    h('span', { class: 'card-words' }, h('span', { class: 'card-title', dir: 'auto' }, title), h('span', { class: 'card-facts' }, card ? listed(facts(card)) : [])),
    h('button', { class: 'icon-button', type: 'button', 'aria-label': t('composer.remove', { name: title }), onclick: remove }, icon('close')),
  ];
}
