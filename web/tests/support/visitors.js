// What a file of tests of the page stands on: a browser, and two users with the page open. Importing it starts the browser
// before the file's tests, and closes it after them.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { browser, Visitor } from './browser.js';
import { Hub } from './hub.js';

/** @type {import('playwright-core').Browser} */
export let chromium;

before(async () => (chromium = await browser()));
after(() => chromium.close());

/**
 * A hub, Alice and Bob, each in a browser of their own, in the conversation with the other. `end` finds whether anything went
 * wrong in either page; `expected` is what the browser notes because the test asks for it.
 */
export async function scene(settings = {}, { links = async hub => [hub.link(1, 2), hub.link(2, 1)], expected = /^$/, shop = false } = {}) {
  const hub = await Hub.start(settings, { shop });
  const [alice, bob] = await Promise.all((await links(hub)).map(link => Visitor.open(chromium, link)));
  await Promise.all([alice.online(), bob.online()]);
  return { hub, alice, bob, async end() {
    for (const visitor of [alice, bob]) {
      assert.deepEqual(visitor.wrongs.filter(wrong => !expected.test(wrong)), []);
      assert.deepEqual(await visitor.violations(), []);
      await visitor.close();
    }
    await hub.end();
  } };
}
