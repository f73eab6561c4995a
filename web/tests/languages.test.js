// The catalogues of words: every language says everything that the page says, and nothing else.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LANGUAGES } from '../page/js/language.js';

const web = join(import.meta.dirname, '..');
const read = path => readFileSync(join(web, path), 'utf8');
const languages = Object.keys(LANGUAGES);
const words = Object.fromEntries(languages.map(language => [language, JSON.parse(read(`page/languages/${language}.json`))]));
const scripts = [read('element.js'), ...readdirSync(join(web, 'page/js')).map(name => read(`page/js/${name}`))];
const placeholders = text => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test('there is a catalogue for each language, and each has the same keys', () => {
  assert.deepEqual(readdirSync(join(web, 'page/languages')).sort(), languages.map(language => `${language}.json`).sort());
  for (const language of languages) assert.deepEqual(Object.keys(words[language]), Object.keys(words.en), language);
});

test('every key that the page uses is in the catalogues, and the catalogues have no other', () => {
  const said = scripts.flatMap(script => [...script.matchAll(/\b(?:t|pieces|waits)\(([^;\n]*)/g)].map(([, call]) => call));
  // The first argument is a key, or chooses between some; a key that is put together names a family.
  const literals = new Set(scripts.flatMap(script => [...script.matchAll(/'([a-z][\w.]*)'/g)].map(([, key]) => key)));
  const families = new Set(said.flatMap(call => [...call.matchAll(/`([a-z.]+\.)\$\{/g)].map(([, family]) => family)));
  assert.deepEqual([...families].sort(), ['connection.', 'discard.', 'keys.', 'kind.', 'reason.', 'role.', 'tick.', 'unsent.']);
  for (const call of said) {
    const [, key] = /^'([^']+)'/.exec(call) ?? [];
    if (key) assert.ok(key in words.en, `${key} has no words`);
  }
  for (const key of Object.keys(words.en)) {
    assert.ok(literals.has(key) || [...families].some(family => key.startsWith(family)), `${key} is never said`);
  }
  // A key that is chosen first, and said then, looks like one.
  const dotted = [...literals].filter(key => /^[a-z_]+(\.[a-z_]+)+$/.test(key));
  assert.deepEqual(dotted.filter(key => !(key in words.en)), []);
});

test('a key that is put together has words, whatever it is put together of', () => {
  const family = prefix => Object.keys(words.en).filter(key => key.startsWith(prefix)).map(key => key.slice(prefix.length)).sort();
  const [, protocol, client] = /type ErrorCode =([^;]+);[^]*type ClientErrorCode =([^;]+);/.exec(read('chat-client.d.ts'));
  const codes = [...`${protocol}${client}`.matchAll(/'(\w+)'/g)].map(([, code]) => code);
  const hubs = [...read('../docs/ERRORS.md').split('## Close codes')[0].matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
  assert.ok(codes.length > 30 && hubs.length > 20);
  assert.deepEqual(family('reason.'), [...new Set([...codes, ...hubs, 'unknown'])].sort());
  for (const state of ['idle', 'connecting', 'online', 'waiting', 'paused', 'closed']) assert.ok(family('connection.').includes(state), state);
  for (const kind of ['message', 'edit', 'delete']) assert.ok(family('unsent.').includes(kind) && family('discard.').includes(kind), kind);
  assert.deepEqual([family('kind.'), family('role.')], [['order', 'place', 'product', 'shop'], ['buyer', 'seller']]);
  assert.deepEqual(family('tick.'), ['delivered', 'elsewhere', 'failed', 'pending', 'seen', 'sent']);
  const keys = family('keys.');
  assert.deepEqual(keys.filter(key => !key.endsWith('.key')).map(key => `${key}.key`), keys.filter(key => key.endsWith('.key')));
});

for (const language of languages) {
  test(`${LANGUAGES[language]} has each of its plurals, and says what the others say`, () => {
    const plurals = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
    for (const [key, english] of Object.entries(words.en)) {
      const said = words[language][key];
      assert.equal(typeof said, typeof english, key);
      const expected = placeholders(english.other ?? english);
      if (typeof said === 'string') assert.deepEqual(placeholders(said), expected, key);
      else {
        assert.deepEqual(Object.keys(said).sort(), plurals, key);
        assert.deepEqual(placeholders(said.other), expected, key);
        // "One photo" may do without its number, and so may "two" where the language has a form for it.
        for (const [plural, text] of Object.entries(said)) {
          const numbered = ['zero', 'one', 'two'].includes(plural) ? expected.filter(name => name !== 'count') : expected;
          assert.deepEqual(placeholders(text).filter(name => numbered.includes(name)), numbered, `${key}, ${plural}`);
        }
      }
      for (const text of typeof said === 'string' ? [said] : Object.values(said)) assert.match(text, /\S/, key);
      if (language !== 'en' && JSON.stringify(said) === JSON.stringify(english)) {
        assert.match(key, /^(keys\..*\.key|message\.by|unsent\.files|quoted|card\.named|photos?|composer\.field|inbox\.title|bell|waiting\.messages)$/, `${key} is not translated`);
      }
    }
  });
}

test('no style of the page knows left from right', () => {
  for (const name of readdirSync(join(web, 'page/css'))) {
    for (const [line] of read(`page/css/${name}`).replace(/\/\*[^]*?\*\//g, '').matchAll(/^.*$/gm)) {
      // A text is written in its own direction, and its time stands where it ends. What a script has measured is no side of a text.
      if (/^\.text:dir\((ltr|rtl)\) \+ \.meta|^  left: .*--middle/.test(line)) continue;
      assert.doesNotMatch(line, /(?:^|[\s;{])(?:left|right|(?:margin|padding|border)-(?:left|right)|(?:float|text-align): *(?:left|right))\b *[:;]?/, `${name}: ${line}`);
      for (const [, sides] of line.matchAll(/(?:margin|padding|inset): *([^;}]+)/g)) {
        const parts = sides.match(/(?:[^\s(]|\((?:[^()]|\([^()]*\))*\))+/g) ?? [];
        assert.ok(parts.length < 4 || parts[1] === parts[3], `${name}: ${line}`);
      }
    }
  }
});
