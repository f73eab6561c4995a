// The page without a pointer, without sight, in colours of the browser's choice, and much enlarged.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { play } from './support/scene.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

const pictures = join(import.meta.dirname, 'pictures');
const say = (hub, from, to, content) => hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: content, content });

/** What has the focus: a message by its text, anything else by its name or text. */
const focused = visitor => visitor.page.evaluate(() => {
  const element = seekFocus();
  return (element.matches('.row') && element.querySelector('.text').textContent) || (element.getAttribute('aria-label') ?? element.textContent);
});

test('the list of messages is one tab stop, with arrows, Home and End within, and to the sides within a message', async () => {
  const { hub, alice, bob, end } = await scene();
  const texts = ['one', 'two', 'three, see https://example.com', 'four'];
  for (const text of texts) await say(hub, 2, 1, text);
  await alice.reads(texts);
  await alice.page.locator('.row .text a').waitFor();
  const presses = async (key, expected) => {
    await alice.page.keyboard.press(key);
    assert.equal(await focused(alice), expected, key);
  };
  await alice.field.focus();
  await presses('Shift+Tab', 'Add photos');
  // That is one step, however many messages, links and buttons there are.
  await presses('Shift+Tab', 'Messages with Bob');
  await presses('ArrowUp', 'four');
  await presses('ArrowUp', texts[2]);
  await presses('ArrowRight', 'https://example.com');
  await presses('ArrowRight', 'Message options');
  await presses('ArrowLeft', 'https://example.com');
  await presses('ArrowUp', 'two');
  await presses('Home', 'one');
  await presses('ArrowUp', 'one');
  await presses('End', 'four');
  await presses('ArrowUp', texts[2]);
  await presses('Tab', 'Add photos');
  await presses('Shift+Tab', 'Messages with Bob');
  await presses('ArrowUp', 'four');
  await presses('ArrowUp', texts[2]);
  // Enter opens the menu, and Escape gives the focus back; Escape again goes on to writing.
  await alice.page.keyboard.press('Enter');
  await alice.page.getByRole('menuitem', { name: 'Reply' }).waitFor();
  await alice.page.keyboard.press('Escape');
  await until('the focus is back', async () => (await focused(alice)) === texts[2]);
  await presses('Escape', 'Message');
  await alice.says('five');
  await bob.reads([...texts, 'five']);
  await end();
});

test('? lists the keys, / searches, Alt and an arrow go to another conversation', async () => {
  const { hub, alice, end } = await scene();
  for (const user of [4, 3, 2]) await say(hub, user, 1, `hello from ${user}`);
  await alice.reads(['hello from 2']);
  // Where one writes, they are letters.
  await alice.field.press('?');
  await alice.field.press('/');
  assert.equal(await alice.field.inputValue(), '?/');
  await alice.field.press('Alt+ArrowDown');
  await alice.reads(['hello from 3']);
  await alice.page.keyboard.press('Alt+ArrowDown');
  await alice.reads(['hello from 4']);
  await alice.page.keyboard.press('Alt+ArrowUp');
  await alice.reads(['hello from 3']);
  await alice.log.focus();
  await alice.page.keyboard.press('?');
  const list = alice.page.getByRole('dialog', { name: 'Keyboard' });
  await list.getByText('Previous or next conversation').waitFor();
  await alice.page.keyboard.press('Escape');
  await list.waitFor({ state: 'detached' });
  await alice.log.focus();
  await alice.page.keyboard.press('/');
  assert.equal(await focused(alice), 'Search people and messages');
  await end();
});

test('a screen reader is told of what comes in, and not of a conversation that is opened', async () => {
  const { hub, alice, end } = await scene();
  for (let n = 1; n <= 5; n++) await say(hub, 3, 1, `from Carol ${n}`);
  await alice.page.evaluate(() => {
    window.announced = [];
    const log = seek('.log');
    new MutationObserver(changes => {
      if (!log.hasAttribute('aria-busy')) window.announced.push(...changes.flatMap(change => [...change.addedNodes]).filter(node => node.matches?.('.row')).map(row => row.querySelector('.text').textContent));
    }).observe(log, { childList: true, subtree: true });
  });
  const announced = () => alice.page.evaluate(() => window.announced);
  const open = async name => {
    await alice.page.locator('.thread', { hasText: name }).click();
    await alice.page.getByRole('heading', { name }).waitFor();
  };
  await open('Carol');
  await until('all are here', async () => (await alice.texts()).length === 5);
  await say(hub, 2, 1, 'from Bob');
  await open('Bob');
  await alice.reads(['from Bob']);
  // All is here already, this time.
  await open('Carol');
  await until('all are here', async () => (await alice.texts()).length === 5);
  await until('it is told of what comes', () => alice.page.evaluate(() => !seek('.log').hasAttribute('aria-busy')));
  await say(hub, 3, 1, 'and one more');
  await until('it is told', async () => (await announced()).length > 0);
  assert.deepEqual(await announced(), ['and one more']);
  await end();
});

test('enlarged to 400 %, and in the browser\'s own colours, everything can be read and reached', async () => {
  mkdirSync(pictures, { recursive: true });
  const hub = await Hub.start();
  await play(hub);
  // A window of 1,280 by 1,024, enlarged four times.
  const alice = await Visitor.open(chromium, hub.link(1, 2), { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4, forcedColors: 'active', reducedMotion: 'reduce' });
  const { page } = alice;
  await alice.online();
  await page.locator('.row', { hasText: 'with a van' }).waitFor();
  const within = async (locator, name) => {
    const { x, y, width, height } = await locator.boundingBox();
    assert.ok(x >= 0 && y >= 0 && x + width <= 320 && y + height <= 256, `${name}: ${[x, y, width, height]}`);
  };
  const fits = async name => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: wider than the window`);
  await fits('conversation');
  assert.ok((await page.locator('.scroller').boundingBox()).height >= 120, 'half of the height is for the messages');
  for (const name of ['Send', 'Add photos', 'Back to all conversations']) await within(page.getByRole('button', { name, exact: true }), name);
  await page.screenshot({ path: join(pictures, 'enlarged-conversation.png') });
  // What only a ground tells elsewhere has a line.
  assert.equal(await page.locator('.bubble').first().evaluate(bubble => getComputedStyle(bubble).borderTopWidth), '1px');
  await page.getByRole('button', { name: 'Back to all conversations' }).click();
  await page.getByRole('searchbox').waitFor();
  await fits('list');
  // A switch that is on is told from one that is off.
  const track = name => page.locator('.switch', { hasText: name }).locator('.switch-track').evaluate(track => getComputedStyle(track).backgroundColor);
  const on = await track('Online');
  await within(page.getByRole('switch', { name: 'Online' }), 'the switch');
  await within(page.locator('.thread').first(), 'the first conversation');
  await page.screenshot({ path: join(pictures, 'enlarged-list.png') });
  await page.getByRole('button', { name: /^Notifications/ }).click();
  await page.locator('.note').first().waitFor();
  assert.notEqual(on, await track('Desktop notifications'));
  await fits('notifications');
  await page.screenshot({ path: join(pictures, 'enlarged-notifications.png') });
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});
