// A long conversation: two thousand messages, scrolled from the newest to the first and back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium } from './support/visitors.js';
import { DEADLINE, until } from './support/wait.js';

const MESSAGES = 2000;
/** The longest that the page may work at a stretch, in ms of the processor: a frame that takes longer is seen to be late. */
const FRAME = 50;

/** What users write: short and long, with links, numbers, emoji, from the left and from the right. */
const TEXTS = [
  'Is it still available?', 'Yes', 'I can pick it up on Thursday, or on Friday if that suits you better. Would you take 240 for it?', '👍',
  'See https://shop.example/desk?id=5120, or call +254 712 345 678', 'مرحبا، هل يمكنني المرور مساء الخميس؟', 'It is 140 × 70 cm.\nThe drawers run like new.\nThe top was sanded.',
  `${'Solid walnut, made in Kampala, with two drawers and a shelf. '.repeat(20)}`,
];

/** Lets Alice and Bob write in turn. */
async function talk(hub) {
  for (let n = 0; n < MESSAGES; n++) {
    const from = 1 + (n % 3 === 0);
    await hub.ask(from, 'POST', '/chat/send', { receiver_id: 3 - from, temp_id: `n-${n}`, content: `${n}: ${TEXTS[n % TEXTS.length]}` });
  }
}

/** Says how long a page worked at a stretch at most, in ms of the processor, while something is done: what else the machine does is not counted. */
async function longestTask(page, work) {
  await chromium.startTracing(page, { categories: ['toplevel'] });
  await work();
  const trace = await chromium.stopTracing();
  if (process.env.TRACE) (await import('node:fs')).writeFileSync(`${process.env.TRACE}-${Date.now()}.json`, trace);
  const { traceEvents } = JSON.parse(trace.toString());
  const main = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid, tdur }) => /RunTask$/.test(name) && tdur && main.has(`${pid} ${tid}`)).map(({ tdur }) => tdur / 1000);
  assert.ok(tasks.length > 1000, `${tasks.length} tasks`);
  tasks.sort((a, b) => b - a);
  console.log(`the longest tasks: ${tasks.slice(0, 8).map(ms => ms.toFixed(0))} ms`);
  return tasks[0];
}

/** What a page holds once everything has been cleared away that can be. */
async function held(client) {
  await client.send('HeapProfiler.collectGarbage');
  const [{ usedSize }, { nodes, jsEventListeners }] = await Promise.all([client.send('Runtime.getHeapUsage'), client.send('Memory.getDOMCounters')]);
  return { usedSize, nodes, jsEventListeners };
}

test('two thousand messages are scrolled without a frame over 50 ms, and what the page holds stays as it is', async () => {
  const hub = await Hub.start();
  await talk(hub);
  const alice = await Visitor.open(chromium, hub.link(1, 2));
  const { page } = alice;
  await page.locator('.row', { hasText: `${MESSAGES - 1}: ` }).waitFor();
  const client = await page.context().newCDPSession(page);
  const scroller = page.locator('.scroller');
  const { x, y, width, height } = await scroller.boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  const place = () => scroller.evaluate(({ scrollTop, scrollHeight, clientHeight }) => ({ above: scrollTop, below: scrollHeight - scrollTop - clientHeight }));
  const scroll = (what, by, there) => until(what, async () => {
    await page.mouse.wheel(0, by);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    return there(await place());
  }, 3 * DEADLINE);
  const begun = page.locator('.beginning', { hasText: 'Beginning of your conversation' });
  const up = () => scroll('the first is in sight', -1200, async ({ above }) => above < 1 && (await begun.count()));
  const down = () => scroll('the newest is in sight', 1200, ({ below }) => below < 1);

  const loading = await longestTask(page, up);
  assert.equal(await page.locator('.row').count(), MESSAGES);
  const before = await held(client);
  const loaded = await longestTask(page, async () => {
    for (let n = 0; n < 2; n++) {
      await down();
      await up();
    }
  });
  const after = await held(client);
  assert.ok(loading < FRAME, `${loading} ms while it is loaded`);
  assert.ok(loaded < FRAME, `${loaded} ms when it is there`);
  assert.ok(after.usedSize < before.usedSize * 1.05, `${before.usedSize} bytes became ${after.usedSize}`);
  assert.deepEqual([after.nodes, after.jsEventListeners], [before.nodes, before.jsEventListeners]);
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});
