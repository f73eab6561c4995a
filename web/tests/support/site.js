// A site of another origin, as the marketplace's: pages with what a test puts into them, and tokens for the user who is signed in.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { Hub } from './hub.js';

/** What marketplaces build pages with. */
const LIBRARIES = { '/bootstrap.css': 'bootstrap/dist/css/bootstrap.min.css', '/bootstrap.js': 'bootstrap/dist/js/bootstrap.bundle.min.js', '/jquery.js': 'jquery/dist/jquery.min.js' };

export class Site {
  #server;
  #pages = new Map(Object.entries(LIBRARIES).map(([path, file]) => [path, readFileSync(createRequire(import.meta.url).resolve(file), 'utf8')]));
  #raw = new Set();
  #parsing = new Set();
  hub;

  /** Starts a site, and a hub that lets its pages in and serves no page of its own. */
  static async start(settings = {}) {
    const site = new Site();
    site.#server = createServer((request, response) => site.#answer(new URL(request.url, 'http://site'), response));
    await new Promise(done => site.#server.listen(0, '127.0.0.1', done));
    site.hub = await Hub.start({ CHAT_PAGE: 'off', CHAT_BASE_PATH: '/api', CHAT_ALLOWED_ORIGINS: site.url, ...settings });
    return site;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** The address of the module. */
  get module() {
    return `${this.hub.url}/v1/element.js`;
  }

  /**
   * Puts up a page; returns its address. A strict policy lets in what the elements need, and nothing inline; with `parsing` the
   * page's own scripts may make elements of texts, as jQuery does.
   * @param {string} body @param {{head?: string, html?: string, styles?: string, scripts?: string, parsing?: boolean}} [how]
   */
  page(body, { head = '', html = 'lang="en"', styles = '', scripts = '', parsing = false } = {}) {
    const path = `/page-${this.#pages.size}`;
    if (parsing) this.#parsing.add(path);
    this.#pages.set(`${path}.css`, styles);
    this.#pages.set(`${path}.js`, scripts);
    this.#pages.set(path, `<!doctype html><html ${html}><head><meta charset="utf-8"><title>The shop</title><meta name="viewport" content="width=device-width, initial-scale=1">
      <link rel="icon" href="data:,"><link rel="stylesheet" href="${path}.css">${head}<script type="module" src="${this.module}"></script><script type="module" src="${path}.js"></script></head><body>${body}</body></html>`);
    return this.url + path;
  }

  /** Puts up a page as it is, with no policy. @param {string} text */
  raw(text) {
    const path = `/page-${this.#pages.size}`;
    this.#raw.add(path);
    this.#pages.set(path, text);
    return this.url + path;
  }

  #answer({ pathname, searchParams }, response) {
    if (pathname === '/chat/token') {
      const user = Number(searchParams.get('user'));
      response.writeHead(user ? 200 : 401, { 'content-type': 'application/json' });
      return response.end(JSON.stringify(user ? { token: this.hub.token(user) } : {}));
    }
    const page = this.#pages.get(pathname);
    const type = pathname.endsWith('.css') ? 'text/css' : pathname.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8';
    const { origin } = new URL(this.hub.url);
    const policy = `default-src 'none'; script-src 'self' ${origin}; style-src 'self' ${origin}; connect-src 'self' ${origin} ${origin.replace('http', 'ws')}; img-src data: blob: https:; base-uri 'none'${this.#parsing.has(pathname) ? '' : "; require-trusted-types-for 'script'; trusted-types 'none'"}`;
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': type, ...(this.#raw.has(pathname) ? {} : { 'content-security-policy': policy }) });
    response.end(page);
  }

  async end() {
    await this.hub.end();
    this.#server.closeAllConnections();
    await new Promise(done => this.#server.close(done));
  }
}
