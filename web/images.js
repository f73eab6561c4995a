// Pictures for a page's `prepare`; images.d.ts describes it.

export { downscale } from './client/downscale.js';
