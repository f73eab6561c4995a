// Lists the rows of a conversation, from top to bottom: days, the mark above new messages, messages, and unsent entries.

import { dayKey, dayName } from './format.js';
import { t } from './language.js';
import { timeline } from './timeline.js';
import { isElsewhere, kindOf, stays } from './unsent.js';

/** Messages within this time form a group, in ms. */
const RUN = 5 * 60_000;

/**
 * @param {{chat: import('../../chat-client.js').ChatClient, me: number}} context
 * @param {import('../../chat-client.js').To} to @param {number} readBefore the `seq` of the newest message that was read before
 * @returns {any[]}
 */
export function rows({ chat, me }, to, readBefore) {
  const messages = chat.thread(to)?.messages ?? [];
  const stored = new Set(messages.map(message => message.sender_id === me && message.temp_id));
  const entries = chat.outbox(to).filter(entry => !stored.has(entry.temp_id));
  const changes = new Map(entries.filter(entry => kindOf(entry) !== 'message' && !isElsewhere(chat, entry)).map(entry => [entry.message_id ?? entry.of, entry]));
  const all = timeline(messages, entries.filter(entry => kindOf(entry) === 'message'), stays(chat)).map(({ message, entry }) => message
    ? { message, change: changes.get(message.id), mine: message.sender_id === me, system: message.kind === 'system', at: message.created_at, key: message.sender_id === me && message.temp_id ? `t${message.temp_id}` : `m${message.id}` }
    : { entry, change: changes.get(entry?.temp_id), mine: true, at: /** @type {import('../../chat-client.js').Entry} */ (entry).created_at, key: `t${entry?.temp_id}` })
    .map(item => ({ ...item, day: dayKey(item.at), when: Date.parse(item.at) }));
  /** @type {any[]} */ const items = [];
  let marked = false;
  let day = 0;
  all.forEach((item, index) => {
    const [previous, next] = [all[index - 1], all[index + 1]];
    // An entry of an earlier day that still waits is among newer messages: its day is not shown again.
    const newDay = item.day > day;
    if (newDay) items.push({ key: `d${(day = item.day)}`, title: dayName(item.at) });
    const message = /** @type {any} */ (item).message;
    const isNew = !marked && message && !item.mine && message.seq > readBefore;
    if (isNew) items.push({ key: 'new', title: t('conversation.new') });
    marked ||= isNew;
    const joined = (/** @type {any} */ a, /** @type {any} */ b) => a && b && a.mine === b.mine && !a.system === !b.system && a.day >= b.day && b.when - a.when < RUN;
    items.push({ ...item, first: isNew || newDay || !joined(previous, item), last: !joined(item, next) });
  });
  return items;
}
