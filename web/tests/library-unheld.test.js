// What comes in for a thread, or a message, that the library does not hold.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newest } from '../client/time.js';
import { clients, hub, person, say } from './support/library.js';
import { until } from './support/wait.js';

const unread = async (me, other) => (await hub.ask(me, 'GET', '/chat/unread')).by_user[other] ?? 0;

/** Makes a user with an old conversation, and forty newer ones. */
async function busy() {
  const [me, old] = [person(), person()];
  const first = await say(old, me, 'first');
  for (let n = 0; n < 40; n++) await say(5000 + n, me, n);
  return { me, old, first, thread: first.thread_id };
}

/** What is asked over REST. */
function asked(context) {
  const paths = [];
  const { fetch } = globalThis;
  context.mock.method(globalThis, 'fetch', (url, how) => (paths.push(String(url).replace(/.*(\/chat\/)/, '$1')), fetch(url, how)));
  return paths;
}

test('a message, a change, a receipt, typing: each brings its thread, asked for by its id and once', async context => {
  for (const what of ['message', 'edit', 'deletion', 'seen', 'delivered', 'read elsewhere', 'typing']) {
    const { me, old, first, thread } = await busy();
    const mine = await say(me, old, 'mine');
    for (let n = 0; n < 40; n++) await say(5000 + n, me, `again ${n}`);
    const chat = await clients.online(me);
    assert.equal(chat.thread(thread), undefined);
    const other = await clients.online(old);
    const paths = asked(context);
    const heard = [];
    chat.on('message', message => heard.push(message.content));
    if (what === 'message') await Promise.all([say(old, me, 'a'), say(old, me, 'b'), say(old, me, 'c')]);
    if (what === 'edit') await hub.ask(old, 'PATCH', `/chat/messages/${first.id}`, { content: 'edited' });
    if (what === 'deletion') await hub.ask(old, 'DELETE', `/chat/messages/${first.id}`);
    if (what === 'seen') other.markSeen({ user: me });
    if (what === 'read elsewhere') await hub.ask(me, 'POST', `/chat/threads/${thread}/read`, {});
    if (what === 'typing') other.typing({ user: me });
    await until(`its thread is there: ${what}`, () => chat.thread(thread));
    if (what === 'message') {
      await until('all three are told', () => heard.length === 3);
      assert.deepEqual(heard.sort(), ['a', 'b', 'c']);
      assert.equal(chat.thread(thread).unread, 4);
    }
    if (what === 'deletion' || what === 'read elsewhere') assert.equal(chat.thread(thread).unread, 0, what);
    if (what === 'seen') await until('it is seen', () => chat.thread(thread).other_read_seq === 2);
    if (what === 'delivered') await until('it was delivered', () => chat.status(mine) === 'delivered');
    if (what === 'typing') await until('they type', () => chat.thread(thread).typing);
    const lookups = paths.filter(path => path === `/chat/threads/${thread}`);
    assert.equal(lookups.length, 1, `${what}: ${paths}`);
    assert.ok(!paths.includes('/chat/threads'), 'no first page is guessed from');
    assert.deepEqual(chat.errors, []);
    clients.close();
    context.mock.restoreAll();
  }
});

test('an old conversation is opened by its id, and by the person, without paging through all', async context => {
  const { me, old, thread } = await busy();
  for (const to of [thread, { id: thread }, { user: old }]) {
    const chat = await clients.online(me);
    const paths = asked(context);
    assert.deepEqual((await chat.messages(to)).map(message => message.content), ['first']);
    assert.ok(paths.includes(`/chat/threads/${thread}`));
    assert.ok(!paths.some(path => path.includes('before=')));
    assert.deepEqual(await chat.messages({ user: 999_999 }), []);
    assert.deepEqual(await chat.messages(999_999_999), []);
    clients.close();
    context.mock.restoreAll();
  }
});

