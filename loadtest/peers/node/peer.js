// A minimal Node.js service with the hub's guarantee: it stores a message durably, then acknowledges it to its author and
// delivers it to its receiver. `ws` and `better-sqlite3`, WAL, synchronous=FULL, prepared statements.
//
//   PEER_MODE=each    one commit per message
//   PEER_MODE=group   group commit: all messages of one iteration of the event loop in one transaction
//
// It has one table of messages and nothing else: no receipts, unread counts, notifications, idempotency or limits, and one
// process. It keeps the message ids of each thread in memory and reads them when it starts, so that an insert is an append
// to one B-tree, and history can be read nevertheless.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import Database from 'better-sqlite3';
import { WebSocketServer } from 'ws';

const [host, port] = (process.env.CHAT_LISTEN ?? '127.0.0.1:8090').split(':');
const secret = process.env.JWT_SECRET;
const group = process.env.PEER_MODE === 'group';
if (!secret) throw new Error('JWT_SECRET is not set');

const db = new Database(process.env.PEER_DATABASE ?? 'peer.db');
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`create table if not exists messages (
  id integer primary key, user1 integer not null, user2 integer not null, sender integer not null,
  temp_id text, content text not null, created_at integer not null)`);
const insert = db.prepare(
  'insert into messages (user1, user2, sender, temp_id, content, created_at) values (?, ?, ?, ?, ?, ?)');
const begin = db.prepare('begin immediate');
const commit = db.prepare('commit');
const rollback = db.prepare('rollback');
const byId = db.prepare('select * from messages where id = ?');

// A thread: its id, and the ids of its messages by their seq.
const threads = new Map();
function threadOf(one, other) {
  const key = one < other ? `${one}-${other}` : `${other}-${one}`;
  let thread = threads.get(key);
  if (!thread) {
    thread = { id: threads.size + 1, user1: Math.min(one, other), user2: Math.max(one, other), ids: [] };
    threads.set(key, thread);
  }
  return thread;
}
for (const row of db.prepare('select id, user1, user2 from messages order by id').iterate()) {
  threadOf(row.user1, row.user2).ids.push(row.id);
}

const online = new Map();

function store(send) {
  const { user1, user2 } = send.thread;
  send.at = Date.now();
  send.id = Number(insert.run(user1, user2, send.from, send.temp_id, send.content, send.at).lastInsertRowid);
}

// Acknowledges and delivers a message that is committed.
function deliver({ socket, thread, id, from, to, temp_id, content, at }) {
  const seq = thread.ids.push(id);
  const created_at = new Date(at).toISOString();
  socket.send(JSON.stringify({
    type: 'message_ack', temp_id, message_id: id, thread_id: thread.id, seq, rev: seq, created_at, duplicate: false,
  }));
  const message = { type: 'new_message', id, thread_id: thread.id, seq, rev: seq, sender_id: from, temp_id, content, created_at };
  const frame = JSON.stringify(message);
  for (const receiver of online.get(to) ?? []) receiver.send(frame);
}

function fail(send, error) {
  send.socket.send(JSON.stringify({
    type: 'error', code: 'unavailable', message: String(error.message), temporary: true, temp_id: send.temp_id,
  }));
}

let batch = [];
function flush() {
  const sends = batch;
  batch = [];
  try {
    begin.run();
    sends.forEach(store);
    commit.run();
  } catch (error) {
    if (db.inTransaction) rollback.run();
    return sends.forEach((send) => fail(send, error));
  }
  sends.forEach(deliver);
}

function accept(send) {
  if (group) {
    if (batch.push(send) === 1) setImmediate(flush);
    return;
  }
  try {
    store(send);
  } catch (error) {
    return fail(send, error);
  }
  deliver(send);
}

function userOf(request) {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const [head, body, signature] = token.split('.');
  if (!signature) return null;
  const wanted = createHmac('sha256', secret).update(`${head}.${body}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return null;
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  return claims.exp * 1000 > Date.now() ? Number(claims.id) : null;
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://peer');
  if (url.pathname === '/health/ready') return answer(response, 200, { ready: true });
  const user = userOf(request);
  if (user === null) return answer(response, 401, { error: { code: 'unauthorized', message: 'no valid token', temporary: false } });
  if (url.pathname !== '/chat/messages') return answer(response, 404, { error: { code: 'not_found', message: 'no such path', temporary: false } });
  const { ids, id: thread_id } = threadOf(user, Number(url.searchParams.get('with')));
  const limit = Math.min(Number(url.searchParams.get('limit') ?? 50), 200);
  const after = url.searchParams.get('after_seq');
  const from = after === null ? Math.max(ids.length - limit, 0) : Number(after);
  const messages = ids.slice(from, from + limit).map((id, place) => {
    const row = byId.get(id);
    const seq = from + place + 1;
    const created_at = new Date(row.created_at).toISOString();
    return { id, thread_id, seq, rev: seq, sender_id: row.sender, temp_id: row.temp_id, content: row.content, created_at };
  });
  const has_more = after === null ? from > 0 : from + limit < ids.length;
  answer(response, 200, { thread_id, rev: ids.length, messages, has_more });
});

const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 64 * 1024 });
server.on('upgrade', (request, stream, head) => {
  const user = userOf(request);
  if (user === null) return stream.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  sockets.handleUpgrade(request, stream, head, (socket) => serve(socket, user));
});

function serve(socket, user) {
  if (!online.has(user)) online.set(user, new Set());
  online.get(user).add(socket);
  socket.on('close', () => {
    online.get(user)?.delete(socket);
    if (!online.get(user)?.size) online.delete(user);
  });
  socket.on('error', () => socket.terminate());
  socket.send(JSON.stringify({ type: 'auth_ok', user_id: user, ts: Date.now(), cursor: '', resumed: false, reset: false }));
  socket.send(JSON.stringify({ type: 'nav_counts', payload: { notifications: 0, messages: 0 } }));
  socket.on('message', (data) => {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return socket.close(4501, 'not JSON');
    }
    if (frame.type !== 'message_send') return;
    const to = Number(frame.receiver_id);
    if (!Number.isSafeInteger(to) || typeof frame.content !== 'string') {
      return socket.send(JSON.stringify({
        type: 'error', code: 'bad_request', message: 'receiver_id and content', temporary: false, temp_id: frame.temp_id,
      }));
    }
    accept({ socket, thread: threadOf(user, to), from: user, to, temp_id: String(frame.temp_id), content: frame.content });
  });
}

server.listen(Number(port), host, 511);
