// Whose everything is: tokens and tickets that become another user's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counting, isOnline, outcome } from './support/clients.js';
import { clients, hub, say, trio } from './support/library.js';
import { Proxy } from './support/proxy.js';
import { until } from './support/wait.js';

const said = async (a, b) => (await hub.conversation(a, b)).map(message => `${message.sender_id}: ${message.content}`);

/** What can be seen of a client. */
const shown = async chat => ({
  me: chat.me, threads: (await chat.threads()).map(thread => thread.other_user_id), outbox: chat.outbox().map(entry => entry.content),
  notifications: chat.notifications.map(({ user_id }) => user_id), counts: chat.counts.messages,
});

test('another user\'s token at a reconnect: nothing of the first one goes out, or stays; it goes on when they are back', async () => {
  const [alice, bob, shop] = trio();
  await say(shop, alice, 'to Alice');
  await say(shop, alice, 'and again');
  await say(shop, bob, 'to Bob');
  let user = alice;
  const { WebSocket, frames } = counting();
  const chat = await clients.online(alice, { WebSocket, getToken: () => hub.token(user) });
  await chat.loadNotifications();
  await until('Alice sees hers', () => chat.counts.messages === 2);
  assert.deepEqual(await shown(chat), { me: alice, threads: [shop], outbox: [], notifications: [alice], counts: 2 });
  const cursor = frames('auth').length;

  chat.disconnect();
  const queued = chat.send({ user: shop }, { text: 'from Alice' });
  const edited = chat.edit((await say(alice, shop, 'by Alice')).id, 'edited by Alice');
  let resets = 0;
  chat.on('reset', () => resets++);
  user = bob;
  chat.connect();
  await until('Bob is here', () => chat.me === bob && chat.state === 'online');
  await until('and his counts', () => chat.counts.messages === 1);
  assert.deepEqual(await shown(chat), { me: bob, threads: [shop], outbox: [], notifications: [], counts: 1 });
  assert.equal(chat.thread({ user: shop }).unread, 1);
  assert.ok(resets >= 1);
  assert.equal(frames('auth').length, cursor + 1);
  assert.equal(frames('auth').at(-1).cursor, undefined, 'nor does the server hear of the other\'s cursor');
  await chat.send({ user: shop }, { text: 'from Bob' });
  assert.deepEqual(await said(bob, shop), [`${shop}: to Bob`, `${bob}: from Bob`]);
  assert.deepEqual(await said(alice, shop), [`${shop}: to Alice`, `${shop}: and again`, `${alice}: by Alice`]);
  assert.deepEqual([await outcome(queued), await outcome(edited)], ['pending', 'pending']);

  chat.disconnect();
  user = alice;
  chat.connect();
  assert.equal((await queued).sender_id, alice);
  assert.equal((await edited).content, 'edited by Alice');
  assert.deepEqual((await said(alice, shop)).slice(2), [`${alice}: edited by Alice`, `${alice}: from Alice`]);
  assert.equal(chat.me, alice);
  assert.deepEqual(await said(bob, shop), [`${shop}: to Bob`, `${bob}: from Bob`]);
  assert.deepEqual(chat.errors, []);
});

test('another user\'s token after the connection was cut, while one writes', async () => {
  const [alice, bob, shop] = trio();
  const proxy = await Proxy.before(hub.port);
  let user = alice;
  const chat = await clients.online(alice, { url: proxy.url, getToken: () => hub.token(user) });
  user = bob;
  const typed = [];
  const stop = chat.on('state', state => {
    if (state !== 'waiting') return;
    stop();
    for (let n = 0; n < 5; n++) typed.push(chat.send({ user: shop }, { text: `line ${n}` }));
  });
  proxy.cut();
  await until('Bob is here', () => chat.me === bob && chat.state === 'online');
  assert.deepEqual(await said(bob, shop), []);
  assert.deepEqual(chat.outbox(), []);
  user = alice;
  proxy.cut();
  await Promise.all(typed);
  assert.deepEqual(await said(alice, shop), [0, 1, 2, 3, 4].map(n => `${alice}: line ${n}`));
  assert.deepEqual(await said(bob, shop), []);
  await proxy.end();
});

test('another user\'s token over REST: its answer is not taken in, and the connection changes, too', async context => {
  const [alice, bob, shop] = trio();
  await say(shop, alice, 'to Alice');
  await say(shop, bob, 'to Bob');
  let user = alice;
  const chat = await clients.online(alice, { getToken: () => hub.token(user) });
  // The token is over; the next one is Bob's.
  const { fetch } = globalThis;
  let refused = false;
  context.mock.method(globalThis, 'fetch', (url, how) => {
    if (refused) return fetch(url, how);
    refused = true;
    user = bob;
    return Promise.resolve({ status: 401, text: async () => '{"error":{"code":"unauthorized","message":"over","temporary":false}}' });
  });
  await assert.rejects(chat.loadNotifications(), { code: 'other_user' });
  await until('Bob is here', () => chat.me === bob && chat.state === 'online');
  assert.equal((await chat.messages({ user: shop })).at(-1).content, 'to Bob');
  assert.deepEqual([...chat.notifications], []);

  // An answer that was under way for Bob comes when it is Alice's turn.
  let release;
  context.mock.restoreAll();
  context.mock.method(globalThis, 'fetch', async (url, how) => {
    const answer = await fetch(url, how);
    if (/notifications$/.test(String(url))) await new Promise(done => (release = done));
    return answer;
  });
  const late = chat.loadNotifications();
  await until('it is under way', () => release);
  chat.disconnect();
  user = alice;
  chat.connect();
  await until('Alice is here', () => chat.me === alice && chat.state === 'online');
  release();
  await assert.rejects(late, { code: 'other_user' });
  assert.deepEqual([...chat.notifications], []);
});

