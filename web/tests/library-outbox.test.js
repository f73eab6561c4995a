// What cannot be sent, and what it costs the rest: nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clients, counting, isOnline, outcome } from './support/clients.js';
import { Hub } from './support/hub.js';
import { clients, hub, pair, person, stored } from './support/library.js';
import { until } from './support/wait.js';

const png = () => new Blob([Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')], { type: 'image/png' });

for (const begun of [false, true]) {
  test(`sixty messages at once, in ${begun ? 'old' : 'new'} conversations: sixty frames, sixty promises`, { timeout: 60_000 }, async () => {
    const me = person();
    const others = Array.from({ length: 60 }, (_, n) => 1000 + n);
    if (begun) for (const other of others) await hub.ask(other, 'POST', '/chat/send', { receiver_id: me, temp_id: 'old', content: 'hello' });
    const { WebSocket, frames } = counting();
    const chat = await clients.online(me, { WebSocket });
    const acked = await Promise.all(others.map(user => chat.send({ user }, { text: 'shipped' })));
    assert.deepEqual(acked.map(message => message.seq), others.map(() => (begun ? 2 : 1)));
    assert.equal(frames('message_send').length, 60);
    assert.deepEqual(chat.outbox(), []);
    await until('every thread is here', () => others.every(user => chat.thread({ user })?.last_message.content === 'shipped'));
    assert.deepEqual(chat.errors, []);
  });
}

test('a conversation that begins with an acknowledgement is there at once, and nothing is asked for', async context => {
  const [a, b] = pair();
  const chat = await clients.online(a);
  const { fetch } = globalThis;
  const asked = [];
  context.mock.method(globalThis, 'fetch', (url, how) => (asked.push(url), fetch(url, how)));
  const message = await chat.send({ user: b }, { text: 'first' });
  assert.deepEqual(chat.thread({ user: b }).messages, [message]);
  assert.equal(chat.thread({ user: b }).unread, 0);
  // What the marketplace says of the other side is another question.
  assert.deepEqual(asked.filter(url => !url.includes('/chat/profiles')), []);
});

test('what is refused for ever fails alone, with a reason, and the connection stays', { timeout: 60_000 }, async () => {
  const [a, b] = pair();
  const { WebSocket, frames } = counting();
  const chat = await clients.online(a, { WebSocket });
  const cycle = { product_id: 5 };
  cycle.self = cycle;
  let deep = {};
  for (let n = 0; n < 200; n++) deep = { deep };
  const refused = [
    [{ text: '😀'.repeat(20_000) }, 'text_too_long'],
    [{ text: 'x'.repeat(4001) }, 'text_too_long'],
    [{ text: 'pictures', images: Array.from({ length: 11 }, png) }, 'too_many_images'],
    [{ text: 'much', extra_data: { note: 'x'.repeat(70_000) } }, 'too_large'],
    [{ text: 'round', extra_data: cycle }, 'bad_request'],
    [{ text: 'deep', extra_data: deep }, 'bad_request'],
    [{ text: 'big', extra_data: { product_id: 5n } }, 'bad_request'],
    [{ text: 'none', extra_data: { product_id: NaN } }, 'bad_request'],
    [{ text: 'list', extra_data: [5] }, 'bad_request'],
    [{ text: 'word', extra_data: 'five' }, 'bad_request'],
    [{ text: 'half', extra_data: { product_id: 1.5 } }, 'bad_request'],
    [{ text: 7 }, 'bad_request'],
    [{ text: 'answer', reply_to: NaN }, 'bad_request'],
    [{ text: 'file', images: ['no file'] }, 'bad_request'],
    [{ text: 'nothing\0' }, 'bad_request'],
    [{ text: '   ' }, 'empty_message'],
    [{}, 'empty_message'],
    [{ text: 'answer', reply_to: 9_007_199_254_740_991 }, 'not_found'],
  ];
  const sent = refused.map(([draft]) => chat.send({ user: b }, draft));
  const next = chat.send({ user: b }, { text: 'next' });
  assert.equal((await next).seq, 1, 'nothing stands in its way');
  for (const [n, [draft, code]] of refused.entries()) {
    await assert.rejects(sent[n], { code, temporary: false }, `${n}: ${JSON.stringify(Object.keys(draft))}`);
  }
  assert.deepEqual(chat.outbox({ user: b }).map(entry => entry.error).sort(), refused.map(([, code]) => code).sort());
  assert.ok(chat.outbox().every(entry => entry.state === 'failed'));
  assert.ok(chat.outbox().every(entry => entry.reason.length > 10), 'each says why');
  assert.deepEqual([chat.state, chat.errors], ['online', []]);
  assert.equal(frames('auth').length, 1, 'one connection');
  await assert.rejects(chat.send({ user: a }, { text: 'me' }), { code: 'self_message' });
  for (const receiver of [undefined, {}, { user: -1 }, { user: NaN }, { user: 'x' }, 'x', 0]) await assert.rejects(chat.send(receiver, { text: 'whom?' }), { code: 'bad_request' });
  assert.deepEqual(await stored(a, b), ['next']);
});

test('edits are held against the same limits', async () => {
  const [a, b] = pair();
  const chat = await clients.online(a);
  const { id } = await chat.send({ user: b }, { text: 'right' });
  for (const [text, code] of [['😀'.repeat(20_000), 'text_too_long'], [' ', 'empty_message'], ['a\0', 'bad_request']]) {
    await assert.rejects(chat.edit(id, text), { code });
    const [entry] = chat.outbox();
    assert.deepEqual([entry.kind, entry.state, entry.error, entry.content, entry.message_id], ['edit', 'failed', code, text, id], 'its text is kept');
    chat.discard(entry.temp_id);
  }
  await assert.rejects(chat.edit(id, undefined), { code: 'bad_request' });
  await assert.rejects(chat.edit(2 ** 52, 'whose?'), { code: 'not_found' });
  await assert.rejects(chat.delete(2 ** 52), { code: 'not_found' });
  assert.equal((await chat.edit(id, 'better')).content, 'better');
  assert.equal(chat.state, 'online');
});

test('half a character is no reason to lose a connection', async () => {
  const [a, b] = pair();
  const chat = await clients.online(a);
  const message = await chat.send({ user: b }, { text: 'half \ud83d of it', extra_data: { product_id: 5, note: '\udc00' } });
  assert.equal(message.content, 'half \ufffd of it');
  await chat.edit(message.id, '\udc00!');
  assert.deepEqual(await stored(a, b), ['\ufffd!']);
  assert.equal(chat.state, 'online');
});

test('three hundred conversations that wait are sent at the server\'s pace', async () => {
  const paced = await Hub.start({ CHAT_RATE_LIMIT: '100', CHAT_RATE_BURST: '100' });
  const others = Array.from({ length: 300 }, (_, n) => 1000 + n);
  // The users write first, and the client answers: new conversations are another matter.
  await Promise.all(others.map(other => paced.ask(other, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'o', content: 'hello' })));
  const mine = new Clients(paced);
  const { WebSocket, frames } = counting();
  const chat = mine.idle(1, { WebSocket });
  let refused = 0;
  chat.on('state', state => (refused += state === 'closed' ? 1 : 0));
  const sent = others.map(user => chat.send({ user }, { text: 'sorry, I was away' }));
  chat.connect();
  await Promise.all(sent);
  // The server takes a burst of 100, the library sends 200 at once at most: some are refused, each is sent again once or twice.
  assert.ok(frames('message_send').length < 400, `${frames('message_send').length} frames`);
  assert.equal(frames('auth').length, 1, 'one connection');
  assert.deepEqual([refused, chat.errors], [0, []]);
  mine.close();
  await paced.end();
});

test('one entry that is refused for now does not hold up the others for long', async () => {
  const [a, b] = pair();
  const c = person();
  // The server says "in a minute" to whatever goes to one person.
  class Strict extends WebSocket {
    send(text) {
      const { type, temp_id, receiver_id } = JSON.parse(text);
      if (type !== 'message_send' || receiver_id !== b) return super.send(text);
      const data = JSON.stringify({ type: 'error', code: 'rate_limited', message: 'a conversation too many', temporary: true, retry_after_ms: 60_000, temp_id });
      setTimeout(() => this.onmessage({ data }));
    }
  }
  const chat = await clients.online(a, { WebSocket: Strict });
  const waiting = chat.send({ user: b }, { text: 'too new' });
  await chat.send({ user: c }, { text: 'to a friend' });
  assert.equal(await outcome(waiting), 'pending');
});

test('new conversations beyond the hub\'s limit wait among themselves', { timeout: 60_000 }, async () => {
  const strict = await Hub.start({ CHAT_NEW_CONVERSATIONS_PER_MINUTE: '60' });
  await strict.ask(7, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'f', content: 'hello' });
  const mine = new Clients(strict);
  const { WebSocket, frames } = counting();
  const chat = await mine.online(1, { WebSocket });
  const order = [];
  const sent = Array.from({ length: 64 }, (_, n) => chat.send({ user: 1000 + n }, { text: 'new' }).then(() => order.push('new')));
  await until('the limit is reached', () => order.length >= 60);
  await chat.send({ user: 7 }, { text: 'to a friend' }).then(() => order.push('friend'));
  await Promise.all(sent);
  assert.ok(order.indexOf('friend') < 63, 'the last ones come a second apart');
  assert.ok(frames('message_send').length < 85, `${frames('message_send').length} frames`);
  assert.deepEqual([frames('auth').length, chat.errors], [1, []]);
  mine.close();
  await strict.end();
});

