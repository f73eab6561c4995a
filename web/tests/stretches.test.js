// The stretches of a conversation: which rows are one element.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LENGTH, stretches } from '../page/js/stretches.js';

const message = (seq, key = `m${seq}`) => ({ key, message: { seq } });
const messages = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => message(from + n));
const entry = name => ({ key: name, entry: {} });
const day = name => ({ key: name, title: name });
/** By stretch, its key and those of its first and its last row. */
const ends = all => all.map(({ key, items }) => [key, items[0].key, items.at(-1).key]);

test('a page of older messages is a stretch of its own, and leaves the others as they are', () => {
  const divide = stretches();
  const loaded = divide(messages(51, 100));
  assert.deepEqual(ends(loaded), [['s0', 'm51', 'm75'], ['s1', 'm76', 'm100']]);
  const older = divide(messages(51 - LENGTH, 100));
  assert.deepEqual(ends(older.slice(0, 1)), [['s-1', 'm26', 'm50']]);
  assert.deepEqual(older.slice(1), loaded);
});

test('a day, what is new and a refused entry stand with the message below them', () => {
  const divide = stretches();
  const all = divide([day('Monday'), ...messages(1, 25), day('Tuesday'), entry('refused'), day('new'), ...messages(26, 30)]);
  assert.deepEqual(ends(all), [['s0', 'Monday', 'm25'], ['s1', 'Tuesday', 'm30']]);
});

test('a conversation without a stored message is one stretch, or none', () => {
  const divide = stretches();
  assert.deepEqual(divide([]), []);
  assert.deepEqual(ends(divide([day('Monday'), entry('one'), entry('two')])), [['s0', 'Monday', 'two']]);
});

test('an entry that becomes a message stays in its stretch, so that its element is kept', () => {
  const divide = stretches();
  divide([...messages(1, 25), entry('mine')]);
  const stored = divide([...messages(1, 25), message(26, 'mine')]);
  assert.deepEqual(ends(stored), [['s0', 'm1', 'mine']]);
  assert.deepEqual(ends(divide([...messages(1, 25), message(26, 'mine'), message(27)])), [['s0', 'm1', 'mine'], ['s1', 'm27', 'm27']]);
});

test('an entry that is overtaken by messages of a later stretch is drawn below them', () => {
  const divide = stretches();
  divide([...messages(1, 20), entry('waits')]);
  assert.deepEqual(ends(divide([...messages(1, 27), entry('waits')])), [['s0', 'm1', 'm25'], ['s1', 'm26', 'waits']]);
});

test('an entry that was refused long ago keeps no older page in its stretch', () => {
  const divide = stretches();
  divide([entry('refused'), ...messages(51, 100)]);
  const older = divide([entry('refused'), ...messages(26, 100)]);
  assert.deepEqual(ends(older), [['s-1', 'refused', 'm50'], ['s0', 'm51', 'm75'], ['s1', 'm76', 'm100']]);
});

test('an entry that is refused goes up to where it was written, and the messages stay where they are', () => {
  const divide = stretches();
  const waiting = divide([...messages(1, 100), entry('mine')]);
  const refused = divide([...messages(1, 10), entry('mine'), ...messages(11, 100)]);
  assert.deepEqual(ends(refused), ends(waiting.with(3, { ...waiting[3], items: messages(76, 100) })));
  assert.equal(refused[0].items[10].key, 'mine');
});

test('the rows of all stretches are those of the conversation, in its order', () => {
  const divide = stretches();
  const all = [day('Monday'), ...messages(1, 30), entry('refused'), ...messages(31, 90), day('Tuesday'), entry('one'), entry('two')];
  assert.deepEqual(divide(all).flatMap(({ items }) => items), all);
  assert.deepEqual(divide(all.slice(40)).flatMap(({ items }) => items), all.slice(40));
});
