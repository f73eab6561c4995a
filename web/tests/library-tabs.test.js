// Several tabs of one person: the offline switch of one holds what is written in it, and in it alone.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { browser, fromDisk } from './support/browser.js';
import { hub, pair, person, stored } from './support/library.js';
import { until } from './support/wait.js';

let chromium, context;
before(async () => (chromium = await browser()));
after(() => chromium.close());
afterEach(() => context.close());

/** A tab with a client of the user `me`; `how` is what it begins with. */
class Tab {
  constructor(me) {
    this.me = me;
  }

  static async open(me, how = 'connect') {
    context ??= await chromium.newContext();
    const tab = new Tab(me);
    tab.page = await context.newPage();
    await tab.load(how);
    return tab;
  }

  async load(how) {
    if (process.env.WEB_FROM_DISK) await fromDisk(this.page);
    // Without a token the page has no client of its own.
    await this.page.goto(`${hub.url}/`);
    await this.page.evaluate(async ([url, token, user, how]) => {
      const { ChatClient } = await import(`${url}/v1/chat-client.js`);
      window.promises = {};
      window.chat = new ChatClient({ url, user, getToken: () => token, backoff: [20, 200] });
      window.chat[how]();
    }, [hub.url, hub.token(this.me), this.me, how]);
    if (how === 'connect') await this.is('online');
  }

  is(state) {
    return until(`it is ${state}`, () => this.page.evaluate(state => window.chat.state === state, state));
  }

  async does(how, ...args) {
    await this.page.evaluate(([how, args]) => { window.chat[how](...args); }, [how, args]);
    if (how === 'connect') await this.is('online');
  }

  /** Calls something that promises; what becomes of it is asked by `outcome`. */
  promises(name, how, ...args) {
    return this.page.evaluate(([name, how, args]) => {
      window.promises[name] = 'pending';
      window.chat[how](...args).then(message => (window.promises[name] = message?.content ?? 'done'), error => (window.promises[name] = error.code));
    }, [name, how, args]);
  }

  outcome(name) {
    return this.page.evaluate(name => window.promises[name], name);
  }

  outbox() {
    return this.page.evaluate(() => window.chat.outbox().map(({ kind, state, content }) => `${kind} ${state} ${content ?? ''}`.trim()));
  }

  waits(...expected) {
    let seen;
    return until(`${expected} wait`, async () => JSON.stringify(seen = await this.outbox()) === JSON.stringify(expected)).catch(error => {
      throw new Error(`${error.message}: ${seen}`);
    });
  }
}

afterEach(() => (context = undefined));

test('what is written in a tab that is switched off waits for it, while another tab is online', async () => {
  const [me, other] = pair();
  const [one, two] = [await Tab.open(me), await Tab.open(me)];
  const { message: { id } } = await hub.ask(me, 'POST', '/chat/send', { receiver_id: other, temp_id: 'old', content: 'old' });
  const { message: { id: gone } } = await hub.ask(me, 'POST', '/chat/send', { receiver_id: other, temp_id: 'gone', content: 'gone' });
  await until('it is here', () => one.page.evaluate(other => window.chat.thread({ user: other })?.last_seq === 2, other));
  await one.does('disconnect');
  await one.promises('sent', 'send', { user: other }, { text: 'held' });
  await one.promises('edited', 'edit', id, 'new');
  await one.promises('deleted', 'delete', gone);
  const waiting = ['message pending held', 'edit pending new', 'delete pending'];
  await one.waits(...waiting);
  await two.waits(...waiting);
  // The other tab goes on, in the same conversation too, and through a reconnect.
  await two.promises('own', 'send', { user: other }, { text: 'from two' });
  await until('it is sent', async () => (await two.outcome('own')) === 'from two');
  await two.does('disconnect');
  await two.does('connect');
  await two.promises('more', 'send', { user: other }, { text: 'more' });
  await until('it is sent', async () => (await two.outcome('more')) === 'more');
  assert.deepEqual(await stored(me, other), ['old', 'gone', 'from two', 'more']);
  await one.waits(...waiting);
  assert.equal(await one.outcome('sent'), 'pending');
  await one.does('connect');
  for (const [name, value] of [['sent', 'held'], ['edited', 'new'], ['deleted', 'done']]) await until(`${name}`, async () => (await one.outcome(name)) === value);
  assert.deepEqual(await stored(me, other), ['new', null, 'from two', 'more', 'held']);
  await one.waits();
  await two.waits();
});

test('a reload keeps the tab\'s name, and the switch', async () => {
  const [me, other] = pair();
  const [one, two] = [await Tab.open(me), await Tab.open(me)];
  await one.does('disconnect');
  await one.promises('sent', 'send', { user: other }, { text: 'held' });
  await one.waits('message pending held');
  await one.load('disconnect');
  await one.waits('message pending held');
  const three = await Tab.open(me);
  for (const tab of [two, three]) {
    await tab.promises('own', 'send', { user: other }, { text: 'online' });
    await until('it is sent', async () => (await tab.outcome('own')) === 'online');
  }
  await one.waits('message pending held');
  assert.equal(await one.page.evaluate(() => window.chat.state), 'paused');
  await one.does('connect');
  await one.waits();
  assert.deepEqual(await stored(me, other), ['online', 'online', 'held']);
});

