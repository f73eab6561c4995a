/**
 * Makes pictures smaller before they are uploaded, if that makes them smaller; for {@link Options.prepare}. In browsers; elsewhere it
 * leaves them alone, as it does with animations.
 *
 * @param edge the longer one, in pixels
 * @param quality of the WebP, from 0 to 1 (0.85)
 */
export function downscale(edge: number, quality?: number): (file: Blob) => Promise<Blob>;