test('a picture of one user is not uploaded as another', async () => {
  const [alice, bob, shop] = trio();
  const png = new Blob([Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')], { type: 'image/png' });
  let user = alice;
  let prepared;
  const ready = new Promise(done => (prepared = done));
  const chat = await clients.online(alice, { getToken: () => hub.token(user), prepare: async file => (await ready, file) });
  const sent = chat.send({ user: shop }, { text: 'look', images: [png] });
  chat.disconnect();
  user = bob;
  chat.connect();
  await until('Bob is here', () => chat.me === bob && chat.state === 'online');
  prepared();
  await chat.send({ user: shop }, { text: 'from Bob' });
  assert.deepEqual(await said(bob, shop), [`${bob}: from Bob`]);
  chat.disconnect();
  user = alice;
  chat.connect();
  assert.equal((await sent).images.length, 1);
  assert.deepEqual(await said(alice, shop), [`${alice}: look`]);
});

test('another user\'s ticket', async () => {
  const [alice, bob, shop] = trio();
  await say(shop, alice, 'to Alice');
  let user = alice;
  // REST goes by the cookie, which is Bob's as soon as the tickets are.
  const { fetch } = globalThis;
  globalThis.fetch = (url, how) => fetch(url, { ...how, headers: { ...Object.fromEntries(new Headers(how?.headers)), Cookie: `token=${hub.token(user)}`, 'Sec-Fetch-Site': 'same-origin' } });
  try {
    const chat = clients.idle(alice, { getToken: undefined, getTicket: async () => (await hub.ask(user, 'POST', '/chat/ticket')).ticket }).connect();
    await isOnline(chat);
    assert.deepEqual((await chat.threads()).map(thread => thread.other_user_id), [shop]);
    chat.disconnect();
    const queued = chat.send({ user: shop }, { text: 'from Alice' });
    user = bob;
    chat.connect();
    await until('Bob is here', () => chat.me === bob && chat.state === 'online');
    assert.deepEqual(await chat.threads(), []);
    await chat.send({ user: shop }, { text: 'from Bob' });
    assert.deepEqual(await said(bob, shop), [`${bob}: from Bob`]);
    assert.equal(await outcome(queued), 'pending');
    // The session becomes another one while the connection stays: what REST says is Alice's, and Bob's client does not take it.
    user = alice;
    await assert.rejects(chat.loadNotifications(), { code: 'other_user' });
    await until('Alice is here', () => chat.me === alice && chat.state === 'online');
    assert.equal((await queued).sender_id, alice);
    assert.deepEqual((await chat.loadNotifications()).map(({ user_id }) => user_id), [alice]);
  } finally {
    globalThis.fetch = fetch;
  }
});

test('whose it is says the server, whatever the credentials say', async () => {
  const [alice, bob, shop] = trio();
  await say(shop, alice, 'to Alice');
  // A server that takes what says "alice" for Bob, from the second connection on.
  let greeted = 0;
  const sent = [];
  class Mistaken extends WebSocket {
    send(text) {
      const frame = JSON.parse(text);
      sent.push(frame);
      super.send(frame.type === 'auth' && greeted > 0 ? JSON.stringify({ ...frame, token: hub.token(bob) }) : text);
    }
    set onmessage(listener) {
      super.onmessage = event => {
        greeted += /"auth_ok"/.test(event.data) ? 1 : 0;
        listener(event);
      };
    }
  }
  const chat = await clients.online(alice, { WebSocket: Mistaken });
  chat.disconnect();
  const queued = chat.send({ user: shop }, { text: 'from Alice' });
  chat.connect();
  await until('it is noticed', () => chat.me === bob);
  await until('all is loaded anew', () => chat.state === 'online');
  assert.deepEqual(chat.outbox(), []);
  assert.deepEqual(sent.filter(frame => frame.type === 'message_send'), []);
  assert.equal(await outcome(queued), 'pending');
});

test('who was named and who comes may be two: nothing that waits is shown to the wrong one', async () => {
  const [alice, bob, shop] = trio();
  const chat = clients.idle(bob, { user: alice });
  const sent = chat.send({ user: shop }, { text: 'from Alice' });
  await until('it waits', () => chat.outbox().length === 1);
  chat.connect();
  await until('Bob is here', () => chat.state === 'online');
  assert.deepEqual([chat.me, chat.outbox(), await outcome(sent)], [bob, [], 'pending']);
  assert.deepEqual(await said(bob, shop), []);
});
