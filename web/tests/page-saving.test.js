// Saving data: photos come when they are asked for, and say how large they are.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { files, paint } from './support/pictures.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

/** Alice, to whom Bob has sent two photos, and a way to count what she fetches of them. */
async function received(saveData) {
  const hub = await Hub.start();
  const bob = await Visitor.open(chromium, hub.link(2, 1));
  await bob.online();
  await bob.page.locator('input[type=file]').setInputFiles(files(await paint(bob.page, 2)));
  await bob.says('two sides');
  await until('they are there', async () => (await hub.conversation(1, 2)).length === 1);
  const alice = await Visitor.open(chromium, 'about:blank');
  await alice.context.addInitScript(saveData => Object.defineProperty(navigator, 'connection', { value: { saveData } }), saveData);
  const fetched = [];
  alice.page.on('request', request => request.url().includes('/media/') && fetched.push(new URL(request.url()).pathname.split('/').at(-1)));
  await alice.page.goto(hub.link(1, 2));
  await alice.reads(['two sides']);
  return { hub, alice, fetched, async end() {
    for (const visitor of [alice, bob]) {
      assert.deepEqual(visitor.wrongs, []);
      await visitor.close();
    }
    await hub.end();
  } };
}

const held = alice => alice.page.locator('.picture.held');
const toggle = alice => alice.page.getByRole('switch', { name: 'Save data' });

test('a browser that saves data is asked for no photo before a tap, and each says how large it is', async () => {
  const { hub, alice, fetched, end } = await received(true);
  await until('both are held', async () => (await held(alice).count()) === 2);
  const [{ images }] = await hub.conversation(1, 2);
  const size = `${Math.round(images[0].bytes / 1000)} kB`;
  assert.equal(await held(alice).first().locator('.picture-size').textContent(), size);
  assert.deepEqual(fetched, []);
  await alice.page.getByRole('button', { name: `Photo 1 of 2, ${size}: show` }).click();
  await until('the first is there', async () => (await alice.page.locator('.picture.loaded').count()) === 1);
  assert.deepEqual([fetched, await held(alice).count()], [['thumb'], 1]);
  // A second tap shows it in full.
  await alice.page.getByRole('button', { name: 'Photo 1 of 2: open' }).click();
  await until('it is shown in full', () => alice.page.locator('.lightbox-picture').evaluate(image => image.naturalWidth === 640));
  assert.deepEqual(fetched, ['thumb', 'full']);
  await alice.page.keyboard.press('Escape');
  // The switch shows how it stands, and to turn it off brings what is held.
  await alice.page.getByRole('button', { name: /^Notifications/ }).click();
  assert.equal(await toggle(alice).getAttribute('aria-checked'), 'true');
  await toggle(alice).click();
  await until('all are there', async () => (await alice.page.locator('.picture.loaded').count()) === 2);
  await alice.page.reload();
  await until('so it stays', async () => (await alice.page.locator('.picture.loaded').count()) === 2);
  await end();
});

test('a user who turns the switch on saves data from then on, over a reload', async () => {
  const { alice, fetched, end } = await received(false);
  await until('all are there', async () => (await alice.page.locator('.picture.loaded').count()) === 2);
  await alice.page.getByRole('button', { name: /^Notifications/ }).click();
  assert.equal(await toggle(alice).getAttribute('aria-checked'), 'false');
  await toggle(alice).click();
  await alice.page.keyboard.press('Escape');
  fetched.length = 0;
  await alice.page.reload();
  await until('both are held', async () => (await held(alice).count()) === 2);
  assert.deepEqual(fetched, []);
  await end();
});
