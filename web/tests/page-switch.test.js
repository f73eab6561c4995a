// The switch at the lower left: what is done in a tab that is offline waits there, whatever it is, and goes out when the
// tab is switched on.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scene } from './support/visitors.js';
import { until } from './support/wait.js';

/** Alice and Bob, after Alice has said something. */
async function talking(said, settings) {
  const all = await scene(settings);
  const { alice, bob } = all;
  for (const text of said) await alice.says(text);
  await bob.reads(said);
  if (said.length) await alice.ticked('Seen');
  return all;
}

/** Edits a message to another text. */
async function edits(visitor, text, to) {
  await visitor.chooses(text, 'Edit');
  await visitor.says(to);
}

async function deletes(visitor, text) {
  await visitor.chooses(text, 'Delete');
  await visitor.page.getByRole('dialog', { name: 'Delete message?' }).getByRole('button', { name: 'Delete' }).click();
}

const waits = (visitor, text) => visitor.page.locator('.status-detail', { hasText: text }).waitFor();
const rows = (visitor, label) => visitor.page.locator('.row.mine').evaluateAll((all, label) => all.filter(row => row.querySelector('.tick')?.getAttribute('aria-label') === label).map(row => row.querySelector('.text').textContent), label);

test('edits and deletions wait with the messages, are shown as waiting, and go out in turn', async () => {
  const { hub, alice, bob, end } = await talking(['one', 'two', 'three']);
  await alice.goes(false);
  await edits(alice, 'one', 'one, changed');
  await deletes(alice, 'two');
  await alice.says('four');
  await alice.reads(['one, changed', 'Message deleted', 'three', 'four']);
  assert.deepEqual(await rows(alice, 'Waiting to be sent'), ['one, changed', 'Message deleted', 'four']);
  await waits(alice, '1 message and 2 changes wait');
  await alice.page.locator('.banner', { hasText: '1 message and 2 changes are kept, and will be sent' }).waitFor();
  // What Bob says meanwhile comes through; what she does does not.
  await bob.says('five');
  await bob.ticked('Sent');
  assert.deepEqual((await hub.conversation(2, 1)).map(message => message.content), ['one', 'two', 'three', 'five']);
  await alice.goes(true);
  await Promise.all([alice, bob].map(visitor => visitor.reads(['one, changed', 'Message deleted', 'three', 'five', 'four'])));
  await until('nothing waits', async () => (await rows(alice, 'Waiting to be sent')).length === 0);
  await end();
});

test('a change that waits can be taken back, and a message that waits can be written anew', async () => {
  const { hub, alice, bob, end } = await talking(['one', 'two']);
  await alice.goes(false);
  await edits(alice, 'one', 'one, changed');
  await edits(alice, 'one, changed', 'one, changed again');
  await alice.reads(['one, changed again', 'two']);
  await alice.chooses('one, changed again', 'Discard the change');
  await deletes(alice, 'two');
  await alice.reads(['one', 'Message deleted']);
  await alice.chooses('Message deleted', 'Keep the message');
  await alice.reads(['one', 'two']);
  await alice.says('with a mistaek');
  await edits(alice, 'with a mistaek', 'with a mistake');
  await alice.reads(['one', 'two', 'with a mistake']);
  await edits(alice, 'two', 'two, changed');
  await edits(alice, 'two, changed', 'two, and changed');
  await alice.goes(true);
  await bob.reads(['one', 'two, and changed', 'with a mistake']);
  await alice.reads(['one', 'two, and changed', 'with a mistake']);
  const [one, , three] = await hub.conversation(1, 2);
  assert.deepEqual([one.edited_at, three.edited_at], [null, null], 'what was taken back, and what was written anew, was never an edit');
  await end();
});

