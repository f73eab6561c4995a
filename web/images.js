/**
 * Makes pictures smaller before they are uploaded, if that makes them smaller:
 * `new ChatClient({ prepare: downscale(2048), … })`. For browsers; elsewhere it leaves them alone.
 *
 * @param {number} edge the longer one, in pixels
 * @param {number} [quality] of the WebP, from 0 to 1
 * @returns {(file: Blob) => Promise<Blob>}
 */
export function downscale(edge, quality = 0.85) {
  return async file => {
    // An animation would lose its motion.
    if (!globalThis.OffscreenCanvas || !/^image\/(jpeg|png|webp)$/.test(file.type)) return file;
    try {
      const bitmap = await createImageBitmap(file);
      const scale = Math.min(1, edge / Math.max(bitmap.width, bitmap.height));
      const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
      canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      bitmap.close();
      const small = await canvas.convertToBlob({ type: 'image/webp', quality });
      return small.size < file.size ? small : file;
    } catch {
      return file; // the server says best what is wrong with it
    }
  };
}
