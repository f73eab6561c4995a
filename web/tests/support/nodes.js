// Several hubs as docs/OPERATIONS.md sets them up: one MariaDB, one NATS, and nginx in front of all, with the site that is printed there.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, Hub } from './hub.js';
import { until } from './wait.js';

const OPERATIONS = readFileSync(join(import.meta.dirname, '../../../docs/OPERATIONS.md'), 'utf8');

/** The site that OPERATIONS prints. */
const SITE = /chat-nodes\.conf <<'END'\n(.*?)^END$/ms.exec(OPERATIONS)[1];

/** What Debian's nginx.conf has around a site; all files are in a folder of its own. */
const around = site => `daemon off; pid pid; error_log stderr; events { worker_connections 768; }
http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
${site} }`;

/** Servers that run: none outlives the tests. @type {Set<Server>} */
const running = new Set();
process.on('exit', () => running.forEach(server => server.kill()));

const listens = port => new Promise(done => {
  const socket = connect(port, '127.0.0.1');
  socket.once('connect', () => (socket.destroy(), done(true))).once('error', () => done(false));
});

/** A server of another kind than a hub. */
class Server {
  #command;
  #folder;
  #process;
  port;
  /** What ends it. nginx takes its workers along only if it is asked. */
  signal = /** @type {NodeJS.Signals} */ ('SIGKILL');

  constructor(folder, port, ...command) {
    this.port = port;
    this.#folder = folder;
    this.#command = command;
  }

  async run() {
    const [program, ...options] = this.#command;
    const log = openSync(join(this.#folder, 'log'), 'a');
    const child = spawn(program, options, { cwd: this.#folder, stdio: ['ignore', log, log], env: { ...process.env, TMPDIR: this.#folder } });
    this.#process = child;
    running.add(this);
    child.once('exit', () => running.delete(this));
    await until(`${program} runs`, () => {
      if (child.exitCode !== null) throw new Error(`${program} has ended:\n${readFileSync(join(this.#folder, 'log'), 'utf8')}`);
      return listens(this.port);
    });
    return this;
  }

  kill() {
    this.#process.kill(this.signal);
  }

  async end() {
    const gone = new Promise(done => this.#process.once('exit', done));
    this.kill();
    await gone;
  }
}

function mariadb(folder, port) {
  const data = [`--datadir=${join(folder, 'data')}`, `--user=${userInfo().username}`, '--innodb-log-file-size=16M'];
  const made = spawnSync('mariadb-install-db', ['--no-defaults', '--auth-root-authentication-method=normal', '--skip-test-db', ...data], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`mariadb-install-db: ${made.stdout}${made.stderr}`);
  const server = ['--no-defaults', '--skip-name-resolve', '--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(folder, 'socket')}`, ...data];
  writeFileSync(join(folder, 'init.sql'), 'CREATE DATABASE chat;\n');
  return new Server(folder, port, 'mariadbd', ...server, `--init-file=${join(folder, 'init.sql')}`);
}

export class Nodes {
  #folder = mkdtempSync(join(tmpdir(), 'chat-nodes-'));
  #database;
  #nginx;
  /** @type {Server} */
  nats;
  /** @type {Hub[]} */
  hubs = [];

  /** Starts two hubs, and what is around them. */
  static async start() {
    const nodes = new Nodes();
    const folder = name => (mkdirSync(join(nodes.#folder, name)), join(nodes.#folder, name));
    // The workers of nginx are another user.
    chmodSync(nodes.#folder, 0o755);
    const [sql, nats, front] = [await freePort(), await freePort(), await freePort()];
    nodes.#database = await mariadb(folder('mariadb'), sql).run();
    nodes.nats = await new Server(folder('nats'), nats, 'nats-server', '--addr', '127.0.0.1', '--port', String(nats)).run();
    const settings = {
      DATABASE_URL: `mysql://root@127.0.0.1:${sql}/chat`, NATS_URL: `nats://127.0.0.1:${nats}`, CHAT_MEDIA_URL: `file:${join(nodes.#folder, 'media')}`,
      JWT_SECRET: 'the secret of both nodes that is long enough', CHAT_PAGE: 'on',
    };
    for (const name of ['one', 'two']) nodes.hubs.push(await Hub.start({ ...settings, CHAT_NODE_NAME: name }));
    await nodes.hubs[0].puts('profiles', [{ user_id: 1, name: 'Alice' }, { user_id: 2, name: 'Bob' }]);
    await nodes.relay('up');
    nodes.#nginx = await nodes.#before(folder('nginx'), front).run();
    return nodes;
  }

  /** nginx in front of the hubs: the printed site, with the ports of these. */
  #before(folder, port) {
    const [first, ...others] = SITE.match(/^ *server 127.0.0.1:\d+ max_fails=0;\n/gm);
    const own = this.hubs.map(hub => `server 127.0.0.1:${hub.port} max_fails=0;\n`).join('');
    const site = others.reduce((site, line) => site.replace(line, ''), SITE).replace(first, own).replace('listen 127.0.0.1:8080;', `listen 127.0.0.1:${port};`);
    writeFileSync(join(folder, 'nginx.conf'), around(site));
    const nginx = new Server(folder, port, '/usr/sbin/nginx', '-e', 'stderr', '-p', folder, '-c', 'nginx.conf');
    return Object.assign(nginx, { signal: 'SIGTERM' });
  }

  /** The page of a user, through nginx, in the conversation with another one. */
  link(id, peer) {
    return `http://127.0.0.1:${this.#nginx.port}/#token=${this.hubs[0].token(id, { peer })}`;
  }

  /** Waits until all hubs that run say this of NATS. */
  async relay(state, hubs = this.hubs) {
    await until(`the relay is ${state}`, async () => {
      const answers = await Promise.all(hubs.map(hub => fetch(`${hub.url}/health/ready`).then(answer => answer.json())));
      return answers.every(answer => answer.relay === state);
    });
  }

  /** Waits until two visitors are at a hub each. nginx counts requests, too, so both may be at one: then the page of one is loaded anew. */
  async apart(visitor) {
    await until('the visitors are at a hub each', async () => {
      const seen = await Promise.all(this.hubs.map(sockets));
      if (seen.includes(2)) {
        await visitor.page.reload();
        await visitor.online();
      }
      return seen.every(count => count === 1);
    });
  }

  /** Waits until the hubs have so many sockets each, in their order; `undefined` for one that is down. */
  async sockets(...expected) {
    let seen;
    await until(`the hubs have ${expected} sockets`, async () => {
      seen = await Promise.all(this.hubs.map((hub, index) => expected[index] === undefined ? undefined : sockets(hub)));
      return JSON.stringify(seen) === JSON.stringify(expected);
    }).catch(error => { throw new Error(`${error.message}, but ${seen}`); });
  }

  async end() {
    await this.#nginx.end();
    for (const hub of this.hubs) await hub.end();
    for (const server of [this.nats, this.#database]) await server.end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function sockets(hub) {
  const metrics = await fetch(`${hub.url}/metrics`).then(answer => answer.text());
  return Number(/^chat_connections (\d+)$/m.exec(metrics)?.[1]);
}
