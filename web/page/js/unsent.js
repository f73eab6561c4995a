// Entries of the outbox: why they failed, and their menus. The page never drops one without a request of the user.

import { filesNamed, reason } from './format.js';
import { t } from './language.js';

/** @typedef {import('../../chat-client.js').ChatClient} ChatClient */
/** @typedef {import('../../chat-client.js').Entry} Entry */
/** @typedef {{label: string, icon: any, danger?: boolean, run: () => void}} Choice */

/** The kind of an entry. @param {any} entry @returns {'message' | 'edit' | 'delete'} */
export const kindOf = entry => entry?.kind ?? 'message';

/**
 * Whether an entry waits in another tab of the same user that is switched off: this tab, which is online, does not send it.
 * @param {ChatClient} chat @param {any} entry
 */
export const isElsewhere = (chat, entry) => Boolean(entry?.held && entry.state === 'pending' && chat.state === 'online');

/** The state of an entry. @param {ChatClient} chat @param {Entry} entry */
export const stateOf = (chat, entry) => (isElsewhere(chat, entry) ? 'elsewhere' : entry.state);

/** Returns a function that tells whether an entry is not being sent. @param {ChatClient} chat @returns {(entry: Entry) => boolean} */
export const stays = chat => entry => stateOf(chat, entry) !== 'pending';

/** The refused pictures of an entry. @param {Entry} entry */
const refused = entry => (entry.images ?? []).filter(image => image.error);

/** Whether a message was refused because its card is unknown. @param {ChatClient} chat @param {Entry} entry */
const isUnknown = (chat, { error, card }) => Boolean(error === 'not_found' && card && !chat.cards.get(card));

/** The text why an entry failed. @param {ChatClient} chat @param {Entry} entry */
export function failure(chat, entry) {
  const files = refused(entry);
  const why = isUnknown(chat, entry) ? t('card.refused') : reason(entry.error);
  return t(`unsent.${kindOf(entry)}`, { reason: files.length ? t('unsent.files', { reason: why, files: filesNamed(files) }) : why });
}

/**
 * Returns the menu of an entry.
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
 * Returns how to send a message without its refused pictures or card; undefined if none was refused, or nothing would be left.
 * @param {Entry} entry @param {boolean} [cardless] whether the card was refused
 */
export function sendable(entry, cardless = false) {
  const bad = refused(entry);
  const good = (entry.images ?? []).filter(image => !image.error);
  if (!(bad.length || cardless) || (!good.length && !entry.content)) return undefined;
  return {
    label: t('unsent.without', { count: bad.length + Number(cardless) }), // the failure names them
    /** Sends it; pictures that are uploaded are not uploaded again. @param {ChatClient} chat */
    async send(chat) {
      if (cardless) {
        // As a new message: the `temp_id` belongs to the refused content.
        const { content, extra_data, reply_to, temp_id } = entry;
        chat.send(to(entry), { text: content, images: good.map(image => image.file), extra_data, reply_to }).catch(() => {});
        return chat.discard(temp_id);
      }
      for (const picture of bad) await chat.cancelUpload(entry.temp_id, picture);
      chat.retry(entry.temp_id);
    },
  };
}

/** The receiver of an entry. @param {Entry} entry */
const to = entry => (entry.receiver_id ? { user: entry.receiver_id } : { id: /** @type {number} */ (entry.thread_id) });
