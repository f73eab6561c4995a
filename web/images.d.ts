/**
 * Makes pictures smaller before they are uploaded: `new ChatClient({ prepare: downscale(2048), … })`. A picture with more pixels
 * or bytes is encoded again as WebP, with the best quality that fits; of an animation the first frame, which is what the hub
 * keeps. A browser that cannot encode WebP makes JPEG of opaque pictures, and PNG of others. Other pictures are returned
 * unchanged, and so are files that the browser cannot read. For browsers; elsewhere it returns every file unchanged.
 *
 * @param edge the greatest length of the longer side, in pixels
 * @param quality the best quality, from 0 to 1 (0.85)
 * @param bytes the greatest size of a picture (358,400)
 */
export function downscale(edge: number, quality?: number, bytes?: number): (file: Blob) => Promise<Blob>;
