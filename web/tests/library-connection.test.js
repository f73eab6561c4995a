// The library against the real hub, through a network that breaks: reconnecting, catching up, renewing tokens.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { ChatClient } from '../chat-client.js';
import { hears, isOnline as online, texts } from './support/clients.js';
import { Hub } from './support/hub.js';
import { clients, hub, pair } from './support/library.js';
import { Proxy } from './support/proxy.js';
import { pause, until } from './support/wait.js';

/** A client that connects. */
const client = (id, options) => clients.idle(id, options).connect();

test('what was sent while offline is sent on return, in order', async () => {
  const [a, b] = pair();
  const [alice, bob] = [client(a), client(b)];
  await online(alice, bob);
  alice.disconnect();
  const sent = Array.from({ length: 20 }, (_, n) => alice.send({ user: b }, { text: `${n}` }));
  assert.equal(alice.outbox({ user: b }).length, 20);
  alice.connect();
  await Promise.all(sent);
  await hears(bob, a, Array.from({ length: 20 }, (_, n) => `${n}`));
  assert.deepEqual(alice.outbox(), []);
});

test('1,000 messages over connections that are cut at random: none lost, none twice, all in order', async () => {
  const [a, b] = pair();
  const proxies = await Promise.all([Proxy.before(hub.port), Proxy.before(hub.port)]);
  const [alice, bob] = [client(a, { url: proxies[0].url }), client(b, { url: proxies[1].url })];
  await online(alice, bob);
  let sent = 0;
  let cuts = 0;
  const heard = [];
  bob.on('message', message => message.sender_id === a && heard.push(message.seq));
  const said = (async () => {
    for (let n = 0; n < 500; n += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, i) => alice.send({ user: b }, { text: `a${n + i}` })));
      sent += 10;
    }
  })();
  const answered = (async () => {
    for (let n = 0; n < 500; n += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, i) => bob.send({ user: a }, { text: `b${n + i}` })));
      sent += 10;
    }
  })();
  // As many cuts as fit: each when both have got further than at the last one, at a random moment.
  const cutting = (async () => {
    for (let mark = 0; sent < 960; cuts++) {
      await until('they get on', () => sent >= 960 || sent > mark);
      mark = sent;
      const proxy = proxies[Math.floor(Math.random() * 2)];
      proxy.delay = Math.random() * 4;
      await pause(Math.random() * 60);
      proxy.cut();
    }
  })();
  await Promise.all([said, answered, cutting]);
  assert.ok(cuts > 10, `${cuts} cuts`);
  proxies.forEach(proxy => (proxy.delay = 0));

  const stored = await hub.conversation(a, b);
  assert.deepEqual(stored.map(message => message.seq), Array.from({ length: 1000 }, (_, n) => n + 1));
  for (const [id, letter] of [[a, 'a'], [b, 'b']]) {
    assert.deepEqual(stored.filter(message => message.sender_id === id).map(message => message.content), Array.from({ length: 500 }, (_, n) => `${letter}${n}`));
  }
  const ids = stored.map(message => message.id);
  for (const [chat, other] of [[alice, b], [bob, a]]) {
    let here = [];
    await until('all is here', async () => (here = await chat.messages({ user: other }, { atLeast: 1000 })).length >= 1000).catch(error => {
      throw new Error(`${error.message}: ${here.length} of 1,000`);
    });
    assert.deepEqual(here.map(message => message.id), ids);
    assert.deepEqual(chat.outbox(), []);
  }
  assert.equal(new Set(heard).size, heard.length, 'nothing was told twice');
  for (const proxy of proxies) await proxy.end();
});

test('a connection that looks open while nothing passes is found out', async () => {
  const [a, b] = pair();
  const proxy = await Proxy.before(hub.port);
  const [alice, bob] = [client(a, { url: proxy.url }), client(b)];
  await online(alice, bob);
  await alice.send({ user: b }, { text: 'before' });
  proxy.hush();
  const sent = alice.send({ user: b }, { text: 'into the void' });
  await sent;
  await hears(bob, a, ['before', 'into the void']);
  // A server that hangs, too: what is said then is said once.
  hub.freeze();
  const waiting = alice.send({ user: b }, { text: 'to a sleeper' });
  await until('it is noticed', () => alice.state !== 'online');
  hub.freeze(false);
  await waiting;
  await hears(bob, a, ['before', 'into the void', 'to a sleeper']);
  await proxy.end();
});

