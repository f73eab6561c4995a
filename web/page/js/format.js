// How people, times and errors are called.

import { h } from './dom.js';

// The hub knows people by number alone; their names are the marketplace's. Here they get made-up ones.
const NAMES = ['Alice', 'Bob', 'Carol', 'David', 'Erin', 'Farid', 'Grace', 'Hugo', 'Ines', 'Jonas', 'Kira', 'Liam'];

/** @param {number} user */
export const nameOf = user => NAMES[user - 1] ?? `User ${user}`;

/** Makes the round picture of a user. @param {number} user */
export function avatar(user) {
  const name = nameOf(user);
  const letters = NAMES[user - 1] ? name[0] : String(user).slice(-2);
  const element = h('span', { class: 'avatar', 'aria-hidden': 'true' }, letters);
  element.style.setProperty('--hue', String((user * 137 + 40) % 360));
  return element;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long' });
const dateOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const short = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'short' });

/** @param {Date} day */
const midnight = day => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
/** How many days ago. @param {Date} day */
const daysAgo = day => Math.round((midnight(new Date()) - midnight(day)) / 86_400_000);

/** The day of a time, as a key. @param {string} at */
export const dayKey = at => midnight(new Date(at));

/** The day of a time, as one says it. @param {string} at */
export function dayName(at) {
  const day = new Date(at);
  const ago = daysAgo(day);
  if (ago === 0) return 'Today';
  if (ago === 1) return 'Yesterday';
  if (ago > 1 && ago < 7) return weekday.format(day);
  return (day.getFullYear() === new Date().getFullYear() ? date : dateOfYear).format(day);
}

/** A time of day. @param {string} at */
export const time = at => clock.format(new Date(at));

/** A time, in full. @param {string} at */
export const moment = at => full.format(new Date(at));

/** A time of day, or a day if it was not today. @param {string} at */
export function briefly(at) {
  const day = new Date(at);
  const ago = daysAgo(day);
  return ago === 0 ? clock.format(day) : ago === 1 ? 'Yesterday' : ago < 7 ? weekday.format(day).slice(0, 3) : short.format(day);
}

/** Says when a user was here last; nothing of a user of whom the hub says nothing, for they may well be here. @param {{online: boolean, last_seen: string | null} | undefined} presence */
export function presenceText(presence) {
  if (!presence) return '';
  if (presence.online) return 'Online';
  if (!presence.last_seen) return 'Offline';
  const minutes = Math.floor((Date.now() - Date.parse(presence.last_seen)) / 60_000);
  if (minutes < 1) return 'Last seen just now';
  if (minutes < 60) return `Last seen ${minutes} min ago`;
  return `Last seen ${daysAgo(new Date(presence.last_seen)) === 0 ? `at ${time(presence.last_seen)}` : briefly(presence.last_seen)}`;
}

/** Makes a `<time>`. @param {string} at @param {string} text */
export const timeElement = (at, text) => h('time', { datetime: at, title: moment(at) }, text);

/** A number that has little room. @param {number} count */
export const atMost = count => (count > 99 ? '99+' : String(count));

/** Counts what waits to be sent. @param {any[]} entries */
export function counted(entries) {
  const changes = entries.filter(entry => entry.kind && entry.kind !== 'message').length;
  const parts = [[entries.length - changes, 'message'], [changes, 'change']].filter(([count]) => count);
  return parts.map(([count, what]) => `${count} ${what}${count === 1 ? '' : 's'}`).join(' and ');
}

const REASONS = {
  empty_message: 'it has nothing that can be seen', text_too_long: 'it is too long', too_many_images: 'it has too many pictures', image_too_large: 'a picture is too large',
  unsupported_media: 'a file is not a JPEG, PNG, WebP or GIF picture', image_invalid: 'a picture cannot be read',
  edit_window_closed: 'it is too late for that', not_author: 'it is not yours', self_message: 'you cannot write to yourself',
  not_found: 'it is not there any more', rate_limited: 'that was too much at once', network: 'the server cannot be reached',
  storage: 'this browser has no room left', too_large: 'it is too large', other_user: 'it was written as another user', unauthorized: 'your link is no longer good', bad_token: 'your link is no longer good', temp_id_conflict: 'it was sent before with another text',
};

/** Why something did not work: in the words of this page, or in those that came with it. @param {string | undefined} code @param {string} [words] */
export const reason = (code, words) => REASONS[/** @type {keyof typeof REASONS} */ (code)] ?? words ?? 'something went wrong';
