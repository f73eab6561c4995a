// Photos on their way out of the page, and in front of the user: smaller before they travel, each with its progress and its cancel,
// from anywhere on the page; looked at, zoomed, swiped and kept.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { camera, files, fitted, paint } from './support/pictures.js';
import { hand } from './support/touch.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const pick = (visitor, all) => visitor.page.locator('input[type=file]').setInputFiles(all);
const loaded = (visitor, count) => until(`${count} pictures are there`, async () => (await visitor.page.locator('button.picture.loaded').count()) === count);
const names = visitor => visitor.page.locator('.strip img').evaluateAll(all => all.map(image => image.alt));

/** Lets a page think that files come to one of its elements. */
const give = (visitor, kind, selector, bytes, text) => visitor.page.evaluate(({ kind, selector, bytes, text }) => {
  const data = new DataTransfer();
  bytes.forEach((buffer, n) => data.items.add(new File([new Uint8Array(buffer)], `${kind} ${n + 1}.jpg`, { type: 'image/jpeg' })));
  if (text) data.setData('text/plain', text);
  const how = { bubbles: true, cancelable: true, composed: true, dataTransfer: data, clipboardData: data };
  const target = seek(selector);
  if (kind === 'drop') target.dispatchEvent(new DragEvent('dragover', how));
  const shown = seek('.drop') !== null;
  const taken = !target.dispatchEvent(new (kind === 'drop' ? DragEvent : ClipboardEvent)(kind, how));
  return { shown, taken };
}, { kind, selector, bytes, text });

/** The bytes of what a page uploads, by its size. */
function uploads(visitor) {
  const sizes = [];
  visitor.page.on('request', async request => {
    if (!request.url().endsWith('/chat/upload')) return;
    const headers = await request.allHeaders();
    sizes.push(Number(headers['content-length']));
  });
  return sizes;
}

