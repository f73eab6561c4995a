// Pictures made smaller before they are uploaded, by a real browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browser } from './support/browser.js';

const source = path => readFileSync(join(import.meta.dirname, '..', path), 'utf8');

let chromium;
before(async () => (chromium = await browser()));
after(() => chromium.close());

/** A page of a site that uses the library. */
async function site() {
  const page = await chromium.newPage();
  await page.route('http://library.test/**', route => route.fulfill(route.request().url().endsWith('.js')
    ? { contentType: 'text/javascript', body: source(new URL(route.request().url()).pathname) }
    : { contentType: 'text/html', body: '<!doctype html><title>a site</title>' }));
  await page.goto('http://library.test/');
  return page;
}

test('a photograph as a phone takes it: smaller, upright, without what it says of itself', async () => {
  const page = await site();
  const made = await page.evaluate(async () => {
    const { downscale } = await import('http://library.test/images.js');
    // 12 megapixels, held upright: stored lying on its side, with a note which side is up. Its sky is red.
    const canvas = new OffscreenCanvas(4000, 3000);
    const brush = canvas.getContext('2d');
    const noise = brush.createImageData(400, 300);
    for (let at = 0; at < noise.data.length; at += 4) noise.data.set([at % 251, at % 83, 200, 255], at);
    for (let x = 0; x < 4000; x += 400) for (let y = 0; y < 3000; y += 300) brush.putImageData(noise, x, y);
    brush.fillStyle = 'rgb(230 20 20)';
    brush.fillRect(0, 0, 1000, 3000);
    const jpeg = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 })).arrayBuffer());
    // "Exif", big-endian, one entry: orientation (0x112) is 6, turn it clockwise.
    const exif = [0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    const photo = new File([jpeg.slice(0, 2), new Uint8Array(exif), jpeg.slice(2)], 'IMG_1.jpg', { type: 'image/jpeg' });
    const small = await downscale(2048)(photo);
    const bitmap = await createImageBitmap(small);
    const look = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    look.drawImage(bitmap, 0, 0);
    const red = (x, y) => look.getImageData(x, y, 1, 1).data[0] > 200 && look.getImageData(x, y, 1, 1).data[2] < 90;
    const bytes = String.fromCharCode(...new Uint8Array(await small.slice(0, 4096).arrayBuffer()));
    return { size: [bitmap.width, bitmap.height], type: small.type, smaller: small.size < photo.size / 2, sky: red(768, 40), ground: red(768, 2000), notes: /EXIF|Exif/.test(bytes) };
  });
  assert.deepEqual(made, { size: [1536, 2048], type: 'image/webp', smaller: true, sky: true, ground: false, notes: false });
  await page.close();
});

test('of an animation that is too large the first frame travels, which is what the hub keeps; a small one stays as it is', async () => {
  const page = await site();
  const made = await page.evaluate(async () => {
    const { downscale } = await import('http://library.test/images.js');
    const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const still = bytes('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7');
    const [head, frame, end] = [still.slice(0, 19), still.slice(19, -1), still.slice(-1)];
    const film = new Blob([head, ...Array(500).fill(frame), end], { type: 'image/gif' });
    const small = await downscale(2048, 0.85, 1000)(film);
    const { width, height } = await createImageBitmap(small);
    return { type: small.type, smaller: small.size <= 1000 && film.size > 5000, size: [width, height], kept: (await downscale(2048)(film)) === film };
  });
  assert.deepEqual(made, { type: 'image/webp', smaller: true, size: [1, 1], kept: true });
  await page.close();
});

test('a picture is made smaller if that makes it smaller, and what is none is left alone', async () => {
  const page = await site();
  const made = await page.evaluate(async () => {
    const { downscale } = await import('http://library.test/images.js');
    const picture = async (width, height, type) => {
      const canvas = new OffscreenCanvas(width, height);
      const brush = canvas.getContext('2d');
      for (let x = 0; x < width; x += 8) {
        for (let y = 0; y < height; y += 8) {
          brush.fillStyle = `rgb(${x % 251} ${y % 241} ${(x * y) % 239})`;
          brush.fillRect(x, y, 8, 8);
        }
      }
      return canvas.convertToBlob({ type });
    };
    const measure = async blob => {
      const { width, height } = await createImageBitmap(blob);
      return [width, height];
    };
    const tall = await picture(600, 1200, 'image/png');
    const small = await downscale(300)(tall);
    // Nothing would be won: the same file goes out.
    const tiny = await picture(8, 8, 'image/webp');
    const text = new Blob(['no picture'], { type: 'image/png' });
    const animation = new Blob(['GIF89a'], { type: 'image/gif' });
    return {
      tall: await measure(small), type: small.type, smaller: small.size < tall.size,
      tiny: (await downscale(300)(tiny)) === tiny,
      text: (await downscale(300)(text)) === text,
      animation: (await downscale(300)(animation)) === animation,
    };
  });
  assert.deepEqual(made, { tall: [150, 300], type: 'image/webp', smaller: true, tiny: true, text: true, animation: true });
  await page.close();
});