test('the switch stays as it was over a reload, with all that waits', async () => {
  const { hub, alice, bob, end } = await talking(['one', 'two']);
  await alice.goes(false);
  await alice.says('three');
  await edits(alice, 'one', 'one, changed');
  await waits(alice, '1 message and 1 change wait');
  await alice.page.reload();
  await alice.online('paused');
  assert.equal(await alice.page.getByRole('switch', { name: 'Online' }).getAttribute('aria-checked'), 'false');
  await waits(alice, '1 message and 1 change wait');
  // What waits is in sight, in the conversation and in the list, and so is what was there before.
  await alice.reads(['one, changed', 'two', 'three']);
  await alice.page.locator('.thread', { hasText: 'Bob' }).locator('.thread-text', { hasText: 'three' }).waitFor();
  await alice.says('four');
  assert.deepEqual((await hub.conversation(1, 2)).map(message => message.content), ['one', 'two']);
  await alice.goes(true);
  await Promise.all([alice, bob].map(visitor => visitor.reads(['one, changed', 'two', 'three', 'four'])));
  // And on stays on.
  await alice.page.reload();
  await alice.online();
  await end();
});

test('what is written in a tab that is offline stays there, though another tab of the same person is online', async () => {
  const { hub, alice, bob, end } = await talking(['one', 'two']);
  const second = Object.create(alice, { page: { value: await alice.tab(hub.link(1, 2)) } });
  await second.online();
  await second.reads(['one', 'two']);
  await alice.goes(false);
  await alice.says('held');
  await edits(alice, 'one', 'one, changed');
  await waits(alice, '1 message and 1 change wait');
  // The other tab shows where it waits, and goes on past it.
  await second.reads(['one', 'two', 'held']);
  assert.deepEqual(await rows(second, 'Waiting in another tab'), ['held']);
  await second.says('from the second tab');
  await bob.reads(['one', 'two', 'from the second tab']);
  await second.reads(['one', 'two', 'held', 'from the second tab']);
  await second.ticked('Seen');
  await second.page.locator('.thread .thread-text', { hasText: 'from the second tab' }).waitFor();
  assert.deepEqual(await rows(alice, 'Waiting to be sent'), ['one, changed', 'held']);
  await alice.page.reload();
  await alice.online('paused');
  await waits(alice, '1 message and 1 change wait');
  await second.says('and again');
  await bob.reads(['one', 'two', 'from the second tab', 'and again']);
  await alice.goes(true);
  const all = ['one, changed', 'two', 'from the second tab', 'and again', 'held'];
  await Promise.all([alice, bob, second].map(visitor => visitor.reads(all)));
  assert.deepEqual((await hub.conversation(1, 2)).map(message => message.content), all);
  await end();
});

test('an edit that is refused keeps its text, says why, and leaves what is stored', async () => {
  const { hub, alice, bob, end } = await talking(['one', 'two'], { CHAT_EDIT_WINDOW: '1s' });
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const [{ created_at }] = (await hub.conversation(1, 2)).slice(-1);
  await until('it is too late', () => Date.now() - Date.parse(created_at) > 1_100);
  await edits(alice, 'two', 'two, with much care');
  const failure = alice.page.locator('.failure', { hasText: 'Not changed: it is too late for that' });
  await failure.waitFor();
  assert.equal(await failure.locator('.failure-text').textContent(), 'two, with much care');
  await alice.reads(['one', 'two']);
  await bob.reads(['one', 'two']);
  await alice.chooses('two, with much care', 'Copy');
  assert.equal(await alice.page.evaluate(() => navigator.clipboard.readText()), 'two, with much care');
  await failure.getByRole('button', { name: 'Edit' }).click();
  assert.equal(await alice.field.inputValue(), 'two, with much care');
  await alice.field.press('Escape');
  // It is there after a reload, and stays out of the way of what comes after it.
  await alice.page.reload();
  await failure.waitFor();
  await alice.says('three');
  await bob.reads(['one', 'two', 'three']);
  await failure.getByRole('button', { name: 'Discard the change' }).click();
  await failure.waitFor({ state: 'detached' });
  await alice.reads(['one', 'two', 'three']);
  alice.wrongs = alice.wrongs.filter(wrong => !/status of 403/.test(wrong));
  await end();
});
