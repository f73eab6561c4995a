// On a slow line, 50 KB a second and 400 ms each way round: a photo, and what is written meanwhile.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { camera, fitted } from './support/pictures.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

const SLOW = { offline: false, latency: 400, downloadThroughput: 50_000, uploadThroughput: 50_000 };

/** Makes a page's line slow. */
async function slow(visitor) {
  const client = await visitor.context.newCDPSession(visitor.page);
  await client.send('Network.enable');
  await client.send('Network.emulateNetworkConditions', SLOW);
}

test('a photo of 12 megapixels takes 350 KB of the line, and a text that is written meanwhile does not wait for it', async () => {
  const hub = await Hub.start();
  const [alice, bob] = await Promise.all([[1, 2], [2, 1]].map(people => Visitor.open(chromium, hub.link(...people))));
  await Promise.all([alice.online(), bob.online()]);
  const photo = await camera(alice.page);
  await slow(alice);
  let sent = 0;
  alice.page.on('request', async request => request.url().endsWith('/chat/upload') && (sent = Number((await request.allHeaders())['content-length'])));
  await alice.page.locator('input[type=file]').setInputFiles([photo]);
  await fitted(alice.page);
  const begun = Date.now();
  await alice.says('a photo');
  await alice.says('a text');
  await bob.reads(['a text']);
  const text = Date.now() - begun;
  await bob.reads(['a text', 'a photo']);
  const took = Date.now() - begun;
  await until('its size is known', () => sent);
  console.log(`a text ${text} ms, the photo ${took} ms, ${sent} bytes`);
  assert.ok(sent <= 350 * 1024 + 1000, `${sent} bytes`);
  assert.ok(text < took / 2, `${text} ms of ${took}`);
  for (const visitor of [alice, bob]) {
    assert.deepEqual(visitor.wrongs, []);
    await visitor.close();
  }
  await hub.end();
});
