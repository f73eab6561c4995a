// What is written and not sent, of each conversation: it outlives a look at another one; its text and its card outlive a reload.

import { titleOf } from './cards.js';
import { t } from './language.js';

/**
 * What is written. While a message is edited, what was written before stands aside.
 * @typedef {object} Draft
 * @property {string} text
 * @property {File[]} files
 * @property {import('../../chat-client.js').CardRef} [card]
 * @property {Editing} [editing]
 * @property {number} [answering]
 * @property {Draft} [aside]
 */

/**
 * What is edited: a message that is stored, by its id; or one that waits or was refused, by its key alone.
 * @typedef {object} Editing
 * @property {number} [id]
 * @property {string} [temp_id] of a stored message: of the edit of it that is not stored
 * @property {boolean} [waiting] it may be on its way: its text can be changed, and nothing else
 * @property {string} content as it is now
 */

/**
 * Returns the drafts of a user, by the other person. What was kept is read at the start, and kept when the page goes.
 * @param {{me: number, place: string}} context @param {(drafts: Map<number, Draft>) => void} leaving adds what is being written
 */
export function drafts({ me, place }, leaving) {
  const key = `softadastra-chat ${place} drafts ${me}`;
  /** @type {Map<number, Draft>} */ let all = new Map();
  try {
    all = new Map(JSON.parse(sessionStorage.getItem(key) ?? '[]'));
  } catch {
    // Nothing that this page has written.
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
  // A phone may end a page that is not in sight without a word.
  document.addEventListener('visibilitychange', keep);
  return all;
}

/** What the list says of a draft; nothing, if nothing was written. @param {Draft | undefined} draft @returns {string} */
export const drafted = draft => draft?.text.trim() || (draft?.files.length ? t('photos', { count: draft.files.length }) : draft?.card ? titleOf(draft.card) : '');

/** Leaves out what cannot be kept: files, and what is edited of a message that has no number. @param {Draft | undefined} draft @returns {Draft | undefined} */
function plain(draft) {
  const { text = '', card, editing, aside } = draft ?? {};
  if (editing && !editing.id) return plain(aside);
  return text || card ? { text, files: [], card, editing, aside: plain(aside) } : undefined;
}

/** Puts what was refused or given up before what is being written. @param {import('../../chat-client.js').Entry} entry @param {Draft} draft @returns {Draft} */
export const joined = ({ content, images, card }, { text, files, ...more }) => ({ ...more, card: more.card ?? card, text: [content, text].filter(Boolean).join('\n'), files: [...images.map(image => /** @type {File} */ (image.file)), ...files] });
