// Computes the figures of a node from its metrics now and a second ago. It makes no elements.

/** @typedef {{at: string, metrics: Record<string, number>}} State */

/** Seconds between two states. @param {State} before @param {State} now */
const span = (before, now) => Math.max(0.5, (Date.parse(now.at) - Date.parse(before.at)) / 1000);

/** The sum of a metric over its labels. @param {State} state @param {string} name @param {string} [label] */
export function total(state, name, label = '') {
  let sum = 0;
  for (const [key, value] of Object.entries(state.metrics)) {
    if ((key === name || key.startsWith(`${name}{`)) && key.includes(label)) sum += value;
  }
  return sum;
}

/** The growth of a metric per second. @param {State | undefined} before @param {State} now @param {string} name @param {string} [label] */
export function rate(before, now, name, label) {
  if (!before) return undefined;
  return Math.max(0, total(now, name, label) - total(before, name, label)) / span(before, now);
}

/**
 * A quantile of a histogram, in seconds: the upper end of its bucket. Counts the values between the two states, or all values
 * if there were none between.
 *
 * @param {State | undefined} before @param {State} now @param {string} name @param {number} part @param {string} [label]
 */
export function quantile(before, now, name, part, label = '') {
  const of = (/** @type {State | undefined} */ state) => {
    const buckets = new Map();
    for (const [key, value] of Object.entries(state?.metrics ?? {})) {
      const end = key.startsWith(`${name}_bucket{`) && key.includes(label) && key.match(/le="([^"]+)"/)?.[1];
      if (end) buckets.set(end === '+Inf' ? Infinity : Number(end), value);
    }
    return buckets;
  };
  const [old, all] = [of(before), of(now)];
  const ends = [...all.keys()].sort((a, b) => a - b);
  const last = ends.at(-1);
  if (last === undefined) return undefined;
  const came = (/** @type {number} */ end) => all.get(end) - (old.get(end) ?? 0);
  const count = before && came(last) > 0 ? came : (/** @type {number} */ end) => all.get(end);
  if (!count(last)) return undefined;
  return ends.find(end => count(end) >= part * count(last));
}

/** The values of a label, and how often each was counted: the most frequent first. @param {State} state @param {string} name @param {string} label */
export function byLabel(state, name, label) {
  const found = new Map();
  for (const [key, value] of Object.entries(state.metrics)) {
    const of = key.startsWith(`${name}{`) && key.match(new RegExp(`${label}="([^"]*)"`))?.[1];
    if (of && value) found.set(of, (found.get(of) ?? 0) + value);
  }
  return [...found].sort((a, b) => b[1] - a[1]);
}

/** @param {number | undefined} value */
export const number = value => value === undefined ? '–' : value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : value.toFixed(1);

/** @param {number | undefined} seconds */
export const millis = seconds => seconds === undefined ? '–' : seconds === Infinity ? '> 5 s' : seconds >= 1 ? `≤ ${seconds} s` : `≤ ${Number((seconds * 1000).toFixed(1))} ms`;

/** @param {string | null | undefined} at */
export const time = at => at ? new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' }) : '–';

/** @param {number} seconds */
export const age = seconds => seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.floor(seconds / 60)} min` : seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} days`;
