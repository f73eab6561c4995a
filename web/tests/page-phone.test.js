// The page on a phone: the way back, menus by touch, what stays clear of the screen's edges, and a place on the home screen.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { files, paint } from './support/pictures.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

/** Alice on a phone, to whom Bob and Carol have written. */
async function onPhone() {
  const hub = await Hub.start();
  for (const user of [3, 2]) await hub.ask(user, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'hello', content: `hello from ${user}` });
  const alice = await Visitor.open(chromium, hub.link(1, 2), PHONE);
  await alice.online();
  return { hub, alice, async end() {
    assert.deepEqual(alice.wrongs, []);
    assert.deepEqual(await alice.violations(), []);
    await alice.close();
    await hub.end();
  } };
}

const talksTo = (alice, name) => alice.page.getByRole('heading', { name }).waitFor();
const seesList = alice => alice.page.getByRole('searchbox').waitFor();

test('back goes from a picture to its conversation, from there to the list, and on again', async () => {
  const { alice, end } = await onPhone();
  const { page } = alice;
  await talksTo(alice, 'Bob');
  await page.locator('input[type=file]').setInputFiles(files(await paint(page, 1)));
  await page.getByRole('button', { name: 'Send', exact: true }).tap();
  await page.getByRole('button', { name: 'Photo 1 of 1: open' }).tap();
  const picture = page.getByRole('dialog', { name: 'Photo' });
  await picture.waitFor();
  await page.goBack();
  await picture.waitFor({ state: 'hidden' });
  await talksTo(alice, 'Bob');
  // Closed by its own button it leaves nothing to go back to.
  await page.getByRole('button', { name: 'Photo 1 of 1: open' }).tap();
  await picture.getByRole('button', { name: 'Close' }).tap();
  await picture.waitFor({ state: 'hidden' });
  await until('the picture is no place any more', () => page.evaluate(() => !history.state.picture));
  await page.goBack();
  await seesList(alice);
  await page.locator('.thread', { hasText: 'Carol' }).tap();
  await talksTo(alice, 'Carol');
  // The page's own way back is the browser's.
  await page.getByRole('button', { name: 'Back to all conversations' }).tap();
  await seesList(alice);
  await page.goForward();
  await talksTo(alice, 'Carol');
  await page.reload();
  await talksTo(alice, 'Carol');
  await alice.reads(['hello from 3']);
  await page.getByRole('button', { name: 'Back to all conversations' }).tap();
  await seesList(alice);
  await end();
});

test('on a desktop, back goes to the conversation that one came from', async () => {
  const hub = await Hub.start();
  for (const user of [2, 3]) await hub.ask(user, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'hello', content: `hello from ${user}` });
  const alice = await Visitor.open(chromium, hub.link(1, 2));
  await alice.reads(['hello from 2']);
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await alice.reads(['hello from 3']);
  await alice.page.goBack();
  await alice.reads(['hello from 2']);
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});

test('the menu of a message opens by touch, and by a finger that is held, whatever the browser makes of that', async () => {
  const { alice, end } = await onPhone();
  const { page } = alice;
  // Some browsers do not tell a page that their own menu is asked for.
  await page.evaluate(() => addEventListener('contextmenu', event => event.stopImmediatePropagation(), true));
  // To open a conversation asks for no keyboard.
  assert.notEqual(await page.evaluate(() => seekFocus().localName), 'textarea');
  const row = page.locator('.row', { hasText: 'hello from 2' });
  const more = row.getByRole('button', { name: 'Message options' });
  assert.ok(await more.evaluate(button => Number(getComputedStyle(button).opacity) > 0.5), 'it is in sight without a pointer above it');
  const reply = page.getByRole('menuitem', { name: 'Reply' });
  await more.tap();
  await reply.waitFor();
  await page.locator('.bar-title').last().tap();
  await reply.waitFor({ state: 'detached' });
  const client = await page.context().newCDPSession(page);
  const { x, y, width, height } = await row.locator('.bubble').boundingBox();
  const point = { x: x + width / 2, y: y + height / 2 };
  const touch = (type, ...touchPoints) => client.send('Input.dispatchTouchEvent', { type, touchPoints });
  await touch('touchStart', point);
  await reply.waitFor();
  await touch('touchEnd');
  await reply.tap();
  await page.locator('.composer-notice', { hasText: 'Reply to Bob' }).waitFor();
  await end();
});

test('nothing lies below a camera, or the line at the bottom', async () => {
  const { alice, end } = await onPhone();
  const client = await alice.page.context().newCDPSession(alice.page);
  await client.send('Emulation.setSafeAreaInsetsOverride', { insets: { top: 50, bottom: 34, left: 20, right: 20 } });
  const box = async locator => locator.boundingBox();
  await until('the edges are known', async () => (await box(alice.field)).x > 20);
  const field = await box(alice.field);
  assert.ok(field.y + field.height <= 844 - 34, 'where one writes');
  const back = alice.page.getByRole('button', { name: 'Back to all conversations' });
  assert.ok((await box(back)).y >= 50, 'the head');
  await back.tap();
  const toggle = await box(alice.page.getByRole('switch', { name: 'Online' }));
  assert.ok(toggle.y + toggle.height <= 844 - 34 && toggle.x + toggle.width <= 390 - 20, 'the foot of the list');
  await end();
});

test('the keyboard takes its room from the messages, and the newest one stays in sight above where one writes', async () => {
  const { hub, alice, end } = await onPhone();
  for (let n = 1; n <= 30; n++) await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: `n-${n}`, content: `message ${n}.` });
  const newest = alice.page.locator('.row', { hasText: 'message 30.' });
  await newest.waitFor();
  await alice.field.tap();
  assert.equal(await alice.field.evaluate(field => getComputedStyle(field).fontSize), '16px', 'some phones enlarge the page at smaller letters');
  // A browser takes the keyboard's height from the page's, where the page asks for that.
  assert.match(await alice.page.locator('meta[name=viewport]').getAttribute('content'), /interactive-widget=resizes-content/);
  await alice.page.setViewportSize({ width: 390, height: 480 });
  await until('both are in sight', async () => {
    const [message, composer] = await Promise.all([newest, alice.page.locator('.composer')].map(part => part.boundingBox()));
    return message.y > 0 && message.y + message.height <= composer.y && composer.y + composer.height <= 480;
  });
  await end();
});

test('the page can be put on a home screen', async () => {
  const { hub, alice, end } = await onPhone();
  const client = await alice.page.context().newCDPSession(alice.page);
  const { url, data, errors } = await client.send('Page.getAppManifest');
  assert.deepEqual(errors, []);
  const { start_url, display, icons } = JSON.parse(data);
  assert.deepEqual([new URL(start_url, url).href, display], [`${hub.url}/`, 'standalone']);
  const [answer, manifest] = await Promise.all([fetch(new URL(icons[0].src, url)), fetch(url)]);
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, icons[0].type]);
  assert.equal(manifest.headers.get('content-type'), 'application/manifest+json');
  await end();
});
