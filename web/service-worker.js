// Lets the page start without a network: keeps its files, all of one version of the hub. With a network the page is fetched, so
// that a new version shows at once; files named by their content never change, and come from the cache. It keeps no data of
// users: it does not handle requests to the hub's API.

/* global VERSION, FILES: the version of the page, and the addresses of its files. build.js defines both. */

/** The global scope of the worker, which the types for pages lack. */
const worker = /** @type {any} */ (globalThis);
const { scope } = worker.registration;

/** The prefix of this page's caches; another hub on the same origin has another one. */
const MINE = `softadastra-chat ${scope} `;
const NAME = MINE + VERSION;
const addresses = new Set(FILES.map(file => new URL(file, scope).href));
const ASSETS = new URL('assets/', scope).href;

/** How long the network may take for a file that is in the cache, in ms; and for how long the cache alone is used after that. */
const [PATIENCE, REST] = [3000, 15_000];
let restsUntil = 0;

worker.addEventListener('install', (/** @type {any} */ event) => event.waitUntil((async () => {
  const cache = await caches.open(NAME);
  await cache.addAll([...addresses].map(address => new Request(address, { cache: 'no-cache' })));
  await worker.skipWaiting();
})()));

worker.addEventListener('activate', (/** @type {any} */ event) => event.waitUntil((async () => {
  // An open page may still import files of the version before: its cache is kept.
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

/** @param {string} url @param {string} address `url` without its query */
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
