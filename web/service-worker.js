// Shows the page without a network: its files, all of one version of the hub. With a network the page comes from there, so that a
// new version is there at once; what is named by its content is never another one, and comes from here. Nothing that belongs to a
// user is kept here, for no answer of the hub's own is looked at.

/* global VERSION, FILES: which version of the page this is, and the addresses of its files. build.js writes both. */

/** What the types of a page do not know of a worker. */
const worker = /** @type {any} */ (globalThis);
const { scope } = worker.registration;

/** The caches of this page; another hub of the same origin has others. */
const MINE = `softadastra-chat ${scope} `;
const NAME = MINE + VERSION;
const addresses = new Set(FILES.map(file => new URL(file, scope).href));
const ASSETS = new URL('assets/', scope).href;

/** How long the network may keep a file waiting that is here, in ms; and for how long it is not asked after that. */
const [PATIENCE, REST] = [3000, 15_000];
let restsUntil = 0;

worker.addEventListener('install', (/** @type {any} */ event) => event.waitUntil((async () => {
  const cache = await caches.open(NAME);
  await cache.addAll([...addresses].map(address => new Request(address, { cache: 'no-cache' })));
  await worker.skipWaiting();
})()));

worker.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil((async () => {
  // A page that is open still imports files of the version before.
  const before = (await caches.keys()).filter(name => name.startsWith(MINE) && name !== NAME);
  for (const name of before.slice(0, -1)) await caches.delete(name);
  await worker.clients.claim();
})()));

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  const address = origin + pathname;
  if (method !== 'GET') return;
  if (address.startsWith(ASSETS)) event.respondWith(asset(event.request));
  else if (addresses.has(address)) event.respondWith(answer(url, address));
});

/** @param {Request} request */
const asset = async request => (await caches.match(request, { ignoreVary: true })) ?? fetch(request);

/** @param {string} url @param {string} address the same without what stands behind a `?` */
async function answer(url, address) {
  const kept = await (await caches.open(NAME)).match(address, { ignoreVary: true });
  if (kept && Date.now() < restsUntil) return kept;
  const stop = new AbortController();
  const impatient = kept && setTimeout(() => stop.abort(), PATIENCE);
  try {
    const fresh = await fetch(url, { signal: stop.signal });
    if (fresh.status < 500 || !kept) return fresh;
    return kept;
  } catch (error) {
    if (!kept) throw error;
    restsUntil = Date.now() + REST;
    return kept;
  } finally {
    clearTimeout(impatient);
  }
}
