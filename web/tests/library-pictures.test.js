// Pictures on their way: text does not wait for them, each can be taken out, and each that is refused says why.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gate, outcome } from './support/clients.js';
import { clients, hub, pair, person, say, stored } from './support/library.js';
import { until } from './support/wait.js';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const png = (name = 'dot.png') => new File([PNG], name, { type: 'image/png' });
const none = name => new File(['certainly no picture'], name, { type: 'image/png' });

/** A line on which uploads stand until they are let through, by the name of the file. */
function slowLine(context) {
  const { fetch } = globalThis;
  const begun = [];
  const aborted = [];
  const gates = new Map();
  const of = name => gates.get(name) ?? gates.set(name, gate()).get(name);
  context.mock.method(globalThis, 'fetch', async (url, how) => {
    if (!String(url).endsWith('/chat/upload')) return fetch(url, how);
    const { name } = how.body.get('images[]');
    begun.push(name);
    await Promise.race([of(name).passed, new Promise((_, fail) => how.signal.addEventListener('abort', () => (aborted.push(name), fail(how.signal.reason))))]);
    return fetch(url, how);
  });
  return { begun, aborted, through: (...names) => names.forEach(name => of(name).open()) };
}

test('text goes out while a picture is on its way, and the picture\'s message has its place when it is stored', async context => {
  const [a, b] = pair();
  const line = slowLine(context);
  const chat = await clients.online(a);
  const photo = chat.send({ user: b }, { text: 'the photo', images: [png('photo.png')] });
  const texts = await Promise.all(['one', 'two'].map(text => chat.send({ user: b }, { text })));
  await until('the upload has begun', () => line.begun.length === 1);
  assert.deepEqual([texts.map(message => message.seq), await outcome(photo), await stored(a, b)], [[1, 2], 'pending', ['one', 'two']]);
  line.through('photo.png');
  assert.equal((await photo).seq, 3);
  assert.deepEqual(await stored(a, b), ['one', 'two', 'the photo']);
  assert.deepEqual(chat.errors, []);
});

test('pictures go one after the other, in the order of their messages, whatever the conversation', async context => {
  const [a, b] = pair();
  const c = person();
  const line = slowLine(context);
  const chat = await clients.online(a);
  const first = chat.send({ user: b }, { images: [png('1.png'), png('2.png')] });
  const second = chat.send({ user: c }, { images: [png('3.png')] });
  await until('the first is on its way', () => line.begun.length === 1);
  line.through('2.png', '3.png');
  // Nothing of the second message is said while the first one's pictures stand.
  await chat.send({ user: c }, { text: 'a word' });
  assert.deepEqual(line.begun, ['1.png']);
  line.through('1.png');
  await Promise.all([first, second]);
  assert.deepEqual(line.begun, ['1.png', '2.png', '3.png']);
});

test('a picture is taken out while it is on its way; the text and the others go on', async context => {
  const [a, b] = pair();
  const line = slowLine(context);
  const chat = await clients.online(a);
  const heard = [];
  chat.on('upload', (entry, picture) => heard.push([entry.content, picture.name, picture.progress]));
  const sent = chat.send({ user: b }, { text: 'two sides', images: [png('front.png'), png('blurred.png'), png('back.png')] });
  line.through('front.png', 'back.png');
  await until('the second is on its way', () => line.begun.includes('blurred.png'));
  const [entry] = chat.outbox();
  assert.equal(await chat.cancelUpload(entry.temp_id, entry.images[1]), true);
  const message = await sent;
  assert.deepEqual([message.images.length, line.aborted, line.begun], [2, ['blurred.png'], ['front.png', 'blurred.png', 'back.png']]);
  assert.deepEqual(heard[0], ['two sides', 'front.png', 0]);
  // What is left of a message without a text is nothing.
  const alone = chat.send({ user: b }, { images: [png('alone.png')] });
  await until('it is on its way', () => line.begun.includes('alone.png'));
  const [last] = chat.outbox();
  assert.equal(await chat.cancelUpload(last.temp_id, last.images[0]), true);
  await assert.rejects(alone, { code: 'closed' });
  await until('its upload is stopped', () => line.aborted.includes('alone.png'));
  assert.deepEqual([chat.outbox(), await stored(a, b), chat.errors], [[], ['two sides'], []]);
});

test('all that is refused is named with its reason, and the rest goes without it, and is not sent again', async context => {
  const [a, b] = pair();
  const line = slowLine(context);
  const names = ['good.png', 'first.png', 'second.png', 'third.png'];
  line.through(...names);
  const chat = await clients.online(a);
  await assert.rejects(chat.send({ user: b }, { text: 'a caption', images: [none('first.png'), png('good.png'), none('second.png')] }), { code: 'unsupported_media' });
  const [entry] = chat.outbox();
  assert.deepEqual(entry.images.map(({ name, error, media }) => [name, error, Boolean(media)]), [['first.png', 'unsupported_media', false], ['good.png', undefined, true], ['second.png', 'unsupported_media', false]]);
  assert.ok(entry.images.every(({ error, reason }) => !error || reason.length > 10), 'each says why');
  assert.deepEqual([entry.state, entry.content], ['failed', 'a caption']);
  for (const bad of entry.images.filter(({ error }) => error)) assert.equal(await chat.cancelUpload(entry.temp_id, bad), true);
  chat.retry(entry.temp_id);
  await until('it is sent', async () => (await stored(a, b)).join() === 'a caption');
  assert.deepEqual(line.begun, ['first.png', 'good.png', 'second.png']);
  const [message] = await hub.conversation(a, b);
  assert.equal(message.images.length, 1);
});

