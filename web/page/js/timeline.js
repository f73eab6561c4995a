// In which order a conversation is shown: what is stored by the order of the server; what waits at the end, where it will
// be stored; what was refused where it was written, for it goes nowhere, and so does what waits in another tab.

/** @typedef {import('../../chat-client.js').Message} Message */
/** @typedef {import('../../chat-client.js').Entry} Entry */
/** @typedef {{message?: Message, entry?: Entry}} Line */

/** Behind which message an entry was written, by `seq`. @type {Map<string, number>} */
const places = new Map();
/** What is older was not written before the eyes of this page. */
const STARTED = new Date(performance.timeOrigin).toISOString();

/**
 * Tells which messages were there when an entry was written: those that this page showed then; after a reload those that
 * are older by the clocks of the server and of this machine, which may differ.
 * @param {Entry} entry @param {Message[]} messages @returns {(message: Message) => boolean}
 */
function before({ temp_id, created_at }, messages) {
  if (messages.length && created_at >= STARTED && !places.has(temp_id)) places.set(temp_id, messages[messages.length - 1].seq);
  const place = places.get(temp_id);
  return message => (place === undefined ? message.created_at <= created_at : message.seq <= place);
}

/**
 * Lists what is stored and what is not, oldest first.
 * @param {Message[]} messages @param {Entry[]} entries @param {(entry: Entry) => boolean} stays whether an entry goes nowhere
 * @returns {Line[]}
 */
export function timeline(messages, entries, stays) {
  /** @type {Line[]} */ const lines = messages.map(message => ({ message }));
  for (const entry of entries.toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1))) {
    const earlier = before(entry, messages);
    if (stays(entry)) lines.splice(lines.findLastIndex(({ message }) => !message || earlier(message)) + 1, 0, { entry });
  }
  return [...lines, ...entries.filter(entry => !stays(entry)).map(entry => ({ entry }))];
}

/**
 * Finds the newest line alone.
 * @param {Message | null | undefined} last @param {Entry[]} entries @param {(entry: Entry) => boolean} stays @returns {Line}
 */
export const newest = (last, entries, stays) => timeline(last ? [last] : [], entries, stays).at(-1) ?? {};
