// The library against the real hub: messages, receipts, presence, pictures, and what is told twice, late or not at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChatError } from '../chat-client.js';
import { hears, isOnline as online, texts } from './support/clients.js';
import { clients, hub, pair, person, say } from './support/library.js';
import { until } from './support/wait.js';

/** A client that connects. */
const client = (id, options) => clients.idle(id, options).connect();

test('a message is sent, told, delivered and seen', async () => {
  const [a, b] = pair();
  const [alice, bob] = [client(a), client(b)];
  await online(alice, bob);
  const heard = [];
  bob.on('message', message => heard.push(message.content));
  const message = await alice.send({ user: b }, { text: 'hello', extra_data: { product_id: 5 } });
  assert.deepEqual([message.seq, message.rev, message.sender_id, message.extra_data], [1, 1, a, { product_id: 5 }]);
  await until('it is told', () => heard.length === 1);
  await until('it is delivered', () => alice.status(message) === 'delivered');
  assert.equal(bob.thread({ user: a }).unread, 1);
  bob.markSeen({ user: a });
  await until('it is seen', () => alice.status(message) === 'seen');
  assert.equal(bob.thread({ user: a }).unread, 0);
  await until('the totals follow', () => bob.counts.messages === 0);
  assert.deepEqual(heard, ['hello']);
});

test('a thread, its id, and the other person are the same address', async () => {
  const [a, b] = pair();
  const [alice, bob] = [client(a), client(b)];
  await online(alice, bob);
  await alice.send({ user: b }, { text: '1' });
  const thread = alice.thread({ user: b });
  await alice.send(thread, { text: '2' });
  await alice.send(thread.id, { text: '3' });
  await hears(bob, a, ['1', '2', '3']);
  assert.equal(alice.thread(thread.id), thread);
  assert.deepEqual((await alice.threads()).map(t => t.id), [thread.id]);
});

test('edits and deletions reach both sides; refusals have codes', async () => {
  const [a, b] = pair();
  const [alice, bob] = [client(a), client(b)];
  await online(alice, bob);
  const { id } = await alice.send({ user: b }, { text: 'helo' });
  await alice.edit(id, 'hello');
  await hears(bob, a, ['hello']);
  await assert.rejects(bob.edit(id, 'mine'), error => error instanceof ChatError && error.code === 'not_author' && !error.temporary);
  await alice.delete(id);
  await hears(bob, a, [null]);
  await hears(alice, b, [null]);
  assert.equal(bob.thread({ user: a }).unread, 0);
  await assert.rejects(alice.send({ user: a }, { text: 'to myself' }), { code: 'self_message' });
  assert.deepEqual(alice.outbox().map(entry => [entry.state, entry.error]), [['failed', 'self_message']]);
  alice.discard(alice.outbox()[0].temp_id);
  assert.deepEqual(alice.outbox(), []);
  await assert.rejects(alice.send({ user: b }, { text: 'x'.repeat(5000) }), { code: 'text_too_long' });
  // What failed does not hold up what follows.
  await alice.send({ user: b }, { text: 'next' });
});

test('typing, presence and notifications', async () => {
  const [a, b] = pair();
  const [alice, bob] = [client(a), client(b)];
  await online(alice, bob);
  await alice.send({ user: b }, { text: 'hi' });
  await until('both are there', () => alice.presence.get(b)?.online && bob.thread({ user: a }));
  bob.typing({ user: a });
  await until('he types', () => alice.thread({ user: b }).typing);
  bob.typing({ user: a }, false);
  await until('he stopped', () => !alice.thread({ user: b }).typing);
  bob.disconnect();
  await until('he is gone', () => alice.presence.get(b)?.online === false);
  bob.connect();
  await until('he is back', () => alice.presence.get(b)?.online);

  const notes = alice.stream('notification');
  const first = notes.next();
  await hub.ask(1, 'POST', '/internal/notifications', { user_id: a, type: 'order', title: 'Order 1', body: 'paid' }, { role: 'service' });
  assert.equal((await first).value[0].title, 'Order 1');
  await notes.return();
  const [note] = await alice.loadNotifications();
  await alice.readNotification(note.id);
  assert.equal(alice.notifications[0].is_read, true);
  await alice.deleteNotification(note.id);
  assert.deepEqual([...alice.notifications], []);
});

