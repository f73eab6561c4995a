// What the marketplace says of users and things, and what it writes itself, as the library tells it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counting, gate, isOnline, outcome } from './support/clients.js';
import { clients, hub, pair, person, say } from './support/library.js';
import { until } from './support/wait.js';

let newest = 0;
/** A product that no other test has. */
const product = (more = {}) => ({ kind: 'product', id: `${++newest}`, version: 1, title: 'A lamp', subtitle: 'brass', image_url: null, amount: '250000.00', currency: 'UGX', url: 'https://shop.example/p', state: null, ...more });

/** Counts what is asked for of a path. */
function asking(context, path) {
  const { fetch } = globalThis;
  const asked = [];
  context.mock.method(globalThis, 'fetch', (url, how) => (`${url}`.includes(path) && asked.push(decodeURIComponent(url)), fetch(url, how)));
  return asked;
}

test('a thread says who the other side is, and follows when that changes', async () => {
  const [a, b] = pair();
  await hub.puts('profiles', [{ user_id: b, name: 'Bob Mukasa', avatar_url: 'https://shop.example/b.webp', verified: true, role: 'seller' }]);
  await say(b, a, 'hello');
  const alice = await clients.online(a);
  const bobs = { name: 'Bob Mukasa', avatar_url: 'https://shop.example/b.webp', verified: true, role: 'seller' };
  assert.deepEqual([alice.thread({ user: b }).other, alice.profile(b)], [bobs, bobs]);
  const told = [];
  alice.on('profile', (user, profile) => told.push(['profile', user, profile.name]));
  alice.on('thread', thread => told.push(['thread', thread.other_user_id, thread.other.name]));
  await hub.puts('profiles', [{ user_id: b, name: 'Bob', verified: true, role: 'seller' }]);
  await until('it is told', () => alice.profile(b).name === 'Bob');
  assert.deepEqual(alice.thread({ user: b }).other, { ...bobs, name: 'Bob', avatar_url: null });
  assert.deepEqual(told.filter(([, , name]) => name === 'Bob').slice(0, 2), [['thread', b, 'Bob'], ['profile', b, 'Bob']]);
});

test('of a user of whom nothing is known, or who does not exist, there is no profile; one\'s own is asked for', async () => {
  const [a, b] = pair();
  await hub.puts('profiles', [{ user_id: a, name: 'Alice Amani', locale: 'fr-CD' }]);
  await say(b, a, 'hello');
  const alice = await clients.online(a);
  assert.equal(alice.thread({ user: b }).other, null);
  assert.deepEqual([alice.profile(b), alice.profile(-1), alice.profile('x'), alice.profile(undefined)], [null, null, null, null]);
  assert.equal(alice.profile(a), undefined);
  await until('it is here', () => alice.profile(a));
  assert.deepEqual([alice.profile(a).name, alice.profile(a).locale], ['Alice Amani', 'fr-CD']);
  await hub.puts('profiles', [{ user_id: b, name: 'Bob' }]);
  await until('he has a name', () => alice.thread({ user: b }).other?.name === 'Bob');
});

test('who one has just begun to talk with becomes known, with one question for all', async context => {
  const me = person();
  const others = Array.from({ length: 30 }, person);
  await hub.puts('profiles', others.map(user_id => ({ user_id, name: `User of ${user_id}` })));
  const chat = await clients.online(me);
  for (const user of others) assert.equal(chat.profile(user), undefined);
  await until('strangers are unknown', () => others.every(user => chat.profile(user) === null));
  const asked = asking(context, '/chat/profiles');
  await Promise.all(others.map(user => chat.send({ user }, { text: 'hello' })));
  await until('all have names', () => others.every(user => chat.thread({ user })?.other?.name === `User of ${user}`));
  assert.ok(asked.length < 5, `${asked.length} questions`);
});

test('what has changed while one was away is asked for anew', async () => {
  const [a, b] = pair();
  const lamp = product();
  await hub.puts('cards', [lamp]);
  await hub.puts('profiles', [{ user_id: b, name: 'Bob' }]);
  await say(b, a, 'hello');
  const alice = await clients.online(a);
  alice.cards.get(lamp);
  await until('it is here', () => alice.cards.get(lamp));
  alice.disconnect();
  await hub.puts('cards', [{ ...lamp, version: 2, state: 'sold' }]);
  await hub.puts('profiles', [{ user_id: b, name: 'Bob the Second' }]);
  alice.connect();
  await until('both are as they are now', () => alice.cards.get(lamp).state === 'sold' && alice.thread({ user: b }).other.name === 'Bob the Second');
});

