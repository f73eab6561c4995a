// The order of a conversation. Stored messages have the server's order. Waiting entries are at the end, where they will be
// stored. Refused entries stay where they were written, and so do those that wait in another tab.

/** @typedef {import('../../chat-client.js').Message} Message */
/** @typedef {import('../../chat-client.js').Entry} Entry */
/** @typedef {{message?: Message, entry?: Entry}} Line */

/** By entry, the `seq` of the message behind which it was written. @type {Map<string, number>} */
const places = new Map();
/** The start of this page: it has not seen how older entries were written. */
const STARTED = new Date(performance.timeOrigin).toISOString();

/**
 * Tells which messages are older than an entry: those that this page had when the entry was written; after a reload, those with
 * an earlier time, although the clocks of the server and of this machine may differ.
 * @param {Entry} entry @param {Message[]} messages @returns {(message: Message) => boolean}
 */
function before({ temp_id, created_at }, messages) {
  if (messages.length && created_at >= STARTED && !places.has(temp_id)) places.set(temp_id, messages[messages.length - 1].seq);
  const place = places.get(temp_id);
  return message => (place === undefined ? message.created_at <= created_at : message.seq <= place);
}

/**
 * Lists stored messages and unsent entries, oldest first.
 * @param {Message[]} messages @param {Entry[]} entries @param {(entry: Entry) => boolean} stays whether an entry is not being sent
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
 * Returns only the newest line.
 * @param {Message | null | undefined} last @param {Entry[]} entries @param {(entry: Entry) => boolean} stays @returns {Line}
 */
export const newest = (last, entries, stays) => timeline(last ? [last] : [], entries, stays).at(-1) ?? {};