test('history is walked, a page at a time', async () => {
  const [a, b] = pair();
  for (let n = 1; n <= 130; n++) await hub.ask(a, 'POST', '/chat/send', { receiver_id: b, temp_id: `h-${n}`, content: `${n}` });
  const bob = client(b);
  await online(bob);
  assert.equal((await bob.messages({ user: a })).length, 51);
  const all = [];
  for await (const message of bob.history({ user: a })) all.push(Number(message.content));
  assert.deepEqual(all, Array.from({ length: 130 }, (_, n) => 130 - n));
});

test('pictures: each is uploaded once, also when another one of the message fails', async () => {
  const [a, b] = pair();
  const [alice, bob] = [client(a), client(b)];
  await online(alice, bob);
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  const good = () => new Blob([png], { type: 'image/png' });
  const message = await alice.send({ user: b }, { text: 'two', images: [good(), good()] });
  assert.equal(message.images.length, 2);
  await until('they arrive', () => bob.thread({ user: a })?.last_message.images.length === 2);
  const [image] = bob.thread({ user: a }).last_message.images;
  // The link is good for any client that has it, as an image element would use it.
  const answer = await fetch(bob.src(image.thumb_url));
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'image/webp']);

  await assert.rejects(alice.send({ user: b }, { images: [good(), new Blob(['no picture'], { type: 'image/png' })] }), error => !error.temporary);
  const [entry] = alice.outbox();
  assert.equal(entry.state, 'failed');
  const { id } = entry.images[0].media;
  assert.ok(entry.images[1].error && !entry.images[1].media);
  alice.retry(entry.temp_id);
  await until('it has failed again', () => entry.state === 'failed');
  assert.equal(entry.images[0].media.id, id, 'what had arrived was not sent again');
  assert.equal((await hub.conversation(a, b)).length, 1);
});

test('pictures: what prepare makes of them is uploaded', async () => {
  const [a, b] = pair();
  const wide = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAEUlEQVR4nGM4wcX1n+sE138AD1kDtwh5E2EAAAAASUVORK5CYII=', 'base64');
  const given = [];
  const prepare = async file => (given.push(file.size), new Blob([wide], { type: 'image/png' }));
  const alice = client(a, { prepare });
  await online(alice);
  const message = await alice.send({ user: b }, { images: [new Blob(['x'.repeat(1000)], { type: 'image/png' })] });
  assert.deepEqual(given, [1000]);
  assert.deepEqual(message.images.map(({ width, height }) => [width, height]), [[2, 1]]);
});

test('a gap in what is told is filled before it counts', async () => {
  const [a, b] = pair();
  // A network that loses one frame, as nothing but a defect can: the client must notice by the rev.
  class Lossy extends WebSocket {
    set onmessage(listener) {
      super.onmessage = event => {
        const frame = JSON.parse(event.data);
        if (frame.type === 'new_message' && /lost/.test(frame.content)) return;
        listener(event);
      };
    }
  }
  const [alice, bob] = [client(a), client(b, { WebSocket: Lossy })];
  await online(alice, bob);
  await alice.send({ user: b }, { text: '1' });
  await hears(bob, a, ['1']);
  await alice.send({ user: b }, { text: 'lost 2' });
  await alice.send({ user: b }, { text: 'lost 3' });
  assert.deepEqual(await texts(bob, a), ['1']);
  await alice.send({ user: b }, { text: '4' });
  await hears(bob, a, ['1', 'lost 2', 'lost 3', '4']);
  assert.equal(bob.thread({ user: a }).unread, 4);
});

test('what is told twice is heard once, and what is told late does not undo what came after it', async () => {
  const [a, b] = pair();
  const told = [];
  class Stuttering extends WebSocket {
    set onmessage(listener) {
      super.onmessage = event => {
        told.push(event);
        listener(event);
        // As after a reconnect: everything since some moment once more.
        if (/^(new_message|message_updated|message_deleted)$/.test(JSON.parse(event.data).type)) for (const again of told.slice(-3)) listener(again);
      };
    }
  }
  const [alice, bob] = [client(a), client(b, { WebSocket: Stuttering })];
  await online(alice, bob);
  await alice.send({ user: b }, { text: 'known' });
  await hears(bob, a, ['known']);
  const heard = [];
  bob.on('message', ({ content, deleted }) => heard.push(deleted ? 'deleted' : content));
  const { id } = await alice.send({ user: b }, { text: 'one' });
  await alice.edit(id, 'one, and a half');
  await alice.send({ user: b }, { text: 'two' });
  await alice.delete(id);
  await hears(bob, a, ['known', null, 'two']);
  assert.deepEqual(heard, ['one', 'one, and a half', 'two', 'deleted']);
  assert.equal(bob.thread({ user: a }).unread, 2);
});

