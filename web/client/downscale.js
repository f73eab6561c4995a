// Pictures are made smaller before they travel: fewer pixels first, then as much quality as the bytes allow. Of an animation the hub
// keeps the first frame, and so does this where it is too large.

const HEIC = /^image\/hei[cf]$/;

/** Below this quality it is better to have fewer pixels. */
const POOR = 0.5;
/** How much the quality falls from one attempt to the next, and how far above the aim fewer pixels are the shorter way. */
const [STEP, FAR] = [0.84, 2.5];

/** From how many bytes on a picture is written anew, by default: what a slow line takes in some seconds. */
const BYTES = 350 * 1024;

/**
 * Returns what makes pictures smaller, if they can be.
 * @param {number} edge the longer one, in pixels @param {number} [quality] of the WebP, from 0 to 1 @param {number} [bytes]
 * @returns {(file: Blob) => Promise<Blob>}
 */
export function downscale(edge, quality = 0.85, bytes = BYTES) {
  return async file => {
    if (!globalThis.OffscreenCanvas) return file;
    try {
      return await fitting(file, edge, quality, bytes);
    } catch {
      return file; // the server says best what is wrong with it
    }
  };
}

/**
 * Makes a picture fit: at most so many pixels on a side, and so many bytes. What fits is given back as it is.
 * @param {Blob} file @param {number} edge @param {number} quality @param {number} bytes @returns {Promise<Blob>}
 * @throws if the browser cannot read it
 */
export async function fitting(file, edge, quality = 0.85, bytes = BYTES) {
  // The browser turns it upright, as its camera says.
  const bitmap = await createImageBitmap(file);
  try {
    const { width, height } = bitmap;
    const fits = Math.max(width, height) <= edge && file.size <= bytes && !HEIC.test(file.type);
    if (fits) return file;
    const small = await written(bitmap, Math.min(1, edge / Math.max(width, height)), quality, bytes, /jpeg|hei/.test(file.type));
    return small.size < file.size || HEIC.test(file.type) ? small : file;
  } finally {
    bitmap.close();
  }
}

/**
 * Writes a picture so that it has at most so many bytes.
 * @param {ImageBitmap} bitmap @param {number} scale @param {number} best @param {number} bytes @param {boolean} opaque
 */
async function written(bitmap, scale, best, bytes, opaque) {
  for (;;) {
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
    const brush = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
    brush.imageSmoothingQuality = 'high';
    brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    let over = 1;
    for (let quality = best; quality >= Math.min(best, POOR) && over < FAR; quality *= STEP) {
      const blob = await encoded(canvas, quality, opaque);
      over = blob.size / bytes;
      if (over <= 1 || canvas.width * canvas.height < 4096) return blob;
    }
    scale *= Math.max(0.3, Math.min(0.85, Math.sqrt(1.6 / over)));
  }
}

/** Writes WebP; a browser that cannot, JPEG where nothing is transparent. @param {OffscreenCanvas} canvas @param {number} quality @param {boolean} opaque */
async function encoded(canvas, quality, opaque) {
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality });
  return blob.type === 'image/webp' || !opaque ? blob : canvas.convertToBlob({ type: 'image/jpeg', quality });
}