test('what a tab has held that was closed is sent by the next one that starts', async () => {
  const [me, other] = pair();
  const one = await Tab.open(me);
  await one.does('disconnect');
  await one.promises('sent', 'send', { user: other }, { text: 'left behind' });
  await one.waits('message pending left behind');
  await one.page.close();
  const next = await Tab.open(me);
  await next.waits();
  assert.deepEqual(await stored(me, other), ['left behind']);
});

// It took another name then, and what it had held belonged to a tab that was no more: no tab sent it.
test('a tab whose page goes late, when it is reloaded, sends what it has held', async () => {
  const [me, other] = pair();
  const one = await Tab.open(me);
  await one.does('disconnect');
  await one.promises('sent', 'send', { user: other }, { text: 'held' });
  await one.waits('message pending held');
  // The lock of its name goes to the next in the queue when its page does: here a page that lets it go as late as one likes.
  const late = await context.newPage();
  await late.goto(`${hub.url}/health`);
  await late.evaluate(async () => {
    const { name } = (await navigator.locks.query()).held.find(({ name }) => name.includes(' tab '));
    navigator.locks.request(name, () => new Promise(done => (window.release = done)));
  });
  await one.load('disconnect');
  await one.waits('message pending held');
  await until('it has given up its name', () => one.page.evaluate(async () => (await navigator.locks.query()).held.filter(({ name }) => name.includes(' tab ')).length === 2));
  await one.does('connect');
  await late.evaluate(() => window.release());
  await one.waits();
  assert.deepEqual(await stored(me, other), ['held']);
});

test('a copy of a tab is another tab', async () => {
  const [me, other] = pair();
  const one = await Tab.open(me);
  await one.does('disconnect');
  await one.promises('sent', 'send', { user: other }, { text: 'held' });
  await one.waits('message pending held');
  // As a browser duplicates a tab: with what its session storage holds.
  const name = await one.page.evaluate(() => sessionStorage.getItem('softadastra-chat tab'));
  assert.ok(name);
  const copy = new Tab(me);
  copy.page = await context.newPage();
  await copy.page.addInitScript(name => sessionStorage.getItem('softadastra-chat tab') ?? sessionStorage.setItem('softadastra-chat tab', name), name);
  await copy.load('connect');
  await copy.promises('own', 'send', { user: other }, { text: 'from the copy' });
  await until('it is sent', async () => (await copy.outcome('own')) === 'from the copy');
  assert.deepEqual(await stored(me, other), ['from the copy']);
  await one.waits('message pending held');
  await one.does('connect');
  await until('it is sent, once', async () => (await stored(me, other)).length === 2);
});

test('with another user\'s token, what one has written stays on disk for the tabs that are one\'s own', async () => {
  const [alice, other] = pair();
  const bob = person();
  const one = await Tab.open(alice);
  await one.does('disconnect');
  await one.promises('sent', 'send', { user: other }, { text: 'from Alice' });
  await one.waits('message pending from Alice');
  await one.page.evaluate(async ([url, token]) => {
    window.chat.close();
    const { ChatClient } = await import(`${url}/v1/chat-client.js`);
    window.chat = new ChatClient({ url, getToken: () => token }).connect();
  }, [hub.url, hub.token(bob)]);
  await one.is('online');
  await one.waits();
  assert.deepEqual(await stored(bob, other), []);
  const back = await Tab.open(alice);
  await back.waits();
  assert.deepEqual(await stored(alice, other), ['from Alice']);
});

// What one had just written was shown as waiting, and gone after a reload: it had not been committed.
test('what is written at the last moment before a reload is kept, however long the disk takes', async () => {
  const [me, other] = pair();
  const one = await Tab.open(me);
  await one.does('disconnect');
  const { message: { id } } = await hub.ask(me, 'POST', '/chat/send', { receiver_id: other, temp_id: 'old', content: 'old' });
  await one.promises('sent', 'send', { user: other }, { text: 'kept' });
  await one.promises('gone', 'send', { user: other }, { text: 'discarded' });
  await one.waits('message pending kept', 'message pending discarded');
  // A transaction that asks on and on keeps every other one waiting, until its page goes.
  await one.page.evaluate(async () => {
    const [{ name }] = await indexedDB.databases();
    const opening = indexedDB.open(name);
    await new Promise(done => (opening.onsuccess = done));
    const table = opening.result.transaction('outbox', 'readwrite').objectStore('outbox');
    await new Promise(done => {
      const ask = () => (table.count().onsuccess = () => (done(), ask()));
      ask();
    });
  });
  await one.page.evaluate(([id, other]) => {
    const { chat } = window;
    chat.discard(chat.outbox()[1].temp_id);
    chat.send({ user: other }, { text: 'at the last moment' });
    chat.edit(id, 'new');
  }, [id, other]);
  const left = ['message pending kept', 'message pending at the last moment', 'edit pending new'];
  await one.waits(...left);
  await one.load('disconnect');
  await one.waits(...left);
  await one.does('connect');
  await one.waits();
  assert.deepEqual(await stored(me, other), ['new', 'kept', 'at the last moment']);
});
