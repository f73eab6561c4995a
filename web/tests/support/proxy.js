// A TCP proxy with faults: delays, cuts, and connections that look open while nothing passes.

import { connect, createServer } from 'node:net';

export class Proxy {
  #pairs = new Set();
  #server;
  /** Milliseconds that each chunk is late. */
  delay = 0;
  /** Whether new connections look open while nothing passes. */
  silent = false;
  port;

  static async before(target) {
    const proxy = new Proxy();
    proxy.#server = createServer(client => proxy.#join(client, target));
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
    for (const [from, to] of [[client, server], [server, client]]) {
      let queue = Promise.resolve();
      from.on('data', chunk => {
        if (pair.silent) return;
        const { delay } = this;
        queue = queue.then(() => new Promise(done => setTimeout(done, delay))).then(() => pair.silent || to.destroyed || to.write(chunk));
      });
      from.on('error', () => {});
      from.on('close', () => {
        if (pair.silent) return;
        this.#pairs.delete(pair);
        queue.then(() => to.destroy());
      });
    }
  }

  /** Cuts every connection, with what is under way on it. */
  cut() {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#pairs.clear();
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
