// Pictures to send.

/** Paints pictures, each of its own colour, as a camera would hand them over. */
export async function paint(page, count, width = 640, height = 480) {
  const painted = await page.evaluate(async ({ count, width, height }) => {
    const all = [];
    for (let n = 0; n < count; n++) {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d');
      const shade = context.createLinearGradient(0, 0, width, height);
      shade.addColorStop(0, `hsl(${n * 70 + 20} 60% 55%)`);
      shade.addColorStop(1, `hsl(${n * 70 + 80} 60% 30%)`);
      context.fillStyle = shade;
      context.fillRect(0, 0, width, height);
      context.fillStyle = 'rgb(255 255 255 / 60%)';
      context.beginPath();
      context.arc(width / 2, height / 2, height / 4, 0, 7);
      context.fill();
      const blob = await canvas.convertToBlob({ type: 'image/jpeg' });
      all.push(new Uint8Array(await blob.arrayBuffer()).toBase64()); // a list of numbers takes a second on its way out of the browser
    }
    return all;
  }, { count, width, height });
  return painted.map(text => [...Buffer.from(text, 'base64')]);
}

/** Hands painted pictures to a file input. */
export const files = bytes => bytes.map((buffer, n) => ({ name: `desk ${n + 1}.jpg`, mimeType: 'image/jpeg', buffer: Buffer.from(buffer) }));

/** What a hub refuses that takes narrow pictures alone (`NARROW`), while a browser reads it. */
export const wide = async (page, name = 'wide.jpg') => ({ ...files(await paint(page, 1, 1200, 16))[0], name });

/** The settings of such a hub. */
export const NARROW = { CHAT_MAX_IMAGE_SIDE: '1000' };

/** Waits until the photos in the strip are as small as they will be: what cannot be read has left it by then. */
export const fitted = page => page.locator('.strip-item.fitting').first().waitFor({ state: 'detached' });

/**
 * Takes a photo as a phone does: 12 megapixels of a scene with details, held upright and stored lying on its side, with a note which
 * side is up. Its sky is red.
 */
export async function camera(page, width = 4000, height = 3000) {
  const bytes = await page.evaluate(async ({ width, height }) => {
    const canvas = new OffscreenCanvas(width, height);
    const brush = canvas.getContext('2d');
    const shade = brush.createLinearGradient(0, 0, width, 0);
    for (const [at, colour] of [[0, '#e01818'], [0.4, '#e8b090'], [0.42, '#507040'], [1, '#203018']]) shade.addColorStop(at, colour);
    brush.fillStyle = shade;
    brush.fillRect(0, 0, width, height);
    let seed = 7;
    const chance = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    // Leaves and stones, large and small, and the grain of a sensor.
    for (let n = 0; n < 9000; n++) {
      const [x, y, size] = [width * (0.42 + 0.58 * chance()), height * chance(), 2 + 40 * chance() ** 3 * (width / 1000)];
      brush.fillStyle = `hsl(${60 + 80 * chance()} ${20 + 40 * chance()}% ${15 + 50 * chance()}% / 70%)`;
      brush.beginPath();
      brush.ellipse(x, y, size, size * (0.3 + 0.7 * chance()), 3 * chance(), 0, 7);
      brush.fill();
    }
    const grain = brush.getImageData(0, 0, width, height);
    for (let at = 0; at < grain.data.length; at += 4) {
      const noise = (chance() - 0.5) * 16;
      for (const part of [0, 1, 2]) grain.data[at + part] += noise;
    }
    brush.putImageData(grain, 0, 0);
    const jpeg = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 })).arrayBuffer());
    // "Exif", big-endian, one entry: orientation (0x112) is 6, turn it clockwise.
    const exif = [0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    const all = new Uint8Array(jpeg.length + exif.length);
    all.set(jpeg.slice(0, 2));
    all.set(exif, 2);
    all.set(jpeg.slice(2), 2 + exif.length);
    let text = '';
    for (let at = 0; at < all.length; at += 32768) text += String.fromCharCode(...all.subarray(at, at + 32768));
    return btoa(text);
  }, { width, height });
  return { name: 'IMG_1.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(bytes, 'base64') };
}