test('a photo of 12 megapixels travels as 350 KB at most, upright, and the page goes on meanwhile', async () => {
  const { hub, alice, bob, end } = await scene();
  const sizes = uploads(alice);
  const photo = await camera(alice.page);
  assert.ok(photo.buffer.length > 2_000_000, `${photo.buffer.length} bytes`);
  // How long the page stands still at most, while its worker works.
  await alice.page.evaluate(() => {
    window.longest = 0;
    let last = performance.now();
    const look = () => {
      window.longest = Math.max(window.longest, performance.now() - last);
      last = performance.now();
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await pick(alice, [photo]);
  await fitted(alice.page);
  assert.match(await alice.page.locator('.strip-size').textContent(), /^\d+ kB$/);
  await alice.says('upright');
  await loaded(bob, 1);
  await until('its size is known', () => sizes[0]);
  // The form around it is a few hundred bytes.
  assert.ok(sizes[0] > 20_000 && sizes[0] <= 350 * 1024 + 1000, `${sizes[0]} bytes`);
  const [{ images: [image] }] = await hub.conversation(1, 2);
  assert.deepEqual([image.width, image.height], [1536, 2048]);
  await bob.page.getByRole('button', { name: 'Photo 1 of 1: open' }).click();
  const picture = bob.page.locator('.lightbox-picture');
  await until('it is shown in full', () => picture.evaluate(image => image.naturalWidth === 1536));
  const sky = await picture.evaluate(image => {
    const brush = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d');
    brush.drawImage(image, 0, 0);
    return [60, 1900].map(y => brush.getImageData(700, y, 1, 1).data).map(([red, , blue]) => red > 150 && blue < 110);
  });
  assert.deepEqual(sky, [true, false], 'the red sky is above');
  const longest = await alice.page.evaluate(() => window.longest);
  assert.ok(longest < 2000, `${longest} ms`);
  await end();
});

test('small ones travel as they are, what moves included', async () => {
  const { alice, bob, end } = await scene();
  const sent = [];
  await alice.page.exposeFunction('sent', size => sent.push(size));
  await alice.page.evaluate(() => {
    const { append } = FormData.prototype;
    FormData.prototype.append = function (name, file, ...more) {
      window.sent([file.size, file.type]);
      return append.call(this, name, file, ...more);
    };
  });
  const [small] = files(await paint(alice.page, 1));
  const gif = { name: 'wave.gif', mimeType: 'image/gif', buffer: Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64') };
  await pick(alice, [small, gif]);
  await alice.field.press('Enter');
  await loaded(bob, 2);
  assert.deepEqual(sent, [[small.buffer.length, 'image/jpeg'], [gif.buffer.length, 'image/gif']]);
  await end();
});

test('text goes out while photos are on their way; each shows how far it is, and can be taken out', async () => {
  const { hub, alice, bob, end } = await scene();
  const cdp = await alice.context.newCDPSession(alice.page);
  await cdp.send('Network.enable');
  const line = bytes => cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
  const [first, second, third] = await Promise.all([1, 2, 3].map(async n => ({ ...(await camera(alice.page, 1200, 900)), name: `side ${n}.jpg` })));
  await pick(alice, [first, second, third]);
  await fitted(alice.page);
  await line(30_000);
  await alice.says('three sides');
  await until('the first is on its way', () => alice.page.locator('.picture.waiting progress').first().evaluate(bar => bar.value > 0.05 && bar.value < 1));
  await alice.says('and a word meanwhile');
  await bob.reads(['and a word meanwhile']);
  assert.ok(await alice.page.locator('.ring-part').first().evaluate(ring => parseFloat(ring.getAttribute('stroke-dasharray')) > 0.05));
  assert.equal(await alice.page.getByRole('progressbar', { name: 'Uploading side 1.jpg' }).count(), 1);
  await alice.page.getByRole('button', { name: 'Do not send side 1.jpg' }).click();
  await alice.page.getByRole('button', { name: 'Do not send side 3.jpg' }).click();
  await until('one is left', async () => (await alice.page.locator('.picture.waiting').count()) === 1);
  await line(-1);
  await loaded(bob, 1);
  await bob.reads(['and a word meanwhile', 'three sides']);
  await alice.reads(['and a word meanwhile', 'three sides']);
  assert.deepEqual((await hub.conversation(1, 2)).map(message => [message.seq, message.images.length]), [[1, 0], [2, 1]]);
  // The last one, without a text, takes its message with it.
  await line(30_000);
  await pick(alice, [first]);
  await alice.field.press('Enter');
  await alice.page.getByRole('button', { name: 'Do not send side 1.jpg' }).click();
  await until('nothing waits', async () => (await alice.page.locator('.row').count()) === 2);
  await line(-1);
  assert.equal(await alice.unsentOnDisk(), 0);
  await end();
});

test('photos come from anywhere on the page, by drop and by paste; a text that brings a picture of itself is a text', async () => {
  const { hub, alice, bob, end } = await scene();
  const [one] = await paint(alice.page, 1);
  assert.deepEqual(await give(alice, 'drop', '.sidebar', [one]), { shown: true, taken: true });
  assert.deepEqual(await give(alice, 'paste', '.log', [one]), { shown: false, taken: true });
  assert.deepEqual(await names(alice), ['drop 1.jpg', 'paste 1.jpg']);
  assert.equal(await alice.page.locator('.drop').count(), 0);
  assert.equal(await alice.field.evaluate(field => field === seekFocus()), true);
  assert.deepEqual(await give(alice, 'paste', '.composer-field', [one], 'a table'), { shown: false, taken: false });
  assert.equal((await names(alice)).length, 2);
  await alice.field.press('Enter');
  await loaded(bob, 2);
  // Without a conversation the browser would leave the page for the file.
  const carol = await Visitor.open(chromium, `${hub.url}/#token=${hub.token(3)}`);
  await carol.online();
  assert.deepEqual(await give(carol, 'drop', '.app', [one]), { shown: false, taken: true });
  await carol.page.locator('.toast', { hasText: 'Choose a conversation first' }).waitFor();
  assert.deepEqual(carol.wrongs, []);
  await carol.close();
  await end();
});

test('a photo in full is zoomed by keys, wheel and a double click, moved, and downloaded', async () => {
  const { alice, bob, end } = await scene();
  await pick(alice, files(await paint(alice.page, 2)));
  await alice.field.press('Enter');
  await loaded(bob, 2);
  const { page } = bob;
  await page.getByRole('button', { name: 'Photo 1 of 2: open' }).click();
  const picture = page.locator('.lightbox-picture');
  await page.getByRole('link', { name: 'Download' }).waitFor();
  const width = () => picture.evaluate(image => Math.round(image.getBoundingClientRect().width));
  const plain = await width();
  const larger = factor => until(`it is ${factor} times as large`, async () => Math.abs((await width()) - plain * factor) < 3);
  await page.keyboard.press('+');
  await larger(1.6);
  // Zoomed, the arrows move it; else they go to its neighbours.
  await page.keyboard.press('ArrowRight');
  await page.getByRole('img', { name: 'Photo 1 of 2' }).waitFor();
  await page.keyboard.press('0');
  await larger(1);
  await picture.dblclick();
  await larger(2.5);
  await picture.dblclick();
  await larger(1);
  await page.mouse.move(640, 400);
  await page.mouse.wheel(0, -400);
  await until('the wheel zooms', async () => (await width()) > plain * 1.5);
  const before = await picture.evaluate(image => image.getBoundingClientRect().left);
  await page.mouse.down();
  await page.mouse.move(700, 420, { steps: 4 });
  await page.mouse.up();
  await until('it is moved', async () => (await picture.evaluate(image => image.getBoundingClientRect().left)) > before + 20);
  const zoom = page.getByRole('button', { name: 'Zoom' });
  assert.equal(await zoom.getAttribute('aria-pressed'), 'true');
  await zoom.click();
  await larger(1);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.match(download.suggestedFilename(), /^photo-[0-9a-f]{8}\.webp$/);
  assert.equal(readFileSync(await download.path()).subarray(8, 12).toString(), 'WEBP');
  // Escape closes it, and leaves nothing to go back to.
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Photo' }).waitFor({ state: 'hidden' });
  await until('the picture is no place any more', () => page.evaluate(() => !history.state.picture));
  await page.getByRole('heading', { name: 'Alice' }).waitFor();
  await end();
});

test('by touch a photo is swiped, pinched, tapped twice, and drawn down to be put away', async () => {
  const hub = await Hub.start();
  const bob = await Visitor.open(chromium, hub.link(2, 1), PHONE);
  await bob.online();
  const { page } = bob;
  await pick(bob, files(await paint(page, 3)));
  await page.getByRole('button', { name: 'Send', exact: true }).tap();
  await loaded(bob, 3);
  const { drag, pinch, tap } = await hand(page);
  const shows = n => page.getByRole('img', { name: `Photo ${n} of 3` }).waitFor();
  const dialog = page.getByRole('dialog', { name: 'Photo' });
  await page.getByRole('button', { name: 'Photo 1 of 3: open' }).tap();
  await page.getByRole('link', { name: 'Download' }).waitFor();
  await drag({ x: 320, y: 420 }, { x: 90, y: 430 });
  await shows(2);
  await drag({ x: 320, y: 420 }, { x: 90, y: 410 });
  await shows(3);
  // Beyond the last one there is nothing, and a short way is no swipe.
  await drag({ x: 320, y: 420 }, { x: 90, y: 420 });
  await shows(3);
  await drag({ x: 200, y: 420 }, { x: 230, y: 420 });
  await shows(3);
  await drag({ x: 90, y: 420 }, { x: 320, y: 430 });
  await shows(2);
  const width = () => page.locator('.lightbox-picture').evaluate(image => Math.round(image.getBoundingClientRect().width));
  const plain = await width();
  await pinch({ x: 195, y: 422 }, 80, 200);
  await until('it is zoomed', async () => (await width()) > plain * 1.8);
  // Zoomed, a finger moves it.
  await drag({ x: 300, y: 420 }, { x: 100, y: 420 });
  await shows(2);
  await pinch({ x: 195, y: 422 }, 200, 40);
  await until('it is plain', async () => (await width()) === plain);
  await tap({ x: 195, y: 422 });
  await tap({ x: 195, y: 422 });
  await until('two taps zoom', async () => (await width()) > plain * 2);
  await tap({ x: 195, y: 422 });
  await tap({ x: 195, y: 422 });
  await until('and back', async () => (await width()) === plain);
  await drag({ x: 195, y: 300 }, { x: 200, y: 520 });
  await dialog.waitFor({ state: 'hidden' });
  await until('the picture is no place any more', () => page.evaluate(() => !history.state.picture));
  assert.deepEqual(bob.wrongs, []);
  await bob.close();
  await hub.end();
});

test('ten photos are no taller than the screen, whatever its size, and a small one is not blown up', async () => {
  const { hub, alice, bob, end } = await scene();
  await pick(alice, files(await paint(alice.page, 10, 300, 400)));
  await fitted(alice.page);
  await alice.says('all of it');
  await pick(alice, files(await paint(alice.page, 1, 90, 60)));
  await alice.field.press('Enter');
  await loaded(bob, 11);
  const small = await bob.page.locator('.pictures').nth(1).boundingBox();
  assert.deepEqual([Math.round(small.width), Math.round(small.height)], [90, 60]);
  await bob.page.getByRole('button', { name: 'Photo 1 of 1: open' }).click();
  await until('nor in full', () => bob.page.locator('.lightbox-picture').evaluate(image => image.naturalWidth === 90 && Math.round(image.getBoundingClientRect().width) === 90));
  await bob.page.keyboard.press('Escape');
  for (const [width, height] of [[1280, 800], [390, 844], [320, 568], [844, 390]]) {
    await bob.page.setViewportSize({ width, height });
    const album = await bob.page.locator('.pictures').first().boundingBox();
    const room = await bob.page.locator('.scroller').boundingBox();
    assert.ok(album.height <= room.height, `${width} × ${height}: ${album.height} of ${room.height}`);
    const tiles = await bob.page.locator('.pictures').first().locator('button.picture').evaluateAll(all => all.map(tile => tile.getBoundingClientRect().width));
    assert.ok(Math.min(...tiles) >= 44, `${width} × ${height}: ${tiles}`);
  }
  assert.equal((await hub.conversation(1, 2)).length, 2);
  await end();
});
