// Makes pictures smaller before they are uploaded: first fewer pixels, then as much quality as the bytes allow. Of an
// animation that is too large it keeps the first frame, as the hub does of every animation.

const HEIC = /^image\/hei[cf]$/;

/** Below this quality a picture looks better with fewer pixels. */
const POOR = 0.5;
/** The factor of the quality from one attempt to the next; and how many times too large a file must be to try fewer pixels at once. */
const [STEP, FAR] = [0.84, 2.5];

/** Above how many bytes a picture is encoded anew, by default: what a slow connection sends in some seconds. */
const BYTES = 350 * 1024;

/**
 * Returns a function that makes pictures smaller. It returns a file unchanged that the browser cannot read.
 * @param {number} edge the longer one, in pixels @param {number} [quality] of the WebP, from 0 to 1 @param {number} [bytes]
 * @returns {(file: Blob) => Promise<Blob>}
 */
export function downscale(edge, quality = 0.85, bytes = BYTES) {
  return async file => {
    if (!globalThis.OffscreenCanvas) return file;
    try {
      return await fitting(file, edge, quality, bytes);
    } catch {
      return file; // the server will say what is wrong with it
    }
  };
}

/**
 * Makes a picture fit: at most `edge` pixels on a side, and `bytes` bytes. Returns a picture that fits unchanged.
 * @param {Blob} file @param {number} edge @param {number} quality @param {number} bytes @returns {Promise<Blob>}
 * @throws if the browser cannot read it
 */
export async function fitting(file, edge, quality = 0.85, bytes = BYTES) {
  // The browser applies the orientation in the EXIF data.
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
 * Encodes a picture in at most `bytes` bytes, with the best quality first, then with fewer pixels.
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

/** Encodes WebP; if the browser cannot, an opaque picture as JPEG, another one as PNG. @param {OffscreenCanvas} canvas @param {number} quality @param {boolean} opaque */
async function encoded(canvas, quality, opaque) {
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality });
  return blob.type === 'image/webp' || !opaque ? blob : canvas.convertToBlob({ type: 'image/jpeg', quality });
}
