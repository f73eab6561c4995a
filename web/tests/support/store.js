// A store that speaks as much of S3 as the hub needs, on an origin of its own. It trusts every caller.

import { createServer } from 'node:http';

export class Store {
  #objects = new Map();
  #server;
  /** The paths that clients have read here. @type {string[]} */
  read = [];
  port;

  static async start() {
    const store = new Store();
    store.#server = createServer((request, answer) => store.#serve(request, answer));
    await new Promise(done => store.#server.listen(0, '127.0.0.1', done));
    store.port = store.#server.address().port;
    return store;
  }

  /** What makes a hub keep its images here, and send their readers here. */
  get settings() {
    return {
      CHAT_MEDIA_URL: 's3://pictures/web', CHAT_MEDIA_REDIRECT: 'true',
      AWS_ENDPOINT: `http://127.0.0.1:${this.port}`, AWS_ALLOW_HTTP: 'true', AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret',
    };
  }

  async #serve(request, answer) {
    const path = request.url.split('?')[0];
    if (request.method === 'PUT') {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      this.#objects.set(path, { type: request.headers['content-type'], bytes: Buffer.concat(chunks) });
      return answer.writeHead(200, { ETag: '"1"' }).end();
    }
    const object = this.#objects.get(path);
    if (!object) return answer.writeHead(404).end();
    this.read.push(path);
    return answer.writeHead(200, { 'Content-Type': object.type, ETag: '"1"', 'Last-Modified': new Date().toUTCString() }).end(object.bytes);
  }

  end() {
    this.#server.closeAllConnections();
    return new Promise(done => this.#server.close(done));
  }
}
