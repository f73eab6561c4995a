// What the staff does to a user, as the library tells it.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Clients, counting } from './support/clients.js';
import { Hub } from './support/hub.js';
import { until } from './support/wait.js';

let hub;
let clients;

before(async () => (clients = new Clients((hub = await Hub.start({ CHAT_ADMIN: 'write' })))));
after(() => hub.end());
afterEach(() => clients.close());

const png = () => new Blob([Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')], { type: 'image/png' });
const acts = (user, what, body) => hub.ask(9, 'POST', `/admin/users/${user}/${what}`, { reason: 'a test', ...body }, { role: 'admin' });
const code = promise => promise.then(() => 'done', error => error.code);

test('what a suspended user writes fails by itself, with a reason, and goes out when it is tried again afterwards', async () => {
  const [a, b] = [100, 101];
  const { WebSocket, frames } = counting();
  const alice = await clients.online(a, { WebSocket });
  const { id } = await alice.send({ user: b }, { text: 'before' });
  await acts(a, 'suspend', { until: new Date(Date.now() + 3600e3).toISOString() });
  const tried = [alice.send({ user: b }, { text: 'a text' }), alice.send({ user: b }, { images: [png()] }), alice.edit(id, 'edited')];
  assert.deepEqual(await Promise.all(tried.map(code)), ['suspended', 'suspended', 'suspended']);
  assert.deepEqual(alice.outbox().map(entry => [entry.state, entry.error]), Array(3).fill(['failed', 'suspended']));
  assert.deepEqual([alice.state, alice.errors, frames('auth').length], ['online', [], 1], 'the connection is the same');
  assert.equal(frames('message_send').length, 2, 'nothing is said again');
  await hub.ask(b, 'POST', '/chat/send', { receiver_id: a, temp_id: 'b', content: 'to Alice' });
  await until('she hears', () => alice.thread({ user: b }).last_message.content === 'to Alice');

  await acts(a, 'restore');
  for (const { temp_id } of alice.outbox()) alice.retry(temp_id);
  await until('all of it is stored', async () => (await hub.conversation(a, b)).length === 4);
  assert.deepEqual(alice.outbox(), []);
  assert.equal((await hub.conversation(a, b))[0].content, 'edited');
});

test('ended sessions are one error, which says to sign in again, and nothing is tried any more', async () => {
  const { WebSocket, frames } = counting();
  const alice = await clients.online(110, { WebSocket });
  await acts(110, 'end-sessions');
  await until('it is over', () => alice.state === 'closed');
  assert.deepEqual(alice.errors.map(({ code, temporary }) => [code, temporary]), [['unauthorized', false]]);
  await assert.rejects(alice.loadNotifications(), { code: 'unauthorized' });
  assert.equal(frames('auth').length, 1);
});
