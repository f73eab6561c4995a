// What is written and not stored: it stays whole, stands where it belongs, and can be dealt with.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { characters } from '../client/draft.js';
import { isBlank } from '../page/js/text.js';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { NARROW, files, fitted, paint, wide } from './support/pictures.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

const TEXTS = JSON.parse(readFileSync(join(import.meta.dirname, 'support/texts.json'), 'utf8'));

/** The browser notes refusals, too. */
const expected = /status of 4(03|13|15|22)/;

const sendButton = visitor => visitor.page.getByRole('button', { name: 'Send', exact: true });
const pick = (visitor, all) => visitor.page.locator('input[type=file]').setInputFiles(all);
const preview = (visitor, name) => visitor.page.locator('.thread', { hasText: name }).locator('.thread-text');

/** Pastes a text, as the browser does it. */
const paste = (visitor, text) => visitor.field.evaluate((field, text) => {
  field.focus();
  document.execCommand('insertText', false, text);
}, text);

test('a paste that is too long is kept whole, says how much is too much, and goes out when it is short enough', async () => {
  const { hub, alice, bob, end } = await scene({}, { expected });
  const long = 'wörd '.repeat(1_199) + 'tail.';
  assert.equal(long.length, 6_000);
  await paste(alice, long);
  assert.equal(await alice.field.inputValue(), long);
  await alice.page.getByText('6,000 of 4,000 characters: 2,000 too many').waitFor();
  assert.equal(await sendButton(alice).isDisabled(), true);
  assert.match(await sendButton(alice).getAttribute('title'), /2,000 too many/);
  assert.equal(await alice.field.getAttribute('aria-invalid'), 'true');
  await alice.field.press('Enter');
  await alice.page.locator('.toast', { hasText: 'too long' }).waitFor();
  assert.equal(await alice.field.inputValue(), long);
  assert.deepEqual(await alice.texts(), []);
  const fits = long.slice(0, 3_998).trim();
  await alice.field.fill(fits);
  assert.equal(await sendButton(alice).isDisabled(), false);
  await alice.field.press('Enter');
  await bob.reads([fits]);
  assert.equal(await alice.page.locator('.composer-count').isHidden(), true);
  await end();
});

test('characters are counted as the hub counts them, by the limit that it names', async () => {
  const { alice, bob, end } = await scene({ CHAT_MAX_TEXT: '100' }, { expected });
  // 200 units of UTF-16, but 100 characters.
  const smiles = '😀'.repeat(100);
  await paste(alice, smiles);
  await alice.page.getByText('100 of 100 characters').waitFor();
  await alice.field.press('Enter');
  await bob.reads([smiles]);
  await paste(alice, `${smiles}!`);
  await alice.page.getByText('101 of 100 characters: 1 too many').waitFor();
  assert.equal(await sendButton(alice).isDisabled(), true);
  assert.equal(characters('a😀é\u{1F468}\u200D\u{1F469}'), 6);
  await end();
});

test('a text that shows nothing cannot be sent, and one that merely contains such can: as the hub decides it', async () => {
  const { hub, alice, bob, end } = await scene({}, { expected });
  for (const text of TEXTS.blank) {
    assert.equal(isBlank(text), true, JSON.stringify(text));
    await alice.field.fill(text);
    assert.equal(await sendButton(alice).isDisabled(), true, JSON.stringify(text));
    await alice.field.press('Enter');
    assert.equal(await alice.page.locator('.row').count(), 0, JSON.stringify(text));
  }
  for (const text of TEXTS.shown) {
    assert.equal(isBlank(text), false, JSON.stringify(text));
    await alice.field.fill(text);
    await until(`${JSON.stringify(text)} can be sent`, async () => !(await sendButton(alice).isDisabled()));
  }
  // Beside a photo it counts as none.
  await pick(alice, files(await paint(alice.page, 1)));
  await alice.says('\u200b\u2800');
  await bob.page.locator('button.picture.loaded').waitFor();
  const all = await hub.conversation(1, 2);
  assert.deepEqual(all.map(message => [message.content, message.images.length]), [[null, 1]]);
  await end();
});

test('what was refused keeps its place, and the list goes on with what is newer', async () => {
  const { alice, bob, end } = await scene(NARROW, { expected });
  await alice.says('before');
  await bob.reads(['before']);
  await pick(alice, [await wide(alice.page)]);
  await alice.field.fill('look at this');
  await alice.field.press('Enter');
  await alice.page.locator('.row.failed').waitFor();
  await preview(alice, 'Bob').filter({ hasText: 'look at this' }).waitFor();
  await bob.says('an answer');
  await alice.reads(['before', 'look at this', 'an answer']);
  await preview(alice, 'Bob').filter({ hasText: 'an answer' }).waitFor();
  await alice.says('and on');
  await alice.reads(['before', 'look at this', 'an answer', 'and on']);
  await alice.ticked('Seen');
  await preview(alice, 'Bob').filter({ hasText: 'and on' }).waitFor();
  // So it is after a reload.
  await alice.page.reload();
  await alice.reads(['before', 'look at this', 'an answer', 'and on']);
  await preview(alice, 'Bob').filter({ hasText: 'and on' }).waitFor();
  await end();
});