test('cards are asked for once, all together, and their changes are heard', async context => {
  const [a, b] = pair();
  const all = Array.from({ length: 20 }, () => product());
  await hub.puts('cards', all);
  await hub.ask(b, 'POST', '/chat/send', { receiver_id: a, temp_id: 'c', card: { kind: 'product', id: all[0].id } });
  const asked = asking(context, '/chat/cards');
  const alice = await clients.online(a);
  const told = [];
  alice.on('card', ({ kind, id }, card) => told.push([`${kind}:${id}`, card?.version ?? null]));
  const names = [...all.map(({ id }) => `product:${id}`), 'shop:none'];
  for (let times = 0; times < 3; times++) for (const name of names) assert.equal(alice.cards.get(name), undefined);
  await until('all are here', () => told.length === names.length);
  assert.deepEqual(names.map(name => alice.cards.get(name)), [...all, null]);
  assert.deepEqual(alice.cards.get({ kind: 'product', id: Number(all[3].id) }), all[3]);
  assert.equal(asked.length, 1, asked.join(' '));
  const sold = { ...all[0], version: 2, amount: '200000.00', state: 'sold' };
  await hub.puts('cards', [sold]);
  await until('it is told', () => alice.cards.get(all[0]).version === 2);
  assert.deepEqual(alice.cards.get(all[0]), sold);
  assert.deepEqual(alice.thread({ user: b }).last_message.card, all[0], 'the message keeps it as it was');
  assert.equal(asked.length, 1, 'nothing is asked for');
});

test('cards that are more than an answer has room for are asked for again, and all come', async context => {
  const long = `https://shop.example/${'🙂'.repeat(2_000)}`;
  const all = Array.from({ length: 80 }, () => product({ url: long, image_url: long }));
  await hub.puts('cards', all);
  const asked = asking(context, '/chat/cards');
  const alice = await clients.online(person());
  const names = [...all.map(({ id }) => `product:${id}`), 'shop:none'];
  for (const name of names) assert.equal(alice.cards.get(name), undefined);
  await until('all are here', () => names.every(name => alice.cards.get(name) !== undefined));
  assert.deepEqual(names.map(name => alice.cards.get(name)), [...all, null]);
  assert.equal(asked.length, 2, `${asked.length} questions`);
});

test('what is told while an answer is on its way is newer than the answer', async context => {
  const [a, b] = pair();
  const lamp = product();
  await hub.puts('cards', [lamp]);
  await hub.ask(b, 'POST', '/chat/send', { receiver_id: a, temp_id: 'c', card: { kind: 'product', id: lamp.id } });
  const alice = await clients.online(a);
  const [read, late] = [gate(), gate()];
  const { fetch } = globalThis;
  context.mock.method(globalThis, 'fetch', async (url, how) => {
    const answer = await fetch(url, how);
    if (`${url}`.includes('/chat/cards')) read.open(), await late.passed;
    return answer;
  });
  const told = [];
  alice.on('card', (_, card) => told.push(card.version));
  alice.cards.get(lamp);
  await read.passed;
  await hub.puts('cards', [{ ...lamp, version: 2 }]);
  await until('it is told', () => told.length);
  late.open();
  // Another card comes after the late answer.
  const other = product();
  await hub.puts('cards', [other]);
  alice.cards.get(other);
  await until('the next answer is here', () => alice.cards.get(other));
  assert.equal(alice.cards.get(lamp).version, 2);
  assert.deepEqual(told, [2, 1], 'the lamp once, and the other one');
});

test('a name that can be none is no card, and costs the others nothing', async () => {
  const chat = await clients.online(person());
  const lamp = product();
  await hub.puts('cards', [lamp]);
  for (const name of ['user:5', 'product', 'product:', ':5', '', 'product:a,b', 'product:a\n', `product:${'x'.repeat(65)}`, null, undefined, 5, {}, { kind: 'product' }, { kind: 'product', id: 1.5 }]) {
    assert.equal(chat.cards.get(name), null, JSON.stringify(name));
    if (name != null) await assert.rejects(chat.send({ user: person() }, { text: 'this', card: name }), { code: 'bad_request' });
  }
  chat.cards.get(lamp);
  await until('it is here', () => chat.cards.get(lamp));
  assert.deepEqual(chat.errors, []);
});

test('a message may be a card alone, and has it as it was when it was sent', async () => {
  const [a, b] = pair();
  const lamp = product();
  await hub.puts('cards', [lamp]);
  const [alice, bob] = await Promise.all([clients.online(a), clients.online(b)]);
  const alone = await alice.send({ user: b }, { card: lamp });
  assert.deepEqual([alone.kind, alone.content, alone.card], ['text', null, lamp], 'it was never asked for');
  // How it is now is known here; that it was changed was told to none but those who have it in a conversation.
  const shop = product({ kind: 'shop' });
  await hub.puts('cards', [shop]);
  alice.cards.get(shop);
  await until('it is here', () => alice.cards.get(shop));
  await hub.puts('cards', [{ ...shop, version: 2, title: 'Moved' }]);
  const both = await alice.send({ user: b }, { text: 'and this', card: `shop:${shop.id}` });
  assert.deepEqual([both.content, both.card.version, both.card.title], ['and this', 2, 'Moved']);
  await until('they arrive', () => bob.thread({ user: a })?.last_seq === 2);
  const held = await alice.messages({ user: b });
  assert.deepEqual(held.map(message => message.card), (await bob.messages({ user: a })).map(message => message.card));
  assert.deepEqual(held, await hub.conversation(a, b), 'as the hub has them');
  await alice.delete(alone.id);
  await until('it is gone', () => bob.thread({ user: a }).messages[0].deleted);
  assert.deepEqual([alice, bob].map(chat => chat.thread({ user: chat === alice ? b : a }).messages[0].card), [null, null]);
});

