// Edits and deletions wait in the outbox, as messages do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counting, isOnline, outcome } from './support/clients.js';
import { clients, hub, pair, stored } from './support/library.js';
import { until } from './support/wait.js';

test('what is changed while offline is kept, and told on return, in order', async () => {
  const [a, b] = pair();
  const alice = await clients.online(a);
  const one = await alice.send({ user: b }, { text: 'one' });
  const two = await alice.send({ user: b }, { text: 'two' });
  alice.disconnect();
  const edited = alice.edit(one.id, 'one, better');
  const deleted = alice.delete(two.id);
  const sent = alice.send({ user: b }, { text: 'three' });
  await until('they wait', () => alice.outbox({ user: b }).length === 3);
  assert.deepEqual(alice.outbox({ user: b }).map(({ kind, state, message_id, content }) => [kind, state, message_id, content]), [
    ['edit', 'pending', one.id, 'one, better'], ['delete', 'pending', two.id, undefined], ['message', 'pending', undefined, 'three'],
  ]);
  assert.deepEqual(await stored(a, b), ['one', 'two']);
  alice.connect();
  assert.equal((await edited).content, 'one, better');
  await deleted;
  await sent;
  assert.deepEqual(await stored(a, b), ['one, better', null, 'three']);
  assert.deepEqual(alice.outbox(), []);
  assert.equal((await hub.conversation(a, b)).at(-1).rev, 5, 'each was told once');
});

test('a waiting message that is edited or deleted changes where it stands', async () => {
  const [a, b] = pair();
  const { WebSocket, frames } = counting();
  const alice = await clients.online(a, { WebSocket });
  alice.disconnect();
  const kept = alice.send({ user: b }, { text: 'helo' });
  const dropped = alice.send({ user: b }, { text: 'nonsense' });
  const [first, second] = alice.outbox();
  const edited = alice.edit(first.temp_id, 'hello');
  await alice.delete(second.temp_id);
  await assert.rejects(dropped, { code: 'closed' });
  await until('it has changed', () => first.content === 'hello');
  assert.equal(alice.outbox().length, 1);
  alice.connect();
  assert.equal((await kept).content, 'hello');
  assert.deepEqual(await edited, await kept);
  assert.deepEqual(frames('message_send').map(frame => frame.content), ['hello']);
  assert.deepEqual([frames('message_edit'), frames('message_delete')], [[], []]);
});

test('a message that may be stored already is edited, and deleted, behind it', async () => {
  const [a, b] = pair();
  for (const how of ['edit', 'delete']) {
    // The message arrives; its acknowledgement does not, and one goes offline.
    let deaf = true;
    const said = [];
    class Deaf extends WebSocket {
      send(text) {
        said.push(JSON.parse(text));
        super.send(text);
      }
      set onmessage(listener) {
        super.onmessage = event => {
          if (!deaf || !/"message_ack"/.test(event.data)) listener(event);
        };
      }
    }
    const alice = await clients.online(a, { WebSocket: Deaf });
    const sent = alice.send({ user: b }, { text: `to ${how}` });
    await until('it is stored', async () => (await stored(a, b)).at(-1) === `to ${how}`);
    alice.disconnect();
    const [{ temp_id }] = alice.outbox();
    const changed = how === 'edit' ? alice.edit(temp_id, 'edited') : alice.delete(temp_id);
    await until('it waits', () => alice.outbox().length === 2);
    assert.deepEqual(alice.outbox({ user: b }).map(({ kind, of }) => [kind, of]), [['message', undefined], [how, temp_id]]);
    deaf = false;
    alice.connect();
    await Promise.all([sent, changed]);
    assert.deepEqual((await stored(a, b)).at(-1), how === 'edit' ? 'edited' : null);
    assert.deepEqual(alice.outbox(), []);
    assert.equal(said.filter(frame => frame.type === 'message_send').every(frame => frame.content === `to ${how}`), true, 'no other text under one key');
    alice.close();
  }
});