for (const [how, hours] of [['slow', -1], ['fast', 1]]) {
  test(`what was refused keeps its place where the clock of the machine is ${how}`, async () => {
    const hub = await Hub.start(NARROW);
    const [alice, bob] = await Promise.all([Visitor.open(chromium, 'about:blank'), Visitor.open(chromium, hub.link(2, 1))]);
    await alice.context.addInitScript(hours => {
      const { now } = Date;
      Date = class extends Date {
        static now = () => now() + hours * 3_600_000;
        constructor(...given) {
          super(...(given.length ? given : [Date.now()]));
        }
      };
      Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + hours * 3_600_000 });
    }, hours);
    const token = hub.token(1, { peer: 2, seconds: 9_000 });
    await alice.page.close();
    alice.page = await alice.tab(`${hub.url}/#token=${token}`);
    await Promise.all([alice.online(), bob.online()]);
    await bob.says('before');
    await alice.reads(['before']);
    await pick(alice, [await wide(alice.page)]);
    await alice.says('refused');
    await alice.page.locator('.row.failed').waitFor();
    await alice.reads(['before', 'refused']);
    await bob.says('after');
    await alice.reads(['before', 'refused', 'after']);
    await preview(alice, 'Bob').filter({ hasText: 'after' }).waitFor();
    await alice.close();
    await bob.close();
    await hub.end();
  });
}

test('a picture among good ones that the hub refuses is named, and taken out alone', async () => {
  const { hub, alice, bob, end } = await scene(NARROW, { expected });
  const [first, second] = files(await paint(alice.page, 2));
  await pick(alice, [first, await wide(alice.page), second]);
  await alice.says('three sides of it');
  await alice.page.locator('.failure', { hasText: /Not sent.*wide\.jpg/ }).waitFor();
  const uploads = [];
  alice.page.on('request', request => request.url().endsWith('/chat/upload') && uploads.push(request));
  await alice.page.getByRole('button', { name: 'Send without it' }).click();
  await bob.page.locator('button.picture.loaded').nth(1).waitFor();
  await bob.reads(['three sides of it']);
  await alice.reads(['three sides of it']);
  assert.equal(uploads.length, 0, 'the good ones are there already');
  assert.deepEqual((await hub.conversation(1, 2)).map(message => [message.content, message.images.length]), [['three sides of it', 2]]);
  assert.equal(await alice.page.locator('.row.failed').count(), 0);
  // Alone it leaves its caption, which can be sent, too.
  await pick(alice, [await wide(alice.page)]);
  await alice.says('only words');
  await alice.page.getByRole('button', { name: 'Send without it' }).click();
  await bob.reads(['three sides of it', 'only words']);
  await end();
});

test('what is discarded goes back to where one writes, above what stands there; a change can be made again', async () => {
  const { alice, bob, end } = await scene(NARROW, { expected });
  await pick(alice, [...files(await paint(alice.page, 2)), await wide(alice.page)]);
  await alice.says('three sides of it');
  await alice.page.locator('.row.failed').waitFor();
  await alice.field.fill('half a sentence');
  await alice.page.getByRole('button', { name: 'Discard' }).click();
  await until('it is gone', async () => (await alice.page.locator('.row').count()) === 0);
  assert.equal(await alice.field.inputValue(), 'three sides of it\nhalf a sentence');
  assert.equal(await alice.page.locator('.strip img').count(), 3);
  await alice.page.getByRole('button', { name: 'Remove wide.jpg' }).click();
  await alice.says('two sides of it');
  await bob.reads(['two sides of it']);
  await bob.page.locator('button.picture.loaded').nth(1).waitFor();
  await alice.goes(false);
  await alice.chooses('two sides of it', 'Edit');
  await alice.says('two sides, and the top');
  await alice.chooses('two sides, and the top', 'Discard the change');
  await alice.reads(['two sides of it']);
  await alice.page.getByRole('button', { name: 'Undo' }).click();
  await alice.reads(['two sides, and the top']);
  await alice.goes(true);
  await bob.reads(['two sides, and the top']);
  await end();
});

