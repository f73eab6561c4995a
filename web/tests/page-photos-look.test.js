// How photos look: about to be sent, on their way, refused, in an album of ten, in full, held back; and the page without a network.
// In light and dark, wide, as a phone and as the narrowest phone. The pictures are kept in tests/pictures.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Hub } from './support/hub.js';
import { looking, pictures } from './support/looks.js';
import { NARROW, camera, files, fitted, paint, wide } from './support/pictures.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

let hub;
before(async () => {
  mkdirSync(pictures, { recursive: true });
  hub = await Hub.start(NARROW);
});
after(() => hub.end());

let newest = 100;

for (const [width, height] of [[1280, 800], [390, 844], [320, 568]]) {
  test(`${width} wide, light and dark: photos, from the strip to the album, and what is held back`, async () => {
    const [one, other] = [++newest, ++newest];
    await hub.ask(other, 'POST', '/chat/send', { receiver_id: one, temp_id: 'ask', content: 'Do you have photos of it?' });
    const { alice, page, look } = await looking(chromium, hub.link(one, other), width, height, ['light', 'dark']);
    await alice.online();
    const pick = all => page.locator('input[type=file]').setInputFiles(all);
    const line = await page.context().newCDPSession(page);
    await line.send('Network.enable');
    const upload = bytes => line.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });

    await pick([...files(await paint(page, 2)), await camera(page, 960, 720)]);
    await fitted(page);
    await alice.field.fill('From three sides');
    await look('photo-strip');
    await upload(60_000);
    await alice.field.press('Enter');
    await until('one is on its way', () => page.locator('.picture.waiting progress').nth(2).evaluate(bar => bar.value > 0.3));
    await alice.says('And a word meanwhile.');
    await page.locator('.row', { hasText: 'And a word' }).locator('.tick-sent, .tick-delivered').waitFor();
    await upload(500); // it stands nearly still while it is looked at
    await look('photo-uploading');
    await upload(-1);
    await until('they are there', async () => (await page.locator('button.picture.loaded').count()) === 3);

    await pick(files(await paint(page, 10)));
    await fitted(page);
    await alice.says('All ten');
    await until('they are there', async () => (await page.locator('button.picture.loaded').count()) === 13);
    await pick(files(await paint(page, 1, 90, 60)));
    await alice.field.press('Enter');
    await until('it is there', async () => (await page.locator('button.picture.loaded').count()) === 14);
    const jump = page.getByRole('button', { name: 'To the newest message' });
    if (await jump.isVisible()) await jump.click();
    await look('photo-album');
    await page.getByRole('button', { name: 'Photo 2 of 10: open' }).click();
    await page.getByRole('link', { name: 'Download' }).waitFor();
    await look('photo-full');
    await page.keyboard.press('+');
    await look('photo-zoomed');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Photo' }).waitFor({ state: 'hidden' });

    await pick([...files(await paint(page, 1)), await wide(page)]);
    await fitted(page);
    const toast = page.locator('.toast');
    const passed = () => toast.evaluateAll(all => all.forEach(toast => toast.remove())); // it would go by itself, in its time
    await look('photo-left-out', async () => {
      await passed();
      await pick([{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('words') }]);
      await toast.waitFor();
    });
    await alice.says('Refused by the hub');
    await page.locator('.failure').waitFor();
    await passed();
    await look('photo-refused');

    await page.evaluate(() => localStorage.setItem(`softadastra-chat ${location.pathname} saving`, 'on'));
    await page.reload();
    await until('they are held', async () => (await page.locator('.picture.held').count()) === 14);
    await look('photo-held');
    assert.deepEqual(alice.wrongs.filter(wrong => !/status of 413/.test(wrong)), []);
    await alice.close();
  });
}

test('the page without a network: what was there last, and what is written', async () => {
  for (const [width, height, colorScheme] of [[1280, 800, 'light'], [390, 844, 'dark'], [320, 568, 'light']]) {
    const away = await Hub.start();
    for (const [from, text] of [[2, 'Is it still there?'], [1, 'It is.'], [2, 'Then I come on Thursday.']]) await away.ask(from, 'POST', '/chat/send', { receiver_id: 3 - from, temp_id: text, content: text });
    await away.ask(3, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'c', content: 'Thank you!' });
    const { alice, page, narrow, look } = await looking(chromium, away.link(1, 2), width, height, colorScheme, { serviceWorkers: 'allow' });
    await alice.reads(['Is it still there?', 'It is.', 'Then I come on Thursday.']);
    await until('the page is kept', () => page.evaluate(() => navigator.serviceWorker.controller !== null));
    await away.kill();
    await page.reload();
    await alice.reads(['Is it still there?', 'It is.', 'Then I come on Thursday.']);
    await alice.says('I am under a bridge.');
    await page.locator('.banner').waitFor();
    await look('away-conversation');
    if (narrow) {
      await page.getByRole('button', { name: 'Back to all conversations' }).click();
      await page.locator('.thread').first().waitFor();
      await look('away-inbox');
    }
    await alice.close();
    await away.end();
  }
});
