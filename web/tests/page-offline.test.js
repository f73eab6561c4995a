// Without a network: the page starts all the same, shows what was there last, and keeps what is written. It keeps nothing for
// another user.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

const say = (hub, from, to, content) => hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: content, content });

/** What a browser notes because the hub is away. */
const expected = /ERR_|Failed to fetch|net::/;

/** Alice, with a service worker that has the page. */
async function settled(settings) {
  const hub = await Hub.start(settings);
  await say(hub, 3, 1, 'hello from Carol');
  for (const text of ['one', 'two', 'three']) await say(hub, 2, 1, text);
  const alice = await Visitor.open(chromium, hub.link(1, 2), { serviceWorkers: 'allow' });
  await alice.reads(['one', 'two', 'three']);
  await until('the page is kept', () => alice.page.evaluate(() => navigator.serviceWorker.controller !== null));
  return { hub, alice, async end() {
    assert.deepEqual(alice.wrongs.filter(wrong => !expected.test(wrong)), []);
    await alice.close();
    await hub.end();
  } };
}

/** Waits until what is shown is kept. */
const kept = (visitor, user, text) => until('it is kept', () => visitor.page.evaluate(async ({ user, text }) => {
  const name = (await indexedDB.databases()).find(({ name }) => name.startsWith('softadastra-chat-last'))?.name;
  if (!name) return false;
  const open = indexedDB.open(name);
  await new Promise(done => (open.onsuccess = done));
  const all = open.result.transaction('visits').objectStore('visits').getAll();
  await new Promise(done => (all.onsuccess = done));
  open.result.close();
  return all.result.some(visit => visit.user === user && JSON.stringify(visit.threads).includes(text));
}, { user, text }));

/** The users of whom something is kept. */
const users = visitor => visitor.page.evaluate(async () => {
  const name = (await indexedDB.databases()).find(({ name }) => name.startsWith('softadastra-chat-last'))?.name;
  const open = indexedDB.open(name);
  await new Promise(done => (open.onsuccess = done));
  const all = open.result.transaction('visits').objectStore('visits').getAllKeys();
  await new Promise(done => (all.onsuccess = done));
  open.result.close();
  return all.result;
});

for (const base of ['', '/api']) {
  test(`a reload without a network shows the list and the conversation, and what is written goes out later: under ${base || '/'}`, async () => {
    const { hub, alice, end } = await settled(base ? { CHAT_BASE_PATH: base } : {});
    await alice.says('four');
    await alice.ticked('Sent');
    await kept(alice, 1, 'four');
    await hub.kill();
    await alice.page.reload();
    await alice.reads(['one', 'two', 'three', 'four']);
    assert.deepEqual(await alice.page.locator('.thread-name').allTextContents().then(all => all.sort()), ['Bob', 'Carol']);
    await alice.page.locator('.banner').waitFor();
    await alice.says('written under a bridge');
    await alice.ticked('Waiting to be sent');
    // A conversation that was not open has its newest message.
    await alice.page.locator('.thread', { hasText: 'Carol' }).click();
    await alice.reads(['hello from Carol']);
    await alice.page.locator('.thread', { hasText: 'Bob' }).click();
    await alice.page.reload();
    await alice.reads(['one', 'two', 'three', 'four', 'written under a bridge']);
    await hub.run();
    await alice.online();
    await alice.ticked('Sent');
    await say(hub, 2, 1, 'there you are');
    await alice.reads(['one', 'two', 'three', 'four', 'written under a bridge', 'there you are']);
    assert.deepEqual((await hub.conversation(1, 2)).map(message => message.content), ['one', 'two', 'three', 'four', 'written under a bridge', 'there you are']);
    await end();
  });
}

test('what was kept is shown before the hub has answered, and what is unread by then stands below the line', async () => {
  const { hub, alice, end } = await settled();
  await kept(alice, 1, 'three');
  await until('all is read', async () => (await hub.ask(1, 'GET', '/chat/unread')).by_user[2] === undefined);
  await alice.page.goto('about:blank');
  await say(hub, 2, 1, 'meanwhile');
  hub.freeze();
  await alice.page.goto(`${hub.url}/`);
  await alice.reads(['one', 'two', 'three']);
  hub.freeze(false);
  await alice.reads(['one', 'two', 'three', 'meanwhile']);
  assert.deepEqual(await alice.page.locator('.divider.new, .row .text').allTextContents(), ['one', 'two', 'three', 'New messages', 'meanwhile']);
  await end();
});

test('the service worker keeps the files of the page alone, and no answer of the hub', async () => {
  const { hub, alice, end } = await settled();
  const addresses = await alice.page.evaluate(async () => {
    const found = [];
    for (const name of await caches.keys()) for (const { url } of await (await caches.open(name)).keys()) found.push(new URL(url).pathname);
    return found;
  });
  assert.ok(addresses.includes('/') && addresses.some(path => /^\/assets\/app-/.test(path)) && addresses.length > 20, addresses.join());
  assert.deepEqual(addresses.filter(path => path !== '/' && !/^\/(assets|page)\/|^\/shrink-worker\.js$/.test(path)), []);
  const names = await alice.page.evaluate(() => caches.keys());
  assert.equal(names.length, 1);
  assert.match(names[0], /^softadastra-chat http:\/\/127\.0\.0\.1:\d+\/ [\w-]{16}$/);
  // A request to the hub itself gets no answer without the network.
  await hub.kill();
  assert.equal(await alice.page.evaluate(() => fetch('chat/threads').then(answer => answer.status, () => 'none')), 'none');
  await end();
});

test('another user in the same tab, and in the same browser, sees nothing of the first, and nothing of that is kept', async () => {
  const { hub, alice, end } = await settled();
  await kept(alice, 1, 'three');
  // In another tab, while Alice's is open, both are kept.
  const bob = Object.create(alice, { page: { value: await alice.tab(hub.link(2, 1)) } });
  await bob.reads(['one', 'two', 'three']);
  await kept(bob, 2, 'three');
  assert.deepEqual(await users(bob), [1, 2]);
  await bob.page.close();
  // In the same one, Alice has left.
  await alice.page.goto(hub.link(4, 5));
  await alice.page.locator('.bar-subtitle', { hasText: 'Signed in as David' }).waitFor();
  await until('neither is kept', async () => (await users(alice)).every(user => user === 4));
  await hub.kill();
  await alice.page.reload();
  await alice.page.getByRole('heading', { name: 'Erin' }).waitFor();
  assert.deepEqual([await alice.texts(), await alice.page.locator('.thread-name').allTextContents()], [[], ['Erin']]);
  await end();
});

test('who is signed out by the hub leaves nothing behind', async () => {
  const { hub, alice, end } = await settled();
  await kept(alice, 1, 'three');
  // The link's token is no longer good.
  await alice.page.evaluate(() => {
    const key = Object.keys(sessionStorage).find(key => sessionStorage.getItem(key).startsWith('eyJ'));
    sessionStorage.setItem(key, `${sessionStorage.getItem(key)}x`);
  });
  await alice.page.reload();
  await alice.page.locator('.status[data-state="closed"]').waitFor();
  await until('nothing is kept', async () => (await users(alice)).length === 0);
  assert.equal(hub.process.exitCode, null);
  await end();
});
