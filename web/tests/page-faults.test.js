// What breaks while two people talk, and what they see of it: nothing is lost, nothing twice, everything in order.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser, Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { until } from './support/wait.js';

let chromium;
before(async () => (chromium = await browser()));
after(() => chromium.close());

/** Alice and Bob, who have begun to talk. */
async function scene() {
  const hub = await Hub.start();
  const [alice, bob] = await Promise.all([Visitor.open(chromium, hub.link(1, 2)), Visitor.open(chromium, hub.link(2, 1))]);
  await Promise.all([alice.online(), bob.online()]);
  await alice.says('first');
  await bob.reads(['first']);
  return { hub, alice, bob, /** Ends, if both read exactly this, and so does the server. */ async end(expected) {
    await Promise.all([alice.reads(expected), bob.reads(expected)]);
    assert.deepEqual((await hub.conversation(1, 2)).map(message => message.content), expected);
    for (const visitor of [alice, bob]) {
      assert.deepEqual(visitor.wrongs, []);
      await visitor.close();
    }
    await hub.end();
  } };
}

const lines = (count, word) => Array.from({ length: count }, (_, n) => `${word} ${n + 1}`);

test('the server is killed and started again in the middle of a conversation', async () => {
  const { hub, alice, bob, end } = await scene();
  for (const line of lines(3, 'before')) await alice.says(line);
  await hub.kill();
  await alice.online('waiting');
  for (const line of lines(3, 'while it is down')) await alice.says(line);
  await alice.ticked('Waiting to be sent');
  await bob.page.locator('.banner', { hasText: /Connection lost|Connecting/ }).waitFor();
  await hub.run();
  await bob.reads(['first', ...lines(3, 'before'), ...lines(3, 'while it is down')]);
  await bob.says('and after');
  await end(['first', ...lines(3, 'before'), ...lines(3, 'while it is down'), 'and after']);
});

test('somebody goes offline for a while and sends five messages meanwhile', async () => {
  const { alice, bob, end } = await scene();
  await alice.goes(false);
  for (const line of lines(5, 'offline')) await alice.says(line);
  await alice.ticked('Waiting to be sent');
  await alice.page.locator('.status-detail', { hasText: '5 messages wait' }).waitFor();
  await bob.says('are you there?');
  assert.deepEqual(await bob.texts(), ['first', 'are you there?']);
  await alice.goes(true);
  await alice.ticked('Seen');
  // The server orders them: what Bob said while she was away was stored first.
  await end(['first', 'are you there?', ...lines(5, 'offline')]);
});

test('the browser loses its network, and finds it again', async () => {
  const { alice, bob, end } = await scene();
  await alice.context.setOffline(true);
  await alice.online('waiting');
  for (const line of lines(2, 'no network')) await alice.says(line);
  await bob.says('hello?');
  await alice.context.setOffline(false);
  await alice.online();
  await end(['first', 'hello?', ...lines(2, 'no network')]);
});

test('a tab is reloaded with unsent messages', async () => {
  const { hub, alice, end } = await scene();
  await hub.kill();
  await alice.online('waiting');
  for (const line of lines(4, 'unsent')) await alice.says(line);
  await until('they are on disk', () => alice.page.evaluate(async () => {
    const [{ name }] = await indexedDB.databases();
    const open = indexedDB.open(name);
    await new Promise(done => (open.onsuccess = done));
    const count = open.result.transaction('outbox').objectStore('outbox').count();
    await new Promise(done => (count.onsuccess = done));
    open.result.close();
    return count.result === 4;
  }));
  // The page itself cannot be fetched while the server is away: it comes back first, and the tab with it.
  await alice.page.close();
  await hub.run();
  alice.page = await alice.tab(hub.link(1, 2));
  await end(['first', ...lines(4, 'unsent')]);
});

test('several tabs of one person: each sends, all show the same, and what one has read the others have', async () => {
  const { hub, alice, bob, end } = await scene();
  const second = await alice.tab(hub.link(1, 2));
  await alice.reads(['first'], second);
  await Promise.all([alice.page, second].map(page => page.locator('.status[data-state="online"]').waitFor()));
  const say = async (page, text) => {
    await page.getByRole('textbox', { name: 'Message' }).fill(text);
    await page.getByRole('textbox', { name: 'Message' }).press('Enter');
  };
  // With the server away, both tabs write; one outbox keeps it, in order.
  await hub.kill();
  const expected = ['first'];
  for (let n = 1; n <= 6; n++) {
    const text = `tab ${(n % 2) + 1}, line ${n}`;
    await say(n % 2 ? second : alice.page, text);
    expected.push(text);
    await Promise.all([alice.reads(expected), alice.reads(expected, second)]);
  }
  await hub.run();
  await Promise.all([alice.reads(expected, second), bob.reads(expected)]);
  await bob.says('read this');
  expected.push('read this');
  await alice.reads(expected, second);
  await until('nothing is unread', async () => (await hub.ask(1, 'GET', '/chat/unread')).messages === 0);
  await end(expected);
});