test('a message about a product has its card for its author, too', async () => {
  const [a, b] = pair();
  const lamp = product();
  await hub.puts('cards', [lamp]);
  const alice = await clients.online(a);
  const message = await alice.send({ user: b }, { text: 'this', extra_data: { product_id: Number(lamp.id) } });
  assert.deepEqual([message.card, alice.thread({ user: b }).last_message.card], [lamp, lamp]);
});

test('a card waits with its message, and is said with it', async () => {
  const [a, b] = pair();
  const lamp = product();
  await hub.puts('cards', [lamp]);
  const { WebSocket, frames } = counting();
  const alice = await clients.online(a, { WebSocket });
  alice.disconnect();
  const sent = alice.send({ user: b }, { card: { kind: 'product', id: Number(lamp.id) } });
  await until('it waits', () => alice.outbox().length === 1);
  assert.deepEqual([alice.outbox()[0].state, alice.outbox()[0].card], ['pending', { kind: 'product', id: lamp.id }]);
  assert.equal(await outcome(sent), 'pending');
  alice.connect();
  assert.deepEqual((await sent).card, lamp);
  assert.deepEqual(frames('message_send').map(frame => frame.card), [{ kind: 'product', id: lamp.id }]);
  assert.deepEqual(alice.outbox(), []);
});

test('an unknown card fails its message alone, with a reason, and may be tried again once it is known', async () => {
  const [a, b] = pair();
  const lamp = product();
  const alice = await clients.online(a);
  const refused = alice.send({ user: b }, { text: 'this one?', card: lamp });
  await alice.send({ user: b }, { text: 'next' });
  await assert.rejects(refused, { code: 'not_found', temporary: false });
  const [entry] = alice.outbox({ user: b });
  assert.deepEqual([entry.state, entry.error, entry.content, entry.card], ['failed', 'not_found', 'this one?', { kind: 'product', id: lamp.id }]);
  assert.match(entry.reason, /card/);
  await hub.puts('cards', [lamp]);
  alice.retry(entry.temp_id);
  await until('it is stored', () => alice.outbox().length === 0);
  assert.deepEqual((await hub.conversation(a, b)).map(message => [message.content, message.card?.title]), [['next', undefined], ['this one?', 'A lamp']]);
});

// The acknowledgement has come, and how the card was is still being read.
test('a connection that ends while a card is read loses no message, and stores it once', async context => {
  const [a, b] = pair();
  const lamp = product();
  await hub.puts('cards', [lamp]);
  const alice = await clients.online(a);
  await alice.send({ user: b }, { text: 'first' });
  const reading = gate();
  const { fetch } = globalThis;
  context.mock.method(globalThis, 'fetch', (url, how) => {
    if (!`${url}`.includes('after_seq')) return fetch(url, how);
    reading.open();
    return Promise.reject(new TypeError('no network'));
  });
  const sent = alice.send({ user: b }, { card: lamp });
  await reading.passed;
  alice.disconnect();
  context.mock.restoreAll();
  alice.connect();
  assert.equal((await sent).seq, 2);
  await until('nothing waits', () => alice.state === 'online' && !alice.outbox().length);
  assert.deepEqual((await hub.conversation(a, b)).map(message => message.card?.title), [undefined, 'A lamp']);
});

test('a message of the marketplace has no author, and is unread until it is read', async () => {
  const [a, b] = pair();
  const lamp = product();
  await hub.puts('cards', [lamp]);
  await hub.puts('profiles', [{ user_id: a, name: 'Alice', locale: 'fr' }]);
  const [alice, bob] = await Promise.all([clients.online(a), clients.online(b)]);
  await hub.writes(a, b, { en: 'Order 17 is paid', fr: 'La commande 17 est payée' }, { card: { kind: 'product', id: lamp.id } });
  await until('both hear', () => alice.thread({ user: b })?.unread === 1 && bob.thread({ user: a })?.unread === 1);
  for (const [chat, other, text] of [[alice, b, 'La commande 17 est payée'], [bob, a, 'Order 17 is paid']]) {
    const { last_message } = chat.thread({ user: other });
    assert.deepEqual([last_message.kind, last_message.sender_id, last_message.content, last_message.card], ['system', null, text, lamp]);
    await assert.rejects(chat.edit(last_message.id, 'mine'), { code: 'not_author' });
    await assert.rejects(chat.delete(last_message.id), { code: 'not_author' });
    chat.markSeen({ user: other });
    await until('it is read', () => chat.counts.messages === 0);
  }
  await isOnline(alice, bob);
});
