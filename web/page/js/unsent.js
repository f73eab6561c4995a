// What is not stored yet: why it failed, and what can be done with it. Nothing of it is thrown away unasked.

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
 * Lists what can be done with an entry.
 * @param {Pick<import('./bubble.js').Context, 'chat' | 'edit' | 'discard'>} on @param {Entry} entry
 * @returns {Choice[]}
 */
export function choices({ chat, edit, discard }, entry) {
  /** @type {Choice[]} */ const list = [];
  const { content, temp_id } = entry;
  const [failed, kind] = [entry.state === 'failed', kindOf(entry)];
  if (failed) list.push({ label: t('do.retry'), icon: 'retry', run: () => chat.retry(temp_id) });
  const without = failed && sendable(entry, isUnknown(chat, entry));
  if (without) list.push({ label: without.label, icon: 'send', run: () => without.send(chat) });
  if (kind !== 'delete' && (failed || content)) list.push({ label: t('do.edit'), icon: 'edit', run: () => edit(entry) });
  if (content) list.push({ label: t('do.copy'), icon: 'copy', run: () => navigator.clipboard.writeText(content).catch(() => {}) });
  list.push({ label: t(`discard.${kind}`), icon: 'trash', danger: kind !== 'delete', run: () => discard(entry) });
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
  return {
    label: t('unsent.without', { count: bad.length + Number(cardless) }), // they are named above
    /** Sends it; what is stored already is not uploaded again. @param {ChatClient} chat */
    async send(chat) {
      if (cardless) {
        // Another message, for its key stands for what was refused.
        const { content, extra_data, reply_to, temp_id } = entry;
        chat.send(to(entry), { text: content, images: good.map(image => image.file), extra_data, reply_to }).catch(() => {});
        return chat.discard(temp_id);
      }
      for (const picture of bad) await chat.cancelUpload(entry.temp_id, picture);
      chat.retry(entry.temp_id);
    },
  };
}

/** Where an entry goes. @param {Entry} entry */
const to = entry => (entry.receiver_id ? { user: entry.receiver_id } : { id: /** @type {number} */ (entry.thread_id) });
