// Makes the two pictures of the README, small: node tests/readme-pictures.js
// (a conversation with pictures in it, wide and light, narrow and dark).

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { browser, Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { play } from './support/scene.js';

const folder = join(import.meta.dirname, '../pictures');
mkdirSync(folder, { recursive: true });
const hub = await Hub.start();
await play(hub);
const chromium = await browser();
const bob = await Visitor.open(chromium, hub.link(2, 1));
await bob.online();

/** Paints something like photographs of a desk. */
const painted = await bob.page.evaluate(async () => {
  const all = [];
  for (const [wall, wood, x] of [['#d9cfc1', '#7a4a2b', 0], ['#c5d0d3', '#8a5a34', 60], ['#e3d9d0', '#643b22', -70]]) {
    const canvas = new OffscreenCanvas(900, 600);
    const c = canvas.getContext('2d');
    const box = (color, ...at) => ((c.fillStyle = color), c.fillRect(...at));
    const light = c.createRadialGradient(250, 120, 20, 450, 300, 800);
    light.addColorStop(0, '#fffaf2');
    light.addColorStop(1, wall);
    box(light, 0, 0, 900, 600);
    box('#00000018', 0, 470, 900, 130);
    box(wood, 150 + x, 280, 600, 34);
    box('#00000030', 150 + x, 306, 600, 8);
    for (const leg of [170, 706]) box(wood, leg + x, 314, 24, 200);
    box('#ffffff22', 480 + x, 330, 200, 60);
    box(wood, 484 + x, 334, 192, 52);
    box('#d9b25f', 570 + x, 356, 20, 8);
    box('#2f3a40', 230 + x, 150, 8, 130);
    c.fillStyle = '#f2c25a';
    c.beginPath();
    c.moveTo(180 + x, 170);
    c.lineTo(290 + x, 170);
    c.lineTo(260 + x, 110);
    c.lineTo(210 + x, 110);
    c.fill();
    all.push([...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 })).arrayBuffer())]);
  }
  return all;
});
await bob.page.locator('input[type=file]').setInputFiles(painted.map((bytes, n) => ({ name: `desk ${n}.jpg`, mimeType: 'image/jpeg', buffer: Buffer.from(bytes) })));
await bob.says('Here it is, from all sides.');

for (const [name, width, height, colorScheme] of [['wide', 1100, 760, 'light'], ['narrow', 390, 760, 'dark']]) {
  const alice = await Visitor.open(chromium, hub.link(1, 2), { viewport: { width, height }, colorScheme, isMobile: width < 500, hasTouch: width < 500, reducedMotion: 'reduce' });
  await alice.online();
  await alice.page.locator('button.picture.loaded').nth(2).waitFor();
  await alice.page.waitForFunction(() => seekAll('.picture img').every(image => image.complete));
  await bob.field.pressSequentially('The la');
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'typing' }).waitFor();
  await bob.field.fill('');
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'Online' }).waitFor();
  const png = (await alice.page.screenshot()).toString('base64');
  // As WebP a picture is a third.
  const webp = await bob.page.evaluate(async png => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(png), letter => letter.charCodeAt(0))]));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    canvas.getContext('2d').drawImage(bitmap, 0, 0);
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/webp', quality: 0.82 })).arrayBuffer())];
  }, png);
  writeFileSync(join(folder, `${name}.webp`), Buffer.from(webp));
  await alice.close();
}
await chromium.close();
await hub.end();
