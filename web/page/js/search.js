// Searches in texts, and ignores case and accents.

import { h } from './dom.js';

/** A snippet leaves out the beginning of a text if the match has more characters than this before it. */
const BEFORE = 24;

/** @param {string} text */
const plain = text => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/**
 * Returns where a text has what is searched for; undefined if it does not have it.
 * @param {string} text @param {string} query @returns {[start: number, end: number] | undefined}
 */
export function find(text, query) {
  const wanted = plain(query);
  if (!plain(text).includes(wanted)) return undefined;
  let all = '';
  /** For each letter of `all`, its place in the text. @type {number[]} */ const places = [];
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

/** Makes a snippet of a text around a match, which is marked. @param {string} text @param {[number, number]} place */
export function snippet(text, [start, end]) {
  const from = start > BEFORE ? text.lastIndexOf(' ', start - BEFORE / 2) + 1 : 0;
  return [`${from ? '…' : ''}${text.slice(from, start)}`, h('mark', {}, text.slice(start, end)), text.slice(end, end + 200)];
}
