// A real hub in a process of its own, in development mode, its data in a temporary folder.

import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './wait.js';

const root = join(import.meta.dirname, '../../..');

/** The program: `CHAT_HUB`, or what cargo has built last. */
export function program() {
  const { CHAT_HUB, CARGO_TARGET_DIR } = process.env;
  const target = CARGO_TARGET_DIR ?? join(root, 'target');
  const found = [CHAT_HUB, join(target, 'debug/softadastra-chat'), join(target, 'release/softadastra-chat')];
  const path = found.find(path => path && existsSync(path));
  if (!path) throw new Error('there is no hub: run `cargo build` first, or name one in CHAT_HUB');
  return path;
}

/** The hubs that run: none outlives the tests, not even those that fail. @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')));

/** A port that is free now. */
export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

export class Hub {
  folder = mkdtempSync(join(tmpdir(), 'chat-web-'));
  process;
  port;
  base;
  settings;

  /** Starts a hub with a fresh database. Alice and Bob are nothing but that, unless the `shop` of development mode is to be seen. */
  static async start(settings = {}, { shop = false } = {}) {
    const hub = new Hub();
    hub.port = await freePort();
    const unlimited = { CHAT_RATE_LIMIT: 'off', CHAT_NEW_CONVERSATIONS_PER_MINUTE: 'off', CHAT_NEW_CONVERSATIONS_PER_DAY: 'off' };
    hub.settings = { CHAT_OFFLINE_AFTER: '1s', ...unlimited, ...settings };
    hub.base = hub.settings.CHAT_BASE_PATH ?? '';
    await hub.run();
    if (!shop && !settings.JWT_SECRET) await hub.puts('profiles', [{ user_id: 1, name: 'Alice' }, { user_id: 2, name: 'Bob' }]);
    return hub;
  }

  get url() {
    return `http://127.0.0.1:${this.port}${this.base}`;
  }

  /** Starts the program, on the same port and with the same data as before. */
  async run() {
    const log = openSync(join(this.folder, 'hub.log'), 'a');
    const out = openSync(join(this.folder, 'hub.out'), 'w');
    const env = { ...process.env, RUST_BACKTRACE: '0', RUST_LOG: 'info', ...this.settings, CHAT_LISTEN: `127.0.0.1:${this.port}` };
    this.process = spawn(program(), [], { cwd: this.folder, env, stdio: ['ignore', out, log] });
    const child = this.process;
    running.add(child);
    child.once('exit', () => running.delete(child));
    await until('the hub is ready', async () => {
      if (this.process.exitCode !== null) throw new Error(`the hub has ended:\n${this.log()}`);
      const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      return answer?.ok;
    });
  }

  /** Takes `kill -9` to it. */
  async kill() {
    const gone = new Promise(done => this.process.once('exit', done));
    this.process.kill('SIGKILL');
    await gone;
  }

  /** Stops its clock, as a machine does that hangs; `false` lets it go on. */
  freeze(frozen = true) {
    this.process.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Ends it, and everything that it has stored. */
  async end() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  log() {
    return readFileSync(join(this.folder, 'hub.log'), 'utf8');
  }

  /** The two links that it has printed. */
  links() {
    return readFileSync(join(this.folder, 'hub.out'), 'utf8').trim().split('\n');
  }

  /** A token, as the marketplace's core would issue it. */
  token(id, { role = 'user', seconds = 3600, ...more } = {}) {
    const secret = this.settings.JWT_SECRET ?? readFileSync(join(this.folder, 'data/development.secret'), 'utf8').trim();
    const part = value => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = `${part({ typ: 'JWT', alg: 'HS256' })}.${part({ id, role, exp: Math.floor(Date.now() / 1000) + seconds, ...more })}`;
    return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
  }

  /** The page of a user, in the conversation with another one. */
  link(id, peer) {
    return `${this.url}/#token=${this.token(id, { peer })}`;
  }

  /** Asks over REST, as a user. */
  async ask(id, method, path, body, options) {
    const headers = { Authorization: `Bearer ${this.token(id, options)}`, 'Content-Type': 'application/json' };
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** Has the marketplace's core say what is known of users (`profiles`) or things (`cards`). */
  puts(what, list) {
    return this.ask(1, 'PUT', `/internal/${what}`, { [what]: list }, { role: 'service' });
  }

  /** Has the marketplace itself write to two users; returns the message. */
  async writes(user_a, user_b, text, more = {}) {
    const body = { user_a, user_b, text, dedupe_key: `${user_a} ${user_b} ${JSON.stringify(text)}`.slice(0, 100), ...more };
    return (await this.ask(1, 'POST', '/internal/messages', body, { role: 'service' })).message;
  }

  /** Everything that two people have said, as the server has it. */
  async conversation(id, peer) {
    const all = [];
    for (let after = 0, more = true; more; ) {
      const page = await this.ask(id, 'GET', `/chat/messages?with=${peer}&after_seq=${after}&limit=200`);
      all.push(...page.messages);
      more = page.has_more;
      after = all.at(-1)?.seq ?? 0;
    }
    return all;
  }
}
