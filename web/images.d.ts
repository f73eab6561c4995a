/**
 * Makes pictures smaller before they are uploaded: `new ChatClient({ prepare: downscale(2048), … })`. What has more pixels, or more
 * bytes, is written anew as WebP (as JPEG where the browser cannot) with the best quality that fits, of an animation the first frame,
 * which is what the hub keeps. The rest is left alone, and so is what the browser cannot read. For browsers; elsewhere it does nothing.
 *
 * @param edge the longer one, in pixels
 * @param quality the best one, from 0 to 1 (0.85)
 * @param bytes how many a picture has at most (358,400)
 */
export function downscale(edge: number, quality?: number, bytes?: number): (file: Blob) => Promise<Blob>;
