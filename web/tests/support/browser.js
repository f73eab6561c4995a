// Debian's Chromium, and people who use the page in it by clicking and typing.

import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';
import { DEADLINE, until } from './wait.js';

const dist = join(import.meta.dirname, '../../dist');
const MEDIA = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json' };

/** Starts the browser: `CHROMIUM`, or what Debian installs. */
export function browser() {
  const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(path => path && existsSync(path));
  if (!executablePath) throw new Error('there is no Chromium: apt-get install chromium, or name one in CHROMIUM');
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--force-color-profile=srgb', ...(process.env.WEB_FROM_DISK ? ['--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests'] : [])] });
}

/** Gives scripts of tests what looks into shadows, as the document's own does not: `roots`, `seek`, `seekAll`, `seekFocus`. */
function seeking() {
  window.roots = () => {
    const all = [document];
    for (const root of all) all.push(...[...root.querySelectorAll('*')].map(element => element.shadowRoot).filter(shadow => shadow));
    return all;
  };
  window.seekAll = selector => window.roots().flatMap(root => [...root.querySelectorAll(selector)]);
  window.seek = selector => window.seekAll(selector)[0] ?? null;
  window.seekFocus = (root = document) => (root.activeElement?.shadowRoot ? window.seekFocus(root.activeElement.shadowRoot) : root.activeElement);
}

/** A user with the page open. What goes wrong in it is collected in `wrongs`. */
export class Visitor {
  wrongs = [];

  /** Opens a link in a browser of one's own. Without a service worker, that routes see every request, unless a test asks for one. */
  static async open(browser, link, options = {}) {
    const visitor = new Visitor();
    visitor.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', serviceWorkers: 'block', ...options });
    visitor.context.setDefaultTimeout(DEADLINE);
    await visitor.context.addInitScript(() => {
      window.violations = [];
      document.addEventListener('securitypolicyviolation', event => window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
    });
    await visitor.context.addInitScript(seeking);
    visitor.page = await visitor.tab(link);
    return visitor;
  }

  /** Opens a further tab; without a link, beside the first one. */
  async tab(link) {
    const page = await this.context.newPage();
    page.on('pageerror', error => this.wrongs.push(`${error.stack ?? error}`));
    page.on('console', message => {
      // A server that is away is part of some tests; the library then asks whether an upgrade was refused (426: it was not).
      if (message.type() === 'error' && !/ERR_CONNECTION_|ERR_INTERNET|WebSocket connection|can’t establish a connection|was interrupted while the page|status of (401|404|426|5..)/.test(message.text())) this.wrongs.push(message.text());
    });
    if (process.env.WEB_FROM_DISK) await fromDisk(page);
    await page.goto(link);
    return page;
  }

  get field() {
    return this.page.getByRole('textbox', { name: 'Message' });
  }

  get log() {
    return this.page.getByRole('log');
  }

  /** Types a message, and presses Enter. */
  async says(text) {
    await this.field.fill(text);
    await this.field.press('Enter');
  }

  /** What stands in the conversation, oldest first. */
  texts(page = this.page) {
    return page.locator('.row .text').allTextContents();
  }

  /** Waits until the conversation reads like this. */
  async reads(expected, page = this.page) {
    let seen;
    await until(`the conversation reads ${JSON.stringify(expected.slice(-6))}`, async () => {
      seen = await this.texts(page);
      return JSON.stringify(seen) === JSON.stringify(expected);
    }).catch(error => {
      const missing = expected.filter(text => !seen.includes(text));
      throw new Error(`${error.message}, but ${JSON.stringify(seen.slice(-8))} (${seen.length} of ${expected.length}); missing: ${JSON.stringify(missing)}`);
    });
  }

  /** How many entries the page's outbox has on disk. */
  unsentOnDisk() {
    return this.page.evaluate(async () => {
      const { name } = (await indexedDB.databases()).find(({ name }) => /^softadastra-chat http/.test(name));
      const open = indexedDB.open(name);
      await new Promise(done => (open.onsuccess = done));
      const count = open.result.transaction('outbox').objectStore('outbox').count();
      await new Promise(done => (count.onsuccess = done));
      open.result.close();
      return count.result;
    });
  }

  /** Waits until the last own message has come that far. */
  async ticked(label, nth = -1) {
    const ticks = this.page.locator('.row.mine .tick');
    await until(`the message is ${label}`, async () => {
      const labels = await ticks.evaluateAll(all => all.map(tick => tick.getAttribute('aria-label')));
      return labels.at(nth) === label;
    });
  }

  online(state = 'online') {
    return this.page.locator(`.status[data-state="${state}"]`).waitFor({ state: 'attached' });
  }

  /** Turns the page's switch. Behind another tab a browser draws once a second, and a click waits for that. */
  async goes(online) {
    await this.page.bringToFront();
    const toggle = this.page.getByRole('switch', { name: 'Online' });
    if (((await toggle.getAttribute('aria-checked')) === 'true') !== online) await toggle.click();
    await this.online(online ? 'online' : 'paused');
  }

  /** Opens a message's menu and chooses from it. */
  async chooses(text, action) {
    await this.page.bringToFront();
    const row = this.page.locator('.row', { hasText: text }).last();
    await row.hover();
    await row.getByRole('button', { name: 'Message options' }).click();
    await this.page.getByRole('menuitem', { name: action }).click();
  }

  violations() {
    return this.page.evaluate(() => window.violations);
  }

  close() {
    return this.context.close();
  }
}

/** What the hub has of the working copy, below any base path. */
const SERVED = /^(?:\/|.*?\/((?:v1\/|admin\/)?(?:assets\/[\w.-]+|[\w-]+\.js)|page\/[\w.-]+))$/;

/** Serves the page from the working copy instead of the binary, to work on it: WEB_FROM_DISK=1, after `npm run build`. */
export function fromDisk(page) {
  return page.route(url => SERVED.test(url.pathname), async route => {
    const path = SERVED.exec(new URL(route.request().url()).pathname)?.[1] ?? 'index.html';
    if (!existsSync(join(dist, path)) || !MEDIA[extname(path)]) return route.fallback();
    const answer = path === 'index.html' ? await route.fetch() : undefined;
    return route.fulfill({ status: 200, headers: { ...answer?.headers(), 'access-control-allow-origin': '*', 'content-encoding': '', 'content-length': '', 'content-type': `${MEDIA[extname(path)]}; charset=utf-8` }, body: readFileSync(join(dist, path)) });
  });
}
