// The page's icon with a number on it.

import { h } from './dom.js';

const SIZE = 64;

/** Draws an icon with a text above it. @param {string} src @param {string} text @returns {Promise<string>} its address */
export async function painted(src, text) {
  const image = new Image();
  image.src = src;
  await image.decode();
  const canvas = h('canvas', { width: SIZE, height: SIZE });
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0, SIZE, SIZE);
  const [height, width] = [40, Math.max(40, 16 + 22 * text.length)];
  context.fillStyle = '#d3302f';
  context.beginPath();
  context.roundRect(SIZE - width, SIZE - height, width, height, height / 2);
  context.fill();
  context.fillStyle = '#ffffff';
  context.font = '700 34px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, SIZE - width / 2, SIZE - height / 2 + 2, width - 8);
  return URL.createObjectURL(await new Promise(done => canvas.toBlob(done)));
}
