// What is not stored yet: why it failed, and what can be done with it. Nothing of it is thrown away unasked.

import { confirm } from './dialogs.js';
import { filesNamed, reason } from './format.js';
import { t } from './language.js';

/** @typedef {import('../../chat-client.js').ChatClient} ChatClient */
/** @typedef {import('../../chat-client.js').Entry} Entry */
/** @typedef {{label: string, icon: any, danger?: boolean, run: () => void}} Choice */

/** What an entry would do. @param {any} entry @returns {'message' | 'edit' | 'delete'} */
export const kindOf = entry => entry?.kind ?? 'message';

/**
 * Whether an entry waits in another tab of the same person that is switched off: this one, which is online, does not send
 * it. @param {ChatClient} chat @param {any} entry
 */
export const isElsewhere = (chat, entry) => Boolean(entry?.held && entry.state === 'pending' && chat.state === 'online');

/** How far an entry has come. @param {ChatClient} chat @param {Entry} entry */
export const stateOf = (chat, entry) => (isElsewhere(chat, entry) ? 'elsewhere' : entry.state);

/** Whether an entry goes nowhere as it is. @param {ChatClient} chat @returns {(entry: Entry) => boolean} */
export const stays = chat => entry => stateOf(chat, entry) !== 'pending';

/** The pictures that were refused. @param {Entry} entry */
const refused = entry => (entry.images ?? []).filter(image => image.error);

/** Whether a message was refused for what it is about. @param {ChatClient} chat @param {Entry} entry */
const isUnknown = (chat, { error, card }) => Boolean(error === 'not_found' && card && !chat.cards.get(card));

/** Says why something failed. @param {ChatClient} chat @param {Entry} entry */
export function failure(chat, entry) {
  const files = refused(entry);
  const why = isUnknown(chat, entry) ? t('card.refused') : reason(entry.error);
  return t(`unsent.${kindOf(entry)}`, { reason: files.length ? t('unsent.files', { reason: why, files: filesNamed(files) }) : why });
}

/**
 * Lists what can be done with an entry. @param {ChatClient} chat @param {Entry} entry
 * @param {(entry: Entry) => void} edit takes its text back to where one writes
 * @returns {Choice[]}
 */
export function choices(chat, entry, edit) {
  /** @type {Choice[]} */ const list = [];
  const { content, temp_id } = entry;
  const [failed, kind] = [entry.state === 'failed', kindOf(entry)];
  if (failed) list.push({ label: t('do.retry'), icon: 'retry', run: () => chat.retry(temp_id) });
  const without = failed && sendable(entry, isUnknown(chat, entry));
  if (without) list.push({ label: without.label, icon: 'send', run: () => without.send(chat) });
  if (kind !== 'delete' && (failed || content)) list.push({ label: t('do.edit'), icon: 'edit', run: () => edit(entry) });
  if (content) list.push({ label: t('do.copy'), icon: 'copy', run: () => navigator.clipboard.writeText(content).catch(() => {}) });
  list.push({ label: t(`discard.${kind}`), icon: 'trash', danger: kind !== 'delete', run: async () => {
    if (!without || (await confirm(t('discard.title'), without.rest, t('discard.message')))) chat.discard(temp_id);
  } });
  return list;
}

/**
 * What is left of a message when the refused pictures, or the refused card, are taken out; nothing, if none was refused or nothing is left.
 * @param {Entry} entry @param {boolean} [cardless] whether the card was refused
 */
export function sendable(entry, cardless = false) {
  const bad = refused(entry);
  const good = (entry.images ?? []).filter(image => !image.error);
  if (!(bad.length || cardless) || (!good.length && !entry.content)) return undefined;
  const rest = good.length ? (entry.content ? 'discard.both' : 'discard.photos') : 'discard.text';
  return {
    /** What would be lost if all were discarded. */ rest: t(rest, { count: good.length }),
    label: t('unsent.without', { count: bad.length + Number(cardless) }), // they are named above
    /** Sends it: another message, for its key stands for what was refused. @param {ChatClient} chat */
    send(chat) {
      const { content, extra_data, reply_to, temp_id, card } = entry;
      chat.send(to(entry), { text: content, images: good.map(image => image.file), card: cardless ? undefined : card, extra_data, reply_to }).catch(() => {});
      chat.discard(temp_id);
    },
  };
}

/** Where an entry goes. @param {Entry} entry */
export const to = entry => (entry.receiver_id ? { user: entry.receiver_id } : { id: /** @type {number} */ (entry.thread_id) });
