// Functions for the option `prepare` of the client; images.d.ts describes them.

export { downscale } from './client/downscale.js';