test('silence is asked about', async () => {
  const quiet = await Hub.start({ CHAT_HEARTBEAT: '300ms' });
  const proxy = await Proxy.before(quiet.port);
  const chat = new ChatClient({ url: proxy.url, getToken: () => quiet.token(1), timeout: 400, backoff: [20, 100] }).connect();
  clients.keep(chat);
  await online(chat);
  proxy.hush();
  await until('the client finds out without a send', () => chat.state !== 'online');
  await online(chat);
  chat.close();
  await proxy.end();
  await quiet.end();
});

test('who comes back to the page, or to the network, does not wait for the next attempt', async context => {
  const [a] = pair();
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const network = new EventTarget();
  globalThis.document = page;
  for (const how of ['addEventListener', 'removeEventListener']) globalThis[how] = network[how].bind(network);
  context.after(() => ['document', 'addEventListener', 'removeEventListener'].forEach(name => delete globalThis[name]));
  const proxy = await Proxy.before(hub.port);
  // Attempts are so far apart that none comes by itself.
  const chat = client(a, { url: proxy.url, backoff: [3.6e6, 3.6e6] });
  await online(chat);
  proxy.cut();
  await until('it is noticed', () => chat.state === 'waiting');
  page.visibilityState = 'hidden';
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(chat.state, 'waiting', 'the user does not look');
  page.visibilityState = 'visible';
  page.dispatchEvent(new Event('visibilitychange'));
  await online(chat);
  network.dispatchEvent(new Event('offline'));
  assert.equal(chat.state, 'waiting', 'without a network there is nothing to wait for');
  network.dispatchEvent(new Event('online'));
  await online(chat);
  chat.close();
  await proxy.end();
});

test('after a kill, everything that was missed is there, and the cursor has led there', async () => {
  const own = await Hub.start();
  const mine = id => client(id, { url: own.url, getToken: () => own.token(id) });
  const [alice, bob] = [mine(1), mine(2)];
  await online(alice, bob);
  let resets = 0;
  bob.on('reset', () => resets++);
  await alice.send({ user: 2 }, { text: '1' });
  await hears(bob, 1, ['1']);
  bob.disconnect();
  const { id } = await alice.send({ user: 2 }, { text: '2' });
  await alice.send({ user: 2 }, { text: '3' });
  await alice.edit(id, 'two');
  await own.kill();
  const while_down = alice.send({ user: 2 }, { text: '4' });
  await own.run();
  await while_down;
  bob.connect();
  await hears(bob, 1, ['1', 'two', '3', '4']);
  assert.equal(resets, 0, 'it has resumed');
  assert.equal(bob.thread({ user: 1 }).unread, 4);
  alice.close();
  bob.close();
  await own.end();
});

test('a cursor of another database is a reset: everything is loaded anew, what is unsent is kept', async () => {
  const own = await Hub.start();
  const alice = client(1, { url: own.url, getToken: () => own.token(1) });
  await online(alice);
  await alice.send({ user: 2 }, { text: 'in a world that is gone' });
  let resets = 0;
  alice.on('reset', () => resets++);
  await own.kill();
  const unsent = alice.send({ user: 2 }, { text: 'into a new world' });
  const { rmSync } = await import('node:fs');
  for (const end of ['', '-wal', '-shm']) rmSync(`${own.folder}/data/chat.db${end}`, { force: true });
  await own.run();
  await unsent;
  assert.equal(resets, 1);
  assert.deepEqual(await texts(alice, 2), ['into a new world']);
  alice.close();
  await own.end();
});

test('an expired token is renewed; a refused one ends it, and says why', async () => {
  const [a] = pair();
  let asked = [];
  const alice = client(a, { getToken: how => (asked.push(how.fresh), hub.token(a, { seconds: asked.length === 1 ? -29 : 3600 })) });
  await until('it was renewed', () => asked.includes(true) && alice.state === 'online');
  assert.deepEqual(alice.errors.filter(error => !error.temporary), []);

  asked = [];
  const stranger = client(a, { getToken: how => (asked.push(how.fresh), `${hub.token(a)}x`) });
  await until('it is over', () => stranger.state === 'closed');
  assert.deepEqual(asked, [false, true]);
  assert.equal(stranger.errors.at(-1).code, 'unauthorized');
});