test('a change that failed keeps its text, and is tried again when one asks for it', async () => {
  const [a, b] = pair();
  const [alice, bob] = [await clients.online(a), await clients.online(b)];
  const { id } = await alice.send({ user: b }, { text: 'mine' });
  await until('it is there', () => bob.thread({ user: a }));
  await assert.rejects(bob.edit(id, 'no, mine'), { code: 'not_author' });
  const [entry] = bob.outbox({ user: a });
  assert.deepEqual([entry.state, entry.error, entry.content], ['failed', 'not_author', 'no, mine']);
  assert.ok(entry.reason);
  // What follows goes on.
  await bob.send({ user: a }, { text: 'fine' });
  // Another edit of the same message takes its place; there are no two.
  await assert.rejects(bob.edit(id, 'mine after all'), { code: 'not_author' });
  assert.deepEqual(bob.outbox().map(e => e.content), ['mine after all']);
  bob.retry(entry.temp_id);
  await until('it was tried', () => bob.outbox()[0].state === 'failed');
  bob.discard(entry.temp_id);
  assert.deepEqual(bob.outbox(), []);
  // A message that was refused for ever is mended by an edit.
  const long = alice.send({ user: b }, { text: 'x'.repeat(5000) });
  await assert.rejects(long, { code: 'text_too_long' });
  const [failed] = alice.outbox();
  assert.equal((await alice.edit(failed.temp_id, 'short')).content, 'short');
  assert.deepEqual(alice.outbox(), []);
});

test('what was refused and is refused again, before it is sent, says so each time', { timeout: 60_000 }, async () => {
  const [a, b] = pair();
  const alice = await clients.online(a);
  const { id } = await alice.send({ user: b }, { text: 'one' });
  await assert.rejects(alice.edit(id, 'a\0b'), { code: 'bad_request' });
  for (const long of ['x'.repeat(4_001), 'y'.repeat(70_000)]) await assert.rejects(alice.edit(id, long), { code: 'text_too_long' });
  assert.equal((await alice.edit(id, 'two')).content, 'two');
  // A message, too: from the hub, and then without being asked for.
  await assert.rejects(alice.send({ user: b }, { text: 'a\0b' }), { code: 'bad_request' });
  const [{ temp_id }] = alice.outbox();
  for (const long of ['x'.repeat(4_001), 'y'.repeat(70_000)]) await assert.rejects(alice.edit(temp_id, long), { code: 'text_too_long' });
  assert.equal((await alice.edit(temp_id, 'three')).content, 'three');
  assert.deepEqual(await stored(a, b), ['two', 'three']);
});

test('a deletion whose answer was lost is done when it is found done', async () => {
  const [a, b] = pair();
  let deaf = false;
  class Deaf extends WebSocket {
    set onmessage(listener) {
      super.onmessage = event => {
        if (!deaf || !/"message_deleted"/.test(event.data)) listener(event);
      };
    }
  }
  const alice = await clients.online(a, { WebSocket: Deaf, timeout: 500 });
  const { id } = await alice.send({ user: b }, { text: 'away with it' });
  deaf = true;
  const deleted = alice.delete(id);
  await deleted;
  assert.deepEqual(await stored(a, b), [null]);
  assert.deepEqual(alice.outbox(), []);
});

test('an edit waits for its turn when the server has none', async () => {
  const [a, b] = pair();
  let refusals = 2;
  class Busy extends WebSocket {
    send(text) {
      const { type, message_id } = JSON.parse(text);
      if (type !== 'message_edit' || refusals-- <= 0) return super.send(text);
      const data = JSON.stringify({ type: 'error', code: 'unavailable', message: 'later', temporary: true, retry_after_ms: 20, message_id });
      setTimeout(() => this.onmessage({ data }));
    }
  }
  const alice = await clients.online(a, { WebSocket: Busy });
  const { id } = await alice.send({ user: b }, { text: 'one' });
  const edited = alice.edit(id, 'two');
  const next = alice.send({ user: b }, { text: 'three' });
  assert.equal((await edited).content, 'two');
  assert.equal((await next).seq, 2);
  assert.deepEqual([alice.errors, await outcome(edited)], [[], 'done']);
});

test('a message that is not loaded is edited, and comes back whole', async () => {
  const [a, b] = pair();
  for (let n = 1; n <= 5; n++) await hub.ask(a, 'POST', '/chat/send', { receiver_id: b, temp_id: `${n}`, content: `${n}` });
  const [first] = await hub.conversation(a, b);
  const alice = await clients.online(a);
  const message = await alice.edit(first.id, 'one');
  assert.deepEqual([message.content, message.seq, message.sender_id, message.created_at], ['one', 1, a, first.created_at]);
  await alice.delete(first.id);
  assert.deepEqual((await stored(a, b))[0], null);
});
