// What breaks while two people talk, and what they see of it: nothing is lost, nothing twice, everything in order.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { scene } from './support/visitors.js';
import { until } from './support/wait.js';

/** Alice and Bob, who have begun to talk. */
async function talking() {
  const { hub, alice, bob, end } = await scene();
  await alice.says('first');
  await bob.reads(['first']);
  return { hub, alice, bob, /** Ends, if both read exactly this, and so does the server. */ async end(expected) {
    await Promise.all([alice.reads(expected), bob.reads(expected)]);
    assert.deepEqual((await hub.conversation(1, 2)).map(message => message.content), expected);
    await end();
  } };
}

const lines = (count, word) => Array.from({ length: count }, (_, n) => `${word} ${n + 1}`);

test('the server is killed and started again in the middle of a conversation', async () => {
  const { hub, alice, bob, end } = await talking();
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

test('a user goes offline for a while and sends five messages meanwhile', async () => {
  const { alice, bob, end } = await talking();
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
  const { alice, bob, end } = await talking();
  await alice.context.setOffline(true);
  await alice.online('waiting');
  for (const line of lines(2, 'no network')) await alice.says(line);
  await bob.says('hello?');
  await alice.context.setOffline(false);
  await alice.online();
  await end(['first', 'hello?', ...lines(2, 'no network')]);
});

test('a tab is reloaded with unsent messages', async () => {
  const { hub, alice, end } = await talking();
  await hub.kill();
  await alice.online('waiting');
  for (const line of lines(4, 'unsent')) await alice.says(line);
  await until('they are on disk', async () => (await alice.unsentOnDisk()) === 4);
  // The page itself cannot be fetched while the server is away: it comes back first, and the tab with it.
  await alice.page.close();
  await hub.run();
  alice.page = await alice.tab(hub.link(1, 2));
  await end(['first', ...lines(4, 'unsent')]);
});

test('after a reset nothing is left of what was drawn, even if the numbers are the same', async () => {
  const { hub, alice, bob, end } = await talking();
  await alice.goes(false);
  await bob.goes(false);
  await hub.kill();
  for (const end of ['', '-wal', '-shm']) rmSync(`${hub.folder}/data/chat.db${end}`, { force: true });
  await hub.run();
  // The first message, as before; another one.
  await hub.ask(1, 'POST', '/chat/send', { receiver_id: 2, temp_id: 'new', content: 'in a new world' });
  await bob.goes(true);
  await bob.reads(['in a new world']);
  await alice.goes(true);
  await end(['in a new world']);
});

test('history that did not come is asked for again', async () => {
  const { hub, alice, end } = await talking();
  const more = Array.from({ length: 60 }, (_, n) => `more ${n + 1}`);
  for (const [n, content] of more.entries()) await hub.ask(1, 'POST', '/chat/send', { receiver_id: 2, temp_id: `a-${n}`, content });
  let asked = 0;
  // The page asks for them before it knows the thread, and again when it does.
  await alice.page.route(/\/chat\/messages\?/, route => asked++ > 1 ? route.continue() : route.fulfill({ status: 404, json: { error: { code: 'not_found', message: 'no', temporary: false } } }));
  await alice.page.reload();
  await alice.page.locator('.toast', { hasText: 'The messages are not here' }).waitFor();
  // By itself, and before the page draws itself anew for the time that has passed.
  await until('it is here', async () => (await alice.texts()).length > 40, 15_000);
  await alice.page.locator('.scroller').evaluate(scroller => (scroller.scrollTop = 0));
  await end(['first', ...more]);
});

test('what is quoted is looked up; where that fails, it is said', async () => {
  const { hub, alice, end } = await talking();
  const { messages: [{ id }] } = await hub.ask(1, 'GET', '/chat/messages?with=2');
  const more = Array.from({ length: 120 }, (_, n) => `more ${n + 1}`);
  for (const [n, content] of more.entries()) await hub.ask(1, 'POST', '/chat/send', { receiver_id: 2, temp_id: `q-${n}`, content });
  await hub.ask(1, 'POST', '/chat/send', { receiver_id: 2, temp_id: 'quote', content: 'that one', reply_to: id });
  await alice.page.reload();
  const quote = alice.page.locator('.row', { hasText: 'that one' }).locator('.quote');
  await quote.waitFor();
  await alice.page.route(/before_seq/, route => route.fulfill({ status: 404, json: { error: { code: 'not_found', message: 'no', temporary: false } } }));
  await quote.click();
  await alice.page.locator('.toast', { hasText: 'That message is not here: it is not there any more' }).waitFor();
  await alice.page.unroute(/before_seq/);
  await quote.click();
  await alice.page.locator('.row.shown', { hasText: 'first' }).waitFor();
  await end(['first', ...more, 'that one']);
});

test('several tabs of one person: each sends, all show the same, and what one has read the others have', async () => {
  const { hub, alice, bob, end } = await talking();
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
