// How the page looks to users, and to the checkers: whether every user can use it, and whether its texts stand out. The pictures
// are kept in tests/pictures.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Visitor } from './browser.js';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
export const pictures = join(import.meta.dirname, '../pictures');

/** Finds what keeps people from using what is shown. The checker itself is not bound by the page's policy. */
export async function problems(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(node => `${node.html.slice(0, 160)} (${node.any[0]?.message ?? node.failureSummary})`).join(' | ')}`);
}

/** Finds texts that stand out too little from what is really painted behind them: at gradients and overlaps the checker gives up. */
export async function faint(page) {
  const behind = (await page.screenshot({ style: '* { -webkit-text-fill-color: transparent !important }' })).toString('base64');
  return page.evaluate(async behind => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(behind), letter => letter.charCodeAt(0))]));
    const painted = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    painted.drawImage(bitmap, 0, 0);
    const { data } = painted.getImageData(0, 0, bitmap.width, bitmap.height);
    const colourAt = ([x, y]) => data.subarray(4 * (Math.trunc(y) * bitmap.width + Math.trunc(x)));
    const light = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, part, n) => sum + part * (rgb[n] / 255 <= 0.04045 ? rgb[n] / 255 / 12.92 : ((rgb[n] / 255 + 0.055) / 1.055) ** 2.4), 0);
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    // What lets clicks through is on top all the same.
    const solid = new CSSStyleSheet();
    solid.replaceSync('* { pointer-events: auto !important }');
    // What elements have in their shadows is seen as well.
    const roots = [document];
    for (const root of roots) roots.push(...[...root.querySelectorAll('*')].map(element => element.shadowRoot).filter(shadow => shadow));
    for (const root of roots) root.adoptedStyleSheets = [solid];
    const found = [];
    let looked = 0;
    const texts = roots.flatMap(root => {
      const walker = document.createTreeWalker(root.body ?? root, NodeFilter.SHOW_TEXT);
      const all = [];
      while (walker.nextNode()) all.push(walker.currentNode);
      return all;
    });
    for (const text of texts) {
      const element = text.parentElement;
      if (!text.data.trim() || element.closest('.sr, [aria-hidden], :disabled') || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      const style = getComputedStyle(element);
      const [size, bold] = [parseFloat(style.fontSize), Number(style.fontWeight) >= 700];
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const { left, top, width, height } of range.getClientRects()) {
        const color = style.color.match(/[\d.]+/g).map(Number);
        const points = [0, 0.25, 0.5, 0.75, 1].flatMap(a => [0.2, 0.5, 0.8].map(b => [left + a * (width - 1), top + b * height]));
        const seen = points.filter(point => element.contains(element.getRootNode().elementFromPoint(...point))); // not what a menu covers
        const least = Math.min(...seen.map(point => contrast(color, colourAt(point))));
        looked += seen.length;
        if (least < (size >= 24 || (bold && size >= 18.66) ? 3 : 4.5)) found.push(`${text.data.slice(0, 40)}: ${least.toFixed(2)}`);
      }
    }
    for (const root of roots) root.adoptedStyleSheets = [];
    return looked ? found : ['nothing was looked at'];
  }, behind);
}

/**
 * Opens a link in a window of some size; `look` keeps a picture of the page in each of the colour schemes, and finds nothing wrong
 * with it. It calls `begin` before each picture of what does not stay. `prepare` does something with the browser's context before
 * the page is there.
 * @param {string | string[]} colorScheme one, or all in which the page is looked at
 */
export async function looking(chromium, link, width, height, colorScheme, { prepare = undefined, ...options } = {}) {
  const narrow = width < 500;
  const schemes = [colorScheme].flat();
  const alice = await Visitor.open(chromium, prepare ? 'about:blank' : link, { viewport: { width, height }, colorScheme: schemes[0], isMobile: narrow, hasTouch: narrow, reducedMotion: 'reduce', bypassCSP: true, ...options });
  const { page } = alice;
  if (prepare) {
    await prepare(alice.context);
    await page.goto(link);
  }
  mkdirSync(pictures, { recursive: true });
  return { alice, page, narrow, async look(name, begin = async () => {}) {
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme });
      await begin();
      await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`) });
      assert.deepEqual(await problems(page), [], `${name}, ${colorScheme}`);
      assert.deepEqual(await faint(page), [], `${name}, ${colorScheme}`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: wider than the window`);
    }
  } };
}
