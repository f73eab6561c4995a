// The drafts of each conversation: they stay when another one is opened; their text and card also survive a reload.

import { titleOf } from './cards.js';
import { t } from './language.js';

/**
 * A draft. While a message is edited, `aside` is the draft before it.
 * @typedef {object} Draft
 * @property {string} text
 * @property {File[]} files
 * @property {import('../../chat-client.js').CardRef} [card]
 * @property {Editing} [editing]
 * @property {number} [answering]
 * @property {Draft} [aside]
 */

/**
 * What is edited: a stored message, by its id; or one that waits or was refused, by its `temp_id` alone.
 * @typedef {object} Editing
 * @property {number} [id]
 * @property {string} [temp_id] of a stored message: the key of an edit of it that is not stored
 * @property {boolean} [waiting] it may be on its way: only its text can be changed
 * @property {string} content the text before the edit
 */

/**
 * Returns the drafts of a user, by the other user. They are read from the session storage, and stored when the page is hidden.
 * @param {{me: number, place: string}} context @param {(drafts: Map<number, Draft>) => void} leaving adds the draft in the composer
 */
export function drafts({ me, place }, leaving) {
  const key = `softadastra-chat ${place} drafts ${me}`;
  /** @type {Map<number, Draft>} */ let all = new Map();
  try {
    all = new Map(JSON.parse(sessionStorage.getItem(key) ?? '[]'));
  } catch {
    // Not written by this page.
  }
  function keep() {
    leaving(all);
    const kept = [...all].map(([person, draft]) => [person, plain(draft)]);
    try {
      sessionStorage.setItem(key, JSON.stringify(kept.filter(([, draft]) => draft)));
    } catch {
      // The browser has no room for it.
    }
  }
  addEventListener('pagehide', keep);
  // A phone may end a hidden page without an event.
  document.addEventListener('visibilitychange', keep);
  return all;
}

/** The line of a draft in the list of conversations; empty without one. @param {Draft | undefined} draft @returns {string} */
export const drafted = draft => draft?.text.trim() || (draft?.files.length ? t('photos', { count: draft.files.length }) : draft?.card ? titleOf(draft.card) : '');

/** Returns a draft without what cannot be stored: files, and edits of messages without an id. @param {Draft | undefined} draft @returns {Draft | undefined} */
function plain(draft) {
  const { text = '', card, editing, aside } = draft ?? {};
  if (editing && !editing.id) return plain(aside);
  return text || card ? { text, files: [], card, editing, aside: plain(aside) } : undefined;
}

/** Puts a discarded entry before the draft in the composer. @param {import('../../chat-client.js').Entry} entry @param {Draft} draft @returns {Draft} */
export const joined = ({ content, images, card }, { text, files, ...more }) => ({ ...more, card: more.card ?? card, text: [content, text].filter(Boolean).join('\n'), files: [...images.map(image => /** @type {File} */ (image.file)), ...files] });