test('a picture that was swept before its message was sent is uploaded again, once', async () => {
  const [a, b] = pair();
  const chat = await clients.online(a);
  // What the hub has of a picture is taken away by sending it elsewhere: "attached already" and "swept" are one answer.
  let steals = 2;
  const uploads = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (url, how) => {
    const answer = await fetch(url, how);
    if (!url.endsWith('/chat/upload')) return answer;
    const body = await answer.json();
    uploads.push(body.images[0].id);
    if (steals-- > 0) await hub.ask(a, 'POST', '/chat/send', { receiver_id: 9, temp_id: body.images[0].id, images: [body.images[0].id] });
    return { status: answer.status, text: async () => JSON.stringify(body) };
  };
  try {
    const lost = chat.send({ user: b }, { text: 'never', images: [png()] });
    await assert.rejects(lost, { code: 'not_found' });
    assert.equal(uploads.length, 2, 'once more, and no more');
    const [entry] = chat.outbox();
    chat.retry(entry.temp_id);
    await until('it is sent', async () => (await stored(a, b)).join() === 'never');
    steals = 1;
    uploads.length = 0;
    const sent = chat.send({ user: b }, { text: 'in the end', images: [png()] });
    assert.equal((await sent).images[0].id, uploads[1]);
  } finally {
    globalThis.fetch = fetch;
  }
  assert.deepEqual(chat.outbox(), []);
});

