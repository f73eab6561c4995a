// Searching in texts: without regard to capitals and accents.

import { h } from './dom.js';

/** How much of a text stands before what was found. */
const BEFORE = 24;

/** @param {string} text */
const plain = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/**
 * Returns where a text has what is searched for; nothing, if it does not.
 * @param {string} text @param {string} query @returns {[start: number, end: number] | undefined}
 */
export function find(text, query) {
  const wanted = plain(query);
  if (!plain(text).includes(wanted)) return undefined;
  let all = '';
  /** To which place of the text each letter of `all` belongs. @type {number[]} */ const places = [];
  let at = 0;
  for (const letter of text) {
    const letters = plain(letter);
    for (let n = 0; n < letters.length; n++) places.push(at);
    all += letters;
    at += letter.length;
  }
  const start = all.indexOf(wanted);
  if (start < 0) return [0, 0];
  return [places[start], places[start + wanted.length] ?? text.length];
}

/** Makes what stands around something that was found. @param {string} text @param {[number, number]} place */
export function snippet(text, [start, end]) {
  const from = start > BEFORE ? text.lastIndexOf(' ', start - BEFORE / 2) + 1 : 0;
  return [`${from ? '…' : ''}${text.slice(from, start)}`, h('mark', {}, text.slice(start, end)), text.slice(end, end + 200)];
}
