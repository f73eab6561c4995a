// The first load, and every way of not getting there.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { ChatError } from '../chat-client.js';
import { browser } from './support/browser.js';
import { isOnline, outcome } from './support/clients.js';
import { clients, hub, person, say } from './support/library.js';
import { Proxy } from './support/proxy.js';
import { until } from './support/wait.js';

test('what is asked for right after connect() waits for the first load', async () => {
  const [me, other] = [person(), person()];
  await say(other, me, 'hello');
  const chat = clients.idle(me).connect();
  const [threads, messages, walked] = await Promise.all([
    chat.threads(), chat.messages({ user: other }),
    (async () => { for await (const message of chat.history({ user: other })) return message.content; })(),
  ]);
  assert.deepEqual(threads.map(thread => thread.other_user_id), [other]);
  assert.deepEqual(messages.map(message => message.content), ['hello']);
  assert.equal(walked, 'hello');
});

test('the messages of a conversation are asked for beside the threads, and what changes between the two is there', async () => {
  const [me, other] = [person(), person()];
  for (const text of ['one', 'two', 'three']) await say(other, me, text);
  const { fetch } = globalThis;
  const asked = [];
  let read;
  const early = new Promise(done => (read = done));
  globalThis.fetch = async (url, how) => {
    const path = `${url}`.slice(hub.url.length);
    asked.push(path);
    if (path === '/chat/threads') await early;
    const answer = await fetch(url, how);
    if (path.startsWith('/chat/messages?with=')) {
      for (const text of ['four', 'five', 'six']) await say(other, me, text);
      read();
    }
    return answer;
  };
  try {
    const chat = clients.idle(me).connect();
    const messages = await chat.messages({ user: other });
    assert.deepEqual(messages.map(({ content }) => content), ['one', 'two', 'three', 'four', 'five', 'six']);
    assert.equal(chat.thread({ user: other }).unread, 6);
    assert.deepEqual(asked.filter(path => /before_seq/.test(path)), []);
  } finally {
    globalThis.fetch = fetch;
  }
});

test('it waits however long there is no connection, and ends when there will be none', async () => {
  const [me, other] = [person(), person()];
  await say(other, me, 'hello');
  const proxy = await Proxy.before(hub.port);
  const chat = clients.idle(me, { url: proxy.url });
  const before = chat.threads();
  chat.disconnect();
  const paused = chat.messages({ user: other });
  assert.deepEqual([await outcome(before), await outcome(paused)], ['pending', 'pending']);
  chat.connect();
  assert.equal((await before).length, 1);
  assert.equal((await paused).length, 1);
  // What is here stays here, whatever the connection does.
  chat.close();
  assert.equal((await chat.threads()).length, 1);
  const closed = clients.idle(me);
  const [threads, messages] = [closed.threads(), closed.messages({ user: other })];
  closed.close();
  for (const asked of [threads, messages, closed.threads()]) await assert.rejects(asked, error => error instanceof ChatError && error.code === 'closed');
  closed.connect();
  assert.equal((await closed.threads()).length, 1, 'until it is connected again');
  await proxy.end();
});

test('a token that is none ends it, with one error', async () => {
  const me = person();
  for (const token of [undefined, null, '', 'rubbish', 'a.b.c', 7, {}, `x.${btoa('{"role":"user"}')}.y`, `x.${btoa('null')}.y`]) {
    for (const give of [() => token, async () => token]) {
      let asked = 0;
      const chat = clients.idle(me, { getToken: () => (asked++, give()) }).connect();
      const threads = chat.threads();
      await until(`it is over: ${token}`, () => chat.state === 'closed');
      await assert.rejects(threads, { code: 'bad_token' });
      assert.deepEqual(chat.errors.map(({ code, temporary }) => [code, temporary]), [['bad_token', false]]);
      assert.ok(chat.errors[0] instanceof ChatError && chat.errors[0].message.length > 20);
      assert.equal(asked, 1);
    }
  }
  for (const ticket of [undefined, 'rubbish', 'a.b.c.d', 5]) {
    const chat = clients.idle(me, { getToken: undefined, getTicket: () => ticket }).connect();
    await until('it is over', () => chat.state === 'closed');
    assert.deepEqual(chat.errors.map(error => error.code), ['bad_ticket']);
  }
  // Nothing, or a token where a function should be.
  for (const getToken of [undefined, hub.token(me)]) {
    const chat = clients.idle(me, { getToken }).connect();
    await until('it is over', () => chat.state === 'closed');
    assert.deepEqual(chat.errors.map(error => error.code), ['bad_token']);
  }
});

test('a page whose session server fails is asked again; one that says "signed out" is not', async () => {
  const me = person();
  let asked = 0;
  const chat = clients.idle(me, { getToken: () => { if (++asked < 4) throw new TypeError('Failed to fetch'); return hub.token(me); } }).connect();
  await isOnline(chat);
  assert.deepEqual(chat.errors.map(({ code, temporary }) => [code, temporary]), [['token', true]], 'told once');
  const out = clients.idle(me, { getToken: () => Promise.reject(new ChatError('unauthorized', 'signed out')) }).connect();
  await until('it is over', () => out.state === 'closed');
  assert.deepEqual(out.errors.map(error => error.code), ['unauthorized']);
  // A later connect() begins anew, and says it anew.
  out.connect();
  await until('it is over again', () => out.errors.length === 2 && out.state === 'closed');
});