test('a file that cannot be read any more fails its message', async () => {
  const [a, b] = pair();
  const chat = await clients.online(a);
  const gone = png();
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotFoundError')) });
  await assert.rejects(chat.send({ user: b }, { images: [gone] }), { code: 'image_invalid' });
  await assert.rejects((await clients.online(a, { prepare: () => Promise.reject(new Error('no canvas')) })).send({ user: b }, { images: [png()] }), { code: 'image_invalid' });
  await chat.send({ user: b }, { text: 'next' });
});

test('a close that a message has caused is that message\'s, not the connection\'s', { timeout: 60_000 }, async () => {
  const [a, b] = pair();
  // A server, or a proxy, that takes less than it has said.
  let closes = 0;
  const poison = /poison/;
  const { WebSocket: Counting, frames } = counting();
  class Narrow extends Counting {
    send(text) {
      if (!poison.test(text)) return super.send(text);
      closes++;
      const { onclose } = this;
      this.onclose = () => {};
      setTimeout(() => onclose({ code: 4502, reason: 'frame too large' }));
    }
  }
  const chat = await clients.online(a, { WebSocket: Narrow });
  const others = [person(), person(), person()];
  const poisoned = chat.send({ user: b }, { text: 'poison' });
  const good = others.map(user => chat.send({ user }, { text: 'good' }));
  await assert.rejects(poisoned, { code: 'too_large' });
  await Promise.all(good);
  await chat.send({ user: b }, { text: 'and on' });
  assert.ok(closes <= 2, `${closes}: with others under way, and alone`);
  assert.deepEqual(chat.errors, []);
  assert.ok(frames('auth').length <= 3);
});

