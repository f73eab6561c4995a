// The size of a file, in the format of the language.

import { intl } from './language.js';

const UNITS = /** @type {const} */ (['byte', 'kilobyte', 'megabyte']);

/** @param {number} bytes */
export function size(bytes) {
  const power = bytes < 1000 ? 0 : bytes < 999_500 ? 1 : 2;
  return intl(Intl.NumberFormat, { style: 'unit', unit: UNITS[power], unitDisplay: 'short', maximumFractionDigits: power === 2 ? 1 : 0 }).format(bytes / 1000 ** power);
}