test('what is no picture is left out by name when it is added, and what is stays', async () => {
  const { alice, bob, end } = await scene({}, { expected });
  const [good] = files(await paint(alice.page, 1));
  await alice.field.fill('with a caption');
  await pick(alice, [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('words') }, good, { name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg/>') }]);
  for (const name of ['notes.txt', 'logo.svg']) await alice.page.locator('.toast', { hasText: `“${name}” was left out: it is not a JPEG` }).waitFor();
  assert.deepEqual(await alice.page.locator('.strip img').evaluateAll(all => all.map(image => image.alt)), ['desk 1.jpg']);
  // So is what only looks like a picture, or is empty.
  await pick(alice, [{ name: 'not.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('certainly not') }, { name: 'nothing.png', mimeType: 'image/png', buffer: Buffer.alloc(0) }, { name: 'camera.heic', mimeType: 'image/heic', buffer: Buffer.from('not here') }]);
  await alice.page.locator('.toast', { hasText: '“not.jpg” was left out: this browser cannot read it' }).waitFor();
  await alice.page.locator('.toast', { hasText: '“nothing.png” was left out: the file is empty' }).waitFor();
  await alice.page.locator('.toast', { hasText: '“camera.heic” was left out: this browser cannot read HEIC' }).waitFor();
  assert.deepEqual(await alice.page.locator('.strip img').evaluateAll(all => all.map(image => image.alt)), ['desk 1.jpg']);
  assert.equal(await alice.field.inputValue(), 'with a caption');
  // So is what is one too many.
  const eleven = files(await paint(alice.page, 11, 40, 30)).map((file, n) => ({ ...file, name: `small ${n + 1}.jpg` }));
  await pick(alice, eleven);
  await alice.page.locator('.toast', { hasText: '10 photos at most: “small 10.jpg”, “small 11.jpg” were left out' }).waitFor();
  assert.equal(await alice.page.locator('.strip img').count(), 10);
  await alice.field.press('Enter');
  await bob.reads(['with a caption']);
  await end();
});

test('what waits, and what was refused, can be dealt with', async () => {
  const { hub, alice, bob, end } = await scene(NARROW, { expected });
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await alice.goes(false);
  await alice.says('to be copied');
  await alice.chooses('to be copied', 'Copy');
  assert.equal(await alice.page.evaluate(() => navigator.clipboard.readText()), 'to be copied');
  await alice.says('to be dropped');
  await alice.chooses('to be dropped', 'Discard');
  await alice.reads(['to be copied']);
  assert.equal(await alice.field.inputValue(), 'to be dropped');
  await alice.field.fill('');
  await alice.goes(true);
  await bob.reads(['to be copied']);
  // What was refused is taken back to where one writes, with all that belongs to it.
  await alice.chooses('to be copied', 'Reply');
  await pick(alice, [files(await paint(alice.page, 1))[0], await wide(alice.page)]);
  await alice.says('two photos');
  await alice.page.locator('.row.failed').waitFor();
  await alice.field.fill('half a sentence');
  await alice.chooses('two photos', 'Edit');
  assert.equal(await alice.field.inputValue(), 'two photos');
  await alice.page.getByRole('button', { name: 'Remove wide.jpg' }).click();
  await alice.says('one photo');
  await bob.reads(['to be copied', 'one photo']);
  await alice.reads(['to be copied', 'one photo']);
  assert.equal(await alice.field.inputValue(), 'half a sentence');
  const [question, answer] = await hub.conversation(1, 2);
  assert.deepEqual([answer.reply_to, answer.images.length], [question.id, 1]);
  await end();
});

test('a draft outlives a look at another conversation, an edit, and a reload', async () => {
  const { hub, alice, bob, end } = await scene({}, { expected });
  await hub.ask(3, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'c', content: 'hello from Carol' });
  await alice.says('a message');
  await bob.reads(['a message']);
  await pick(alice, files(await paint(alice.page, 1)));
  await alice.field.fill('a draft');
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await alice.reads(['hello from Carol']);
  assert.equal(await alice.page.locator('.strip img').count(), 0);
  await alice.page.locator('.thread', { hasText: 'Bob' }).click();
  await alice.reads(['a message']);
  assert.equal(await alice.page.locator('.strip img').count(), 1);
  await alice.chooses('a message', 'Edit');
  assert.equal(await alice.field.inputValue(), 'a message');
  assert.equal(await alice.page.locator('.strip img').count(), 0);
  // A stored message takes no photos, and says so.
  assert.equal(await alice.page.getByRole('button', { name: 'Add photos' }).isHidden(), true);
  await pick(alice, files(await paint(alice.page, 1)));
  await alice.page.locator('.toast', { hasText: 'takes no more photos' }).waitFor();
  await alice.field.fill('a message, chan');
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await alice.reads(['hello from Carol']);
  assert.equal(await alice.field.inputValue(), '');
  await alice.page.locator('.thread', { hasText: 'Bob' }).click();
  assert.equal(await alice.field.inputValue(), 'a message, chan');
  await alice.page.locator('.composer-notice', { hasText: 'Edit message' }).waitFor();
  await alice.page.reload();
  await alice.reads(['a message']);
  assert.equal(await alice.field.inputValue(), 'a message, chan');
  await alice.page.locator('.composer-notice', { hasText: 'Edit message' }).waitFor();
  await alice.says('a message, changed');
  await bob.reads(['a message, changed']);
  assert.equal(await alice.field.inputValue(), 'a draft');
  await alice.field.press('Enter');
  await bob.reads(['a message, changed', 'a draft']);
  // Nothing of it comes back once it is sent.
  await alice.page.reload();
  await alice.reads(['a message, changed', 'a draft']);
  assert.equal(await alice.field.inputValue(), '');
  await end();
});
