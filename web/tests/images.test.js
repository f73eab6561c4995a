// Pictures made smaller before they are uploaded, by a real browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browser } from './support/browser.js';

const source = readFileSync(join(import.meta.dirname, '../images.js'), 'utf8');

let chromium;
before(async () => (chromium = await browser()));
after(() => chromium.close());

test('a picture is made smaller if that makes it smaller, and what is none is left alone', async () => {
  const page = await chromium.newPage();
  await page.route('http://library.test/**', route => route.fulfill(route.request().url().endsWith('.js')
    ? { contentType: 'text/javascript', body: source }
    : { contentType: 'text/html', body: '<!doctype html><title>a site</title>' }));
  await page.goto('http://library.test/');
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
    const tiny = await picture(8, 8, 'image/webp');
    const text = new Blob(['no picture'], { type: 'image/png' });
    const animation = new Blob(['GIF89a'], { type: 'image/gif' });
    return {
      tall: await measure(small), type: small.type, smaller: small.size < tall.size,
      tiny: await measure(await downscale(300)(tiny)),
      text: (await downscale(300)(text)) === text,
      animation: (await downscale(300)(animation)) === animation,
    };
  });
  assert.deepEqual(made, { tall: [150, 300], type: 'image/webp', smaller: true, tiny: [8, 8], text: true, animation: true });
  await page.close();
});
