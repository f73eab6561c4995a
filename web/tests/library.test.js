// The library against the real hub, through a network that breaks.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { ChatClient, ChatError } from '../chat-client.js';
import { Hub } from './support/hub.js';
import { Proxy } from './support/proxy.js';
import { until } from './support/wait.js';

let hub;
/** Every test has people of its own. */
let people = 100;
/** @type {ChatClient[]} */ let clients = [];

before(async () => (hub = await Hub.start({ CHAT_LISTEN: '127.0.0.1:0' })));
after(() => hub.end());
afterEach(() => {
  clients.forEach(client => client.close());
  clients = [];
});

/** A client of somebody; quick in everything, so that tests are. */
function client(id, options = {}) {
  const chat = new ChatClient({ url: hub.url, getToken: () => hub.token(id), timeout: 1500, backoff: [20, 200], ...options });
  chat.errors = [];
  chat.on('error', error => chat.errors.push(error));
  clients.push(chat);
  return chat.connect();
}

const online = (...chats) => until('all are online', () => chats.every(chat => chat.state === 'online'));
const pair = () => [people++, people++];
const texts = async (chat, user) => (await chat.messages({ user })).map(message => message.content);
const hears = (chat, user, expected) => until(`${chat.me} hears ${expected.at(-1)}`, async () => JSON.stringify(await texts(chat, user)) === JSON.stringify(expected));

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
  // The link is good for whoever has it, as an image element would use it.
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
      await new Promise(done => setTimeout(done, Math.random() * 60));
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
  clients.push(chat);
  await online(chat);
  proxy.hush();
  await until('nobody has to send anything to find out', () => chat.state !== 'online');
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
  assert.equal(chat.state, 'waiting', 'nobody looks');
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
  // Another device has read a part: how much is left is asked of the server, whose answer is late.
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
  clients.push(chat);
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
  clients.push(chat);
  assert.deepEqual([...(await chat.loadNotifications())], []);
  assert.equal(asked, 3);
  await assert.rejects(chat.loadNotifications(), { code: 'not_found', temporary: false });
  server.close();
  await assert.rejects(chat.readNotification(1), { code: 'network', temporary: true });
});