test('a credential that the server refuses is one error', async () => {
  const me = person();
  const chat = clients.idle(me, { getToken: () => `${hub.token(me)}x` }).connect();
  const threads = chat.threads();
  await until('it is over', () => chat.state === 'closed');
  await assert.rejects(threads, { code: 'unauthorized' });
  assert.deepEqual(chat.errors.map(error => error.code), ['unauthorized']);
});

test('no WebSocket here, or none to that address: one error', async () => {
  const me = person();
  const { WebSocket: real } = globalThis;
  globalThis.WebSocket = undefined;
  try {
    const chat = clients.idle(me).connect();
    await until('it is over', () => chat.state === 'closed');
    assert.deepEqual(chat.errors.map(error => error.code), ['no_websocket']);
    await assert.rejects(chat.messages({ user: 1 }), { code: 'no_websocket' });
    await isOnline(clients.idle(me, { WebSocket: real }).connect());
  } finally {
    globalThis.WebSocket = real;
  }
  for (const url of ['nowhere at all', '/api', 'ftp://hub', '', undefined]) {
    const nowhere = clients.idle(me, { url }).connect();
    await until('it is over', () => nowhere.state === 'closed');
    assert.deepEqual(nowhere.errors.map(error => error.code), ['bad_url'], url);
  }
  await isOnline(clients.idle(me, { url: hub.url.replace('http', 'ws') }).connect());
});

test('an address at which something else answers is told, once', async () => {
  const me = person();
  const other = createServer((_, answer) => answer.writeHead(404).end('<h1>Not Found</h1>'));
  await new Promise(done => other.listen(0, '127.0.0.1', done));
  for (const url of [`${hub.url}/wrong`, `${hub.url}/chat`, `http://127.0.0.1:${other.address().port}`]) {
    const chat = clients.idle(me, { url, timeout: 100 }).connect();
    await until('it is told', () => chat.errors.length);
    const turns = [];
    chat.on('state', state => turns.push(state));
    await until('it goes on trying', () => turns.length > 6);
    assert.deepEqual(chat.errors.map(error => [error.code, error.temporary]), [['network', true]], url);
    assert.match(chat.errors[0].message, /no hub \(status 404\)/);
  }
  other.close();
  // Another socket: what it says is not JSON, or no frame.
  for (const data of ['welcome', '', '5', 'null', '[]', '{}', '{"type":5}', new ArrayBuffer(2)]) {
    class Other {
      readyState = 1;
      constructor() {
        setTimeout(() => (this.onopen(), this.onmessage?.({ data })));
      }
      send() {}
      close() {
        this.onmessage = undefined;
      }
    }
    const chat = clients.idle(me, { WebSocket: Other }).connect();
    const turns = [];
    chat.on('state', state => turns.push(state));
    await until('it goes on trying', () => turns.length > 6);
    assert.deepEqual(chat.errors.map(error => [error.code, error.temporary]), [['network', true]], `${data}`);
    chat.close();
  }
});

test('a page of another origin is told that it is refused, and stops; a network that fails is not taken for that', async () => {
  const me = person();
  const { readFileSync } = await import('node:fs');
  const pages = createServer((request, answer) => {
    const path = new URL(request.url, 'http://x').pathname;
    if (path === '/') return answer.setHeader('content-type', 'text/html').end('<!doctype html><title>a shop</title>');
    if (!path.endsWith('.js')) return answer.writeHead(404).end();
    answer.setHeader('content-type', 'text/javascript').end(readFileSync(new URL(`..${path}`, import.meta.url)));
  });
  await new Promise(done => pages.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${pages.address().port}`;
  const proxy = await Proxy.before(hub.port);
  // What stands between may be broken in its own ways: it says nothing of origins.
  const broken = createServer((_, answer) => answer.writeHead(502).end('<h1>Bad Gateway</h1>'));
  await new Promise(done => broken.listen(0, '127.0.0.1', done));
  const chromium = await browser();
  const page = await chromium.newPage();
  await page.goto(origin);
  const start = url => page.evaluate(async ([url, token]) => {
    const { ChatClient } = await import('/chat-client.js');
    const chat = new ChatClient({ url, getToken: () => token, backoff: [20, 100] });
    const seen = { states: [], errors: [] };
    window.seen = [...(window.seen ?? []), seen];
    chat.on('state', state => seen.states.push(state));
    chat.on('error', error => seen.errors.push([error.code, error.temporary, error.message]));
    chat.connect();
    chat.threads().catch(error => (seen.rejected = error.code));
  }, [url, hub.token(me)]);
  await start(proxy.url);
  await start(`http://127.0.0.1:${broken.address().port}`);
  const refused = await until('it is over', () => page.evaluate(() => window.seen[0].states.includes('closed') && window.seen[0]));
  assert.deepEqual(refused.errors.map(([code, temporary]) => [code, temporary]), [['forbidden_origin', false]]);
  assert.match(refused.errors[0][2], /CHAT_ALLOWED_ORIGINS/);
  assert.equal(refused.rejected, 'forbidden_origin');
  const waiting = await until('it goes on trying', () => page.evaluate(() => window.seen[1].states.filter(state => state === 'waiting').length > 6 && window.seen[1]));
  assert.ok(!waiting.states.includes('closed'));
  assert.ok(!waiting.errors.some(([code]) => code === 'forbidden_origin'));
  await chromium.close();
  broken.close();
  pages.close();
  await proxy.end();
});
