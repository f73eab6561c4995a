// Formats times, numbers and errors.

import { h } from './dom.js';
import { capital, has, intl, joined, listed, number, t } from './language.js';

const CLOCK = { hour: '2-digit', minute: '2-digit' };
const WEEKDAY = { weekday: 'long' };
const SHORT_WEEKDAY = { weekday: 'short' };
const DATE = { day: 'numeric', month: 'long' };
const DATE_OF_YEAR = { day: 'numeric', month: 'long', year: 'numeric' };
const SHORT = { day: 'numeric', month: 'short' };
const FULL = { dateStyle: 'full', timeStyle: 'short' };
const MINUTES = { style: 'short', numeric: 'always' };
/** "today", and "yesterday". */
const DAYS = { numeric: 'auto' };

/** @param {Date} at @param {object} options */
const written = (at, options) => intl(Intl.DateTimeFormat, options).format(at);

/** Names today, or a day near it: -1 is yesterday. @param {number} days */
const relative = days => intl(Intl.RelativeTimeFormat, DAYS).format(days, 'day');

/** @param {Date} day */
const midnight = day => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
/** How many days ago. @param {Date} day */
const daysAgo = day => Math.round((midnight(new Date()) - midnight(day)) / 86_400_000);

/** The day of a time, as a key. @param {string} at */
export const dayKey = at => midnight(new Date(at));

/** The name of a time's day: "Today", "Monday", "3 May". @param {string} at */
export function dayName(at) {
  const day = new Date(at);
  const ago = daysAgo(day);
  if (ago === 0 || ago === 1) return capital(relative(-ago));
  if (ago > 1 && ago < 7) return capital(written(day, WEEKDAY));
  return written(day, day.getFullYear() === new Date().getFullYear() ? DATE : DATE_OF_YEAR);
}

/** A time of day. @param {string} at */
export const time = at => written(new Date(at), CLOCK);

/** A time, in full. @param {string} at */
export const moment = at => written(new Date(at), FULL);

/** A time of day, or a day if it was not today. @param {string} at */
export function briefly(at) {
  const day = new Date(at);
  const ago = daysAgo(day);
  return ago === 0 ? written(day, CLOCK) : ago === 1 ? capital(relative(-1)) : written(day, ago < 7 ? SHORT_WEEKDAY : SHORT);
}

/** Says whether a user is online, or when last; empty if the hub has not told it: the user may be online. @param {{online: boolean, last_seen: string | null} | undefined} presence */
export function presenceText(presence) {
  if (!presence) return '';
  if (presence.online) return t('presence.online');
  if (!presence.last_seen) return t('presence.offline');
  const minutes = Math.floor((Date.now() - Date.parse(presence.last_seen)) / 60_000);
  if (minutes < 1) return t('presence.now');
  if (minutes < 60) return t('presence.ago', { ago: intl(Intl.RelativeTimeFormat, MINUTES).format(-minutes, 'minute') });
  const days = daysAgo(new Date(presence.last_seen));
  if (days === 0) return t('presence.at', { time: time(presence.last_seen) });
  return t('presence.on', { day: days === 1 ? relative(-1) : briefly(presence.last_seen) });
}

/** Makes a `<time>`. @param {string} at @param {string} text */
export const timeElement = (at, text) => h('time', { datetime: at, title: moment(at) }, text);

/** A number for a badge: 100 and more are "99+". @param {number} count */
export const atMost = count => (count > 99 ? `${number(99)}+` : number(count));

/**
 * Says what waits to be sent: `key` is a text with `{what}`.
 * @param {'connection.kept' | 'banner.kept'} key @param {any[]} entries
 */
export function waits(key, entries) {
  const changes = entries.filter(entry => entry.kind && entry.kind !== 'message').length;
  const messages = entries.length - changes;
  const what = [messages && t('waiting.messages', { count: messages }), changes && t('waiting.changes', { count: changes })];
  return t(key, { count: entries.length, what: joined(/** @type {string[]} */ (what.filter(part => part))) });
}

/** Names files. @param {{name: string}[]} files */
export const filesNamed = files => listed(files.map(({ name }) => t('quoted', { name })));

/** The text of an error: every code of the hub and of the library has one. @param {string | undefined} code */
export const reason = code => t(has(`reason.${code}`) ? `reason.${code}` : 'reason.unknown');