test('a message that comes while its thread is being looked up is there, too', async context => {
  const [a, b] = pair();
  const say = n => hub.ask(a, 'POST', '/chat/send', { receiver_id: b, temp_id: `l-${n}`, content: `${n}` });
  // The first message of a thread makes the client ask for it. The second one is told before it has the answer, which
  // does not know of it yet.
  let frames = 0;
  class Counting extends WebSocket {
    set onmessage(listener) {
      super.onmessage = event => {
        frames += JSON.parse(event.data).type === 'new_message';
        listener(event);
      };
    }
  }
  const bob = client(b, { WebSocket: Counting });
  await online(bob);
  const { fetch } = globalThis;
  let asked = 0;
  context.mock.method(globalThis, 'fetch', async (url, init) => {
    const answer = await fetch(url, init);
    if (/\/chat\/threads\/\d+$/.test(url) && asked++ === 0) {
      await say(2);
      await until('the second message is told', () => frames === 2);
    }
    return answer;
  });
  await say(1);
  await hears(bob, a, ['1', '2']);
  await say(3);
  await hears(bob, a, ['1', '2', '3']);
  assert.equal(bob.thread({ user: a }).unread, 3);
});

test('what is unread is counted right, also when more comes in while it is asked for', async context => {
  const [a, b] = pair();
  const say = n => hub.ask(a, 'POST', '/chat/send', { receiver_id: b, temp_id: `u-${n}`, content: `${n}` });
  for (const n of [1, 2, 3, 4, 5]) await say(n);
  const bob = client(b);
  await online(bob);
  const thread = bob.thread({ user: a });
  assert.equal(thread.unread, 5);
  // Another device has read a part: the client asks the server how much is left, and the answer is late.
  const { fetch } = globalThis;
  let asked = 0;
  context.mock.method(globalThis, 'fetch', async (url, init) => {
    const answer = await fetch(url, init);
    if (/\/chat\/threads\/\d+$/.test(url) && asked++ === 0) {
      await say(6);
      await until('it is told', () => thread.last_seq === 6);
    }
    return answer;
  });
  await fetch(`${hub.url}/chat/threads/${thread.id}/read`, { method: 'POST', headers: { Authorization: `Bearer ${hub.token(b)}`, 'Content-Type': 'application/json' }, body: '{"up_to":2}' });
  await until('four are left', () => thread.unread === 4);
  assert.ok(asked > 1);
});

test('what was discarded too late is there: it has been sent', async () => {
  const [a, b] = pair();
  // The acknowledgement is held back until the sender has given up.
  let arrived;
  const acknowledged = new Promise(done => (arrived = done));
  let release;
  class Late extends WebSocket {
    set onmessage(listener) {
      super.onmessage = event => {
        if (JSON.parse(event.data).type !== 'message_ack' || release) return listener(event);
        release = () => listener(event);
        return arrived();
      };
    }
  }
  const [alice, bob] = [client(a, { WebSocket: Late }), client(b)];
  await online(alice, bob);
  await bob.send({ user: a }, { text: 'hello' });
  const sent = alice.send({ user: b }, { text: 'too late' });
  await acknowledged;
  alice.discard(alice.outbox()[0].temp_id);
  await assert.rejects(sent, { code: 'closed' });
  release();
  await hears(alice, b, ['hello', 'too late']);
  await bob.send({ user: a }, { text: 'what is?' });
  await hears(alice, b, ['hello', 'too late', 'what is?']);
});

test('two clients of one person show the same', async () => {
  const [a, b] = pair();
  const [alice, other, bob] = [client(a), client(a), client(b)];
  await online(alice, other, bob);
  await alice.send({ user: b }, { text: 'from one' });
  await other.send({ user: b }, { text: 'from the other' });
  await hears(alice, b, ['from one', 'from the other']);
  await hears(other, b, ['from one', 'from the other']);
  await bob.send({ user: a }, { text: 'read it once' });
  await until('both count', () => alice.thread({ user: b })?.unread === 1 && other.thread({ user: b })?.unread === 1);
  alice.markSeen({ user: b });
  await until('both know', () => other.thread({ user: b }).unread === 0);
});
