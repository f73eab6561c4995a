// Offline, in two tabs of one person: what one writes, changes or gives up is seen in both, whichever sends it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { NARROW, files, paint, wide } from './support/pictures.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

const preview = (tab, text) => tab.page.locator('.thread', { hasText: 'Bob' }).locator('.thread-text', { hasText: text }).waitFor();
const waiting = tab => tab.page.locator('.row.mine').evaluateAll(all => all.filter(row => /^Waiting/.test(row.querySelector('.tick')?.getAttribute('aria-label') ?? '')).map(row => row.querySelector('.text').textContent));

/** Two tabs of Alice, and Bob. */
async function twoTabs(settings) {
  const hub = await Hub.start(settings);
  const one = await Visitor.open(chromium, hub.link(1, 2));
  const two = Object.create(one, { page: { value: await one.tab(hub.link(1, 2)), writable: true } });
  const bob = await Visitor.open(chromium, hub.link(2, 1));
  await Promise.all([one, two, bob].map(tab => tab.online()));
  return { hub, one, two, bob, both: expected => Promise.all([one.reads(expected), two.reads(expected)]), async end() {
    assert.deepEqual([...one.wrongs, ...bob.wrongs].filter(wrong => !/status of 4(03|13|15|22)/.test(wrong)), []);
    await one.close();
    await bob.close();
    await hub.end();
  } };
}

test('the switch of a tab holds back messages, edits and deletions over a reload, in sight of the other tab, which goes on', async () => {
  const { hub, one, two, bob, both, end } = await twoTabs();
  for (const text of ['first', 'second']) await one.says(text);
  await both(['first', 'second']);
  await bob.reads(['first', 'second']);
  await one.goes(false);
  await one.says('held');
  await one.chooses('first', 'Edit');
  await one.says('first, changed');
  await one.chooses('second', 'Delete');
  await one.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await one.reads(['first, changed', 'Message deleted', 'held']);
  await two.page.locator('.row', { hasText: 'held' }).getByLabel('Waiting in another tab').waitFor();
  await one.page.reload();
  await one.online('paused');
  await two.says('from the other tab');
  await bob.reads(['first', 'second', 'from the other tab']);
  await until('what is held waits', async () => (await waiting(one)).includes('held'));
  assert.deepEqual((await hub.conversation(1, 2)).map(message => message.content), ['first', 'second', 'from the other tab']);
  await one.goes(true);
  await both(['first, changed', 'Message deleted', 'from the other tab', 'held']);
  await bob.reads(['first, changed', 'Message deleted', 'from the other tab', 'held']);
  await end();
});

test('what waits is seen in both tabs, and can be edited and discarded in either', async () => {
  const { hub, one, two, bob, both, end } = await twoTabs();
  await one.says('before');
  await bob.reads(['before']);
  await both(['before']);
  await hub.kill();
  await one.online('waiting');
  await one.says('from one');
  await both(['before', 'from one']);
  await two.says('from two');
  await both(['before', 'from one', 'from two']);
  await preview(one, 'from two');
  // Each deals with what the other has written.
  await two.chooses('from one', 'Edit');
  await two.says('from one, said better');
  await both(['before', 'from one, said better', 'from two']);
  await one.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await one.chooses('from two', 'Copy');
  assert.equal(await one.page.evaluate(() => navigator.clipboard.readText()), 'from two');
  await one.chooses('from two', 'Discard');
  await both(['before', 'from one, said better']);
  assert.equal(await one.field.inputValue(), 'from two');
  await one.field.fill('');
  await hub.run();
  await bob.reads(['before', 'from one, said better']);
  await both(['before', 'from one, said better']);
  await end();
});

test('photos of one tab are seen in the other, which takes one out and sends the rest when the first is gone', async () => {
  const { hub, one, two, bob, end } = await twoTabs();
  await hub.kill();
  await one.online('waiting');
  await one.page.locator('input[type=file]').setInputFiles(files(await paint(one.page, 3)));
  await one.says('three of them');
  await until('they wait in both', async () => (await two.page.locator('.picture.waiting.loaded').count()) === 3 && (await one.page.locator('.picture.waiting').count()) === 3);
  await two.page.bringToFront();
  await two.page.getByRole('button', { name: 'Do not send desk 2.jpg' }).click();
  for (const tab of [one, two]) await until('one is taken out', async () => (await tab.page.locator('.picture.waiting').count()) === 2);
  await one.page.close();
  await hub.run();
  await bob.reads(['three of them']);
  await until('two have come', async () => (await bob.page.locator('button.picture.loaded').count()) === 2);
  assert.deepEqual((await hub.conversation(1, 2)).map(message => message.images.length), [2]);
  await until('nothing waits', async () => (await two.page.locator('.picture.waiting').count()) === 0);
  await end();
});

test('what was refused hides nothing that is newer, in either tab, and the list goes on', async () => {
  const { one, two, bob, both, end } = await twoTabs(NARROW);
  await one.says('before');
  await bob.reads(['before']);
  await one.page.locator('input[type=file]').setInputFiles([await wide(one.page)]);
  await one.says('refused');
  for (const tab of [one, two]) await tab.page.locator('.row.failed', { hasText: 'refused' }).waitFor();
  await bob.says('an answer');
  await both(['before', 'refused', 'an answer']);
  for (const tab of [one, two]) await preview(tab, 'an answer');
  await two.says('and on');
  await bob.reads(['before', 'an answer', 'and on']);
  await both(['before', 'refused', 'an answer', 'and on']);
  // The other tab sends the text without the picture.
  await two.page.bringToFront();
  await two.page.getByRole('button', { name: 'Send without it' }).click();
  await bob.reads(['before', 'an answer', 'and on', 'refused']);
  await both(['before', 'an answer', 'and on', 'refused']);
  await end();
});