test('a deletion of a message that is not loaded lowers what is unread; of one that was read, or of one\'s own, it does not', async () => {
  const [me, other] = [person(), person()];
  const mine = await say(me, other, 'mine');
  const read = await say(other, me, 'read');
  await hub.ask(me, 'POST', `/chat/threads/${mine.thread_id}/read`, {});
  const sent = [];
  for (let n = 1; n <= 5; n++) sent.push(await say(other, me, n));
  const chat = await clients.online(me);
  const thread = chat.thread({ user: other });
  assert.deepEqual([thread.unread, thread.messages.length], [5, 1], 'the newest alone is loaded');
  for (const [message, left] of [[mine, 5], [read, 5], [sent[0], 4], [sent[1], 3], [sent[2], 2], [sent[3], 1], [sent[4], 0]]) {
    const { rev } = thread;
    await hub.ask(message.sender_id, 'DELETE', `/chat/messages/${message.id}`);
    await until('it is told', () => thread.rev > rev);
    assert.equal(thread.unread, left);
    assert.equal(await unread(me, other), left);
  }
  assert.equal(thread.last_message.deleted, true);
  // Whatever is loaded later is not counted again.
  assert.equal((await chat.messages({ user: other })).length, 7);
  await say(other, me, 'new');
  await until('it is counted', () => thread.unread === 1);
});

test('what is unread is right after anything that happens while one is away', async () => {
  const [me, other] = [person(), person()];
  const sent = [];
  for (let n = 1; n <= 6; n++) sent.push(await say(other, me, n));
  const chat = await clients.online(me);
  const thread = chat.thread({ user: other });
  chat.disconnect();
  await hub.ask(other, 'DELETE', `/chat/messages/${sent[1].id}`);
  const extra = await say(other, me, 7);
  await say(other, me, 8);
  await hub.ask(other, 'PATCH', `/chat/messages/${extra.id}`, { content: 'seven' });
  const both = await say(other, me, 9);
  await hub.ask(other, 'DELETE', `/chat/messages/${both.id}`);
  await hub.ask(other, 'PATCH', `/chat/messages/${sent[2].id}`, { content: 'three' });
  chat.connect();
  await until('it has caught up', () => chat.state === 'online' && thread.last_seq === 9);
  assert.equal(thread.unread, 7);
  assert.equal(await unread(me, other), 7);
});

test('what is unread is right when a gap is filled over several changes of one message', async () => {
  const [me, other] = [person(), person()];
  const sent = [];
  for (let n = 1; n <= 4; n++) sent.push(await say(other, me, n));
  // A connection that loses a while, as nothing but a defect can.
  let lossy = false;
  class Lossy extends WebSocket {
    set onmessage(listener) {
      super.onmessage = event => lossy || listener(event);
    }
  }
  const chat = await clients.online(me, { WebSocket: Lossy });
  const thread = chat.thread({ user: other });
  lossy = true;
  await hub.ask(other, 'DELETE', `/chat/messages/${sent[0].id}`);
  const five = await say(other, me, 5);
  await say(other, me, 6);
  await hub.ask(other, 'PATCH', `/chat/messages/${five.id}`, { content: 'five' });
  const seven = await say(other, me, 7);
  await hub.ask(other, 'DELETE', `/chat/messages/${seven.id}`);
  const device = await clients.online(other);
  await device.messages({ user: me });
  lossy = false;
  await say(other, me, 8);
  await until('the gap is filled', () => thread.last_seq === 8 && !thread.filling);
  assert.equal(thread.unread, 6);
  assert.equal(await unread(me, other), 6);
});

test('two whose times are one stand in the order of their ids', () => {
  const at = (id, updated_at) => ({ id, updated_at });
  const sorted = [at(1, '2026-11-22T10:00:00.100Z'), at(3, '2026-11-22T10:00:00.100Z'), at(2, '2026-11-22T10:00:00.100Z'), at(9, '2026-11-22T09:59:59.999Z'), at(4, '2026-11-22T10:00:00.1Z')].sort(newest);
  assert.deepEqual(sorted.map(({ id }) => id), [4, 3, 2, 1, 9]);
});