test('what is not answered is said once on each connection, not more', { timeout: 60_000 }, async () => {
  const [a, b] = pair();
  // Messages are lost on their way, while everything else is answered.
  let lost = 0;
  const { WebSocket: Counting, frames } = counting();
  class Leaky extends Counting {
    #said = 0;

    send(text) {
      if (JSON.parse(text).type !== 'message_send') return super.send(text);
      assert.equal(++this.#said, 1, 'a connection says it once');
      if (++lost > 3) super.send(text);
    }
  }
  const chat = await clients.online(a, { WebSocket: Leaky, timeout: 300 });
  await chat.send({ user: b }, { text: 'do you hear me?' });
  assert.deepEqual([lost, frames('message_send').length], [4, 1]);
  // Stored, but not acknowledged, for the connection ends: it is found stored, and not said again.
  class Deaf extends Counting {
    set onmessage(listener) {
      super.onmessage = event => {
        if (!/"message_ack"/.test(event.data)) return listener(event);
        super.onmessage = null;
        this.close();
      };
    }
  }
  const deaf = await clients.online(b, { WebSocket: Deaf });
  await deaf.send({ user: a }, { text: 'no' });
  assert.equal(frames('message_send').length, 2);
  assert.deepEqual(await stored(a, b), ['do you hear me?', 'no']);
});

test('a connection that is closed for flooding is come back to, slowly', { timeout: 60_000 }, async () => {
  const [a, b] = pair();
  const { WebSocket: Counting, frames } = counting();
  let floods = 1;
  class Flooded extends Counting {
    send(text) {
      if (JSON.parse(text).type !== 'message_send' || floods-- <= 0) return super.send(text);
      const { onclose } = this;
      this.onclose = () => {};
      setTimeout(() => onclose({ code: 4503, reason: 'flooding' }));
    }
  }
  const chat = await clients.online(a, { WebSocket: Flooded });
  await Promise.all([1, 2, 3].map(n => chat.send({ user: b }, { text: `${n}` })));
  assert.deepEqual(await stored(a, b), ['1', '2', '3']);
  assert.deepEqual([chat.errors, chat.outbox(), frames('auth').length], [[], [], 2]);
});

test('receipts that the server has no time for are said again, and are no error of the client', async () => {
  const [a, b] = pair();
  await hub.ask(b, 'POST', '/chat/send', { receiver_id: a, temp_id: 'r', content: 'read me' });
  const { WebSocket: Counting, frames } = counting();
  let refusals = 2;
  class Busy extends Counting {
    send(text) {
      const { type, thread_id } = JSON.parse(text);
      if (type !== 'message_seen' || refusals-- <= 0) return super.send(text);
      const data = JSON.stringify({ type: 'error', code: 'rate_limited', message: 'too many requests', temporary: true, retry_after_ms: 10, thread_id });
      setTimeout(() => this.onmessage({ data }));
    }
  }
  const chat = await clients.online(a, { WebSocket: Busy });
  chat.markSeen({ user: b });
  await until('it is read', async () => (await hub.ask(a, 'GET', '/chat/unread')).messages === 0);
  assert.equal(frames('message_seen').length, 1);
  assert.deepEqual(chat.errors, []);
});