test('a message that waits for its picture can be edited, and taken back', async context => {
  const [a, b] = pair();
  const line = slowLine(context);
  const chat = await clients.online(a);
  chat.send({ user: b }, { text: 'a mistaek', images: [png('1.png')] }).catch(() => {});
  const gone = chat.send({ user: b }, { text: 'never mind', images: [png('2.png')] });
  await until('it is on its way', () => line.begun.length === 1);
  const [first, second] = chat.outbox();
  const edited = chat.edit(first.temp_id, 'no mistake');
  await chat.delete(second.temp_id);
  await assert.rejects(gone, { code: 'closed' });
  line.through('1.png');
  assert.equal((await edited).content, 'no mistake');
  await until('nothing waits', () => chat.outbox().length === 0);
  assert.deepEqual([await stored(a, b), line.begun, chat.errors], [['no mistake'], ['1.png'], []]);
});

test('who switches off stops what is on its way; it begins again afterwards', async context => {
  const [a, b] = pair();
  const line = slowLine(context);
  const chat = await clients.online(a);
  const sent = chat.send({ user: b }, { images: [png('1.png')] });
  await until('it is on its way', () => line.begun.length === 1);
  chat.disconnect();
  await until('it is stopped', () => line.aborted.length === 1);
  assert.deepEqual([chat.outbox()[0].state, chat.outbox()[0].images[0].error], ['pending', undefined]);
  line.through('1.png');
  chat.connect();
  await sent;
  assert.deepEqual([line.begun, chat.errors], [['1.png', '1.png'], []]);
});

test('a refusal that may pass costs the picture nothing, and other pictures little', async context => {
  const [a, b] = pair();
  const { fetch } = globalThis;
  let busy = 1;
  context.mock.method(globalThis, 'fetch', async (url, how) => {
    if (!String(url).endsWith('/chat/upload') || busy-- <= 0) return fetch(url, how);
    return Response.json({ error: { code: 'overloaded', message: 'no room', temporary: true, retry_after_ms: 20 } }, { status: 503 });
  });
  const chat = await clients.online(a);
  const message = await chat.send({ user: b }, { images: [png('1.png'), png('2.png')] });
  assert.deepEqual([message.images.length, chat.outbox(), chat.errors], [2, [], []]);
});

test('what a page has kept is shown until everything is loaded, and whatever comes in leaves it alone', async () => {
  const [a, b] = pair();
  const first = await say(b, a, 'before');
  const before = await clients.online(a);
  await before.messages({ user: b });
  const kept = JSON.parse(JSON.stringify(await before.threads()));
  before.close();
  await say(b, a, 'meanwhile');

  const chat = clients.idle(a, { user: a });
  chat.restore(kept);
  assert.deepEqual((await chat.threads()).map(thread => thread.last_message.content), ['before']);
  assert.deepEqual(chat.thread({ user: b }).messages.map(message => message.content), ['before']);
  chat.markSeen({ user: b });
  // A message that is kept can be answered and changed; that waits in its conversation.
  chat.send({ user: b }, { text: 'an answer', reply_to: first.id }).catch(() => {});
  await until('it waits', () => chat.outbox(chat.thread({ user: b })).length === 1);
  chat.connect();
  await until('all is here', () => chat.state === 'online' && chat.outbox().length === 0);
  assert.deepEqual((await chat.messages({ user: b })).map(message => message.content), ['before', 'meanwhile', 'an answer']);
  assert.equal(chat.thread({ user: b }).unread, 2);
  // From now on there is nothing to restore.
  chat.restore([]);
  assert.equal((await chat.threads()).length, 1);
  assert.deepEqual(chat.errors, []);
});

test('an image is fetched as its reader, also without a signed link, and with a fresh token when the last one is over', async context => {
  const [a, b] = pair();
  const asked = [];
  const chat = await clients.online(a, { getToken: ({ fresh }) => (asked.push(fresh), hub.token(a)) });
  const { images: [image] } = await chat.send({ user: b }, { images: [png()] });
  const [unsigned] = image.url.split('?');
  assert.equal((await fetch(chat.src(unsigned))).status, 401);
  const answer = await chat.image(unsigned);
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'image/webp']);
  const { fetch: real } = globalThis;
  let refused = 0;
  context.mock.method(globalThis, 'fetch', (url, how) => (String(url).includes('/media/') && !refused++ ? new Response('', { status: 401 }) : real(url, how)));
  asked.length = 0;
  assert.equal((await chat.image(unsigned)).status, 200);
  assert.deepEqual(asked, [true]);
});
