// A minimal model of the service that the hub replaces: a Node.js chat on MySQL or MariaDB (`ws` and `mysql2`). It executes
// three statements per message: the message, the thread's newest message, the receiver's notification. Each has its own
// commit, and the author gets the acknowledgement after the third. It stores nothing else, and it trusts every client.
//
// The messages of one author are stored one after the other; those of different authors concurrently, on ten connections.

import { createServer } from 'node:http';
import { createPool } from 'mysql2/promise';
import { WebSocketServer } from 'ws';

const [host, port] = (process.env.CHAT_LISTEN ?? '127.0.0.1:8090').split(':');
if (!process.env.PEER_DATABASE_URL) throw new Error('PEER_DATABASE_URL is not set');
if (host !== '127.0.0.1') throw new Error('this server trusts every client, so it listens on loopback addresses alone');

const pool = createPool({ uri: process.env.PEER_DATABASE_URL, connectionLimit: 10 });
await pool.query(`create table if not exists peer_threads (
  user1 bigint not null, user2 bigint not null, last_message bigint not null, updated_at bigint not null,
  primary key (user1, user2))`);
await pool.query(`create table if not exists peer_messages (
  id bigint auto_increment primary key, user1 bigint not null, user2 bigint not null, sender bigint not null,
  content text not null, created_at bigint not null, key (user1, user2, id))`);
await pool.query(`create table if not exists peer_notifications (
  id bigint auto_increment primary key, user bigint not null, message bigint not null, created_at bigint not null,
  key (user, id))`);

async function store(from, to, content) {
  const at = Date.now();
  const pair = [Math.min(from, to), Math.max(from, to)];
  const [{ insertId }] = await pool.execute(
    'insert into peer_messages (user1, user2, sender, content, created_at) values (?, ?, ?, ?, ?)',
    [...pair, from, content, at]);
  await pool.execute(
    `insert into peer_threads (user1, user2, last_message, updated_at) values (?, ?, ?, ?)
     on duplicate key update last_message = values(last_message), updated_at = values(updated_at)`,
    [...pair, insertId, at]);
  await pool.execute('insert into peer_notifications (user, message, created_at) values (?, ?, ?)', [to, insertId, at]);
  return insertId;
}

const online = new Map();
const server = createServer((_, response) => response.writeHead(200).end());
const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 64 * 1024 });
sockets.on('connection', (socket) => {
  let user = 0;
  let last = Promise.resolve();
  socket.on('close', () => online.delete(user));
  socket.on('error', () => socket.terminate());
  socket.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.type === 'auth') {
      user = Number(frame.user_id);
      online.set(user, socket);
      return socket.send(JSON.stringify({ type: 'auth_ok', user_id: user }));
    }
    if (frame.type !== 'message_send') return;
    const { temp_id, content } = frame;
    const to = Number(frame.receiver_id);
    last = last.then(() => store(user, to, content)).then(
      (id) => {
        socket.send(JSON.stringify({ type: 'message_ack', temp_id, message_id: id, duplicate: false }));
        online.get(to)?.send(JSON.stringify({ type: 'new_message', id, sender_id: user, temp_id, content }));
      },
      (error) => socket.send(JSON.stringify({
        type: 'error', code: 'unavailable', message: String(error.message), temporary: true, temp_id,
      })));
  });
});
server.listen(Number(port), host, 511);