test('a ticket opens a connection, each one', async () => {
  const [a, b] = pair();
  let tickets = 0;
  const alice = client(a, { getToken: undefined, getTicket: async () => (tickets++, (await hub.ask(a, 'POST', '/chat/ticket')).ticket), fetch: undefined });
  await until('it tries', () => tickets > 0);
  // REST goes by the cookie, which Node does not keep: what is seen here is that the ticket was taken.
  await until('it was let in', () => alice.limits !== undefined);
  assert.equal(alice.me, a);
  assert.ok(b);
});

test('the server sends clients away, and says when to come back', async () => {
  const { WebSocket: Real } = globalThis;
  const closes = [];
  /** A server that closes with what a test says. */
  class Closing extends EventTarget {
    readyState = 0;
    constructor() {
      super();
      setTimeout(() => {
        const [code, reason] = closes.shift() ?? [1006, ''];
        this.onclose?.({ code, reason });
      });
    }
    send() {}
    close() {}
  }
  assert.ok(Real);
  const states = [];
  const chat = new ChatClient({ url: 'http://127.0.0.1:1', user: 1, getToken: () => hub.token(1), WebSocket: Closing, backoff: [40, 400] });
  clients.keep(chat);
  chat.on('error', () => {});
  chat.on('state', (state, wait) => states.push([state, wait]));
  // The server's own delay is obeyed to the millisecond.
  closes.push([4001, '321'], [4002, ''], [4003, ''], [4504, '']);
  chat.connect();
  await until('it is over', () => chat.state === 'closed');
  const waits = states.filter(([state]) => state === 'waiting').map(([, wait]) => wait);
  assert.equal(waits.length, 3);
  assert.equal(waits[0], 321);
  assert.ok(waits[1] <= 80 && waits[2] <= 160, `full jitter, growing: ${waits}`);
  // Without a code of ours one comes back for ever, at most so late.
  states.length = 0;
  chat.connect();
  await until('it has tried often', () => states.filter(([state]) => state === 'waiting').length >= 12);
  assert.ok(states.every(([, wait]) => wait <= 400));
  // That all of twelve draws from up to 400 stay below 40, as if nothing grew, happens once in 10^8 times.
  assert.ok(states.some(([, wait]) => wait > 40), 'the pauses grow');
});

test('what the server cannot take now is sent again, in order', async () => {
  const slow = await Hub.start({ CHAT_RATE_LIMIT: '20', CHAT_RATE_BURST: '5' });
  const mine = id => client(id, { url: slow.url, getToken: () => slow.token(id) });
  const [alice, bob] = [mine(1), mine(2)];
  await online(alice, bob);
  const expected = Array.from({ length: 15 }, (_, n) => `${n}`);
  await Promise.all(expected.map(text => alice.send({ user: 2 }, { text })));
  await hears(bob, 1, expected);
  alice.close();
  bob.close();
  await slow.end();
});

test('reading is tried again where that may help, and errors that stay are told', async () => {
  let asked = 0;
  const server = createServer((_, answer) => {
    asked++;
    if (asked < 3) answer.writeHead(503, { 'content-type': 'application/json' }).end('{"error":{"code":"overloaded","message":"busy","temporary":true,"retry_after_ms":5}}');
    else if (asked < 4) answer.end('{"notifications":[],"next":null}');
    else answer.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"code":"not_found","message":"no","temporary":false}}');
  });
  await new Promise(done => server.listen(0, '127.0.0.1', done));
  const chat = new ChatClient({ url: `http://127.0.0.1:${server.address().port}/`, getToken: () => hub.token(1) });
  clients.keep(chat);
  assert.deepEqual([...(await chat.loadNotifications())], []);
  assert.equal(asked, 3);
  await assert.rejects(chat.loadNotifications(), { code: 'not_found', temporary: false });
  server.close();
  await assert.rejects(chat.readNotification(1), { code: 'network', temporary: true });
});
