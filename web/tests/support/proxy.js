// A TCP proxy with faults: slow lines, cuts, no network at all, and connections that look open while nothing passes.

import { connect, createServer } from 'node:net';
import { pause } from './wait.js';

/** How much of what one connection has to say goes before another one's turn, in bytes. */
const PIECE = 2048;

export class Proxy {
  #pairs = new Set();
  #server;
  /** When the line will have taken what was given to it, there and back. */
  #busyUntil = { there: 0, back: 0 };
  /** Milliseconds that everything is late, each way. */
  delay = 0;
  /** Bytes a second that the line takes, each way, for all connections together. */
  rate = Infinity;
  /** Whether new connections look open while nothing passes. */
  silent = false;
  /** Whether new connections are cut at once, as without a network. */
  refusing = false;
  port;

  static async before(target) {
    const proxy = new Proxy();
    proxy.#server = createServer(client => (proxy.refusing ? client.resetAndDestroy() : proxy.#join(client, target)));
    await new Promise(done => proxy.#server.listen(0, '127.0.0.1', done));
    proxy.port = proxy.#server.address().port;
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How many connections are open. */
  get open() {
    return this.#pairs.size;
  }

  #join(client, port) {
    const server = connect(port, '127.0.0.1');
    const pair = { client, server, silent: this.silent };
    this.#pairs.add(pair);
    for (const side of [client, server]) side.on('error', () => {}); // it is cut, and that is told by its end
    this.#carry(client, server, pair, 'there');
    this.#carry(server, client, pair, 'back');
  }

  /** Takes what comes from one side to the other, no faster than the line does. */
  async #carry(from, to, pair, way) {
    let arrived = Promise.resolve();
    try {
      for await (const chunk of from) {
        const size = this.rate === Infinity ? chunk.length : PIECE;
        for (let at = 0; at < chunk.length; at += size) {
          const piece = chunk.subarray(at, at + size);
          await this.#turn(piece.length, way);
          const due = Date.now() + this.delay;
          arrived = arrived.then(() => pause(due - Date.now())).then(() => pair.silent || to.destroyed || to.write(piece));
        }
      }
    } catch {
      // The connection was cut.
    }
    if (pair.silent) return;
    this.#pairs.delete(pair);
    arrived.then(() => to.destroy());
  }

  /** Waits until the line has taken some bytes. */
  #turn(bytes, way) {
    if (this.rate === Infinity) return undefined;
    this.#busyUntil[way] = Math.max(Date.now(), this.#busyUntil[way]) + (bytes / this.rate) * 1000;
    return pause(this.#busyUntil[way] - Date.now());
  }

  /** Cuts every connection, with what is under way on it. */
  cut() {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** There is a network from now on, or none: what is open is cut, and nothing else gets through. */
  network(there) {
    this.refusing = !there;
    if (!there) this.cut();
  }

  /** From now on nothing passes on the connections that are open; both sides believe that they are. */
  hush() {
    for (const pair of this.#pairs) pair.silent = true;
  }

  async end() {
    this.cut();
    await new Promise(done => this.#server.close(done));
  }
}
