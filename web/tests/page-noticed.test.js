// What calls a user who does not look at the page, and shows afterwards what is new.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

const say = (hub, from, to, content) => hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: content, content });
const order = (hub, to, title) => hub.ask(1, 'POST', '/internal/notifications', { user_id: to, type: 'order', title, body: 'Ship it by Friday.' }, { role: 'service' });
const title = (visitor, expected) => until(`the title is ${expected}`, async () => (await visitor.page.title()) === expected);
const panel = visitor => visitor.page.getByRole('button', { name: /^Notifications/ }).click();
const chosen = visitor => visitor.page.getByRole('switch', { name: 'Desktop notifications' });

/** Headless pages are always looked at: what the browser says of it is replaced. */
const looks = (visitor, how) => visitor.page.evaluate(how => {
  Object.defineProperty(document, 'visibilityState', { get: () => (how ? 'visible' : 'hidden'), configurable: true });
  document.hasFocus = () => how;
  document.dispatchEvent(new Event('visibilitychange'));
}, how);

/** Notes what the page shows on the desktop, and which tones it plays. */
async function listening(visitor) {
  await visitor.context.addInitScript(() => {
    window.asked = 0;
    window.shown = [];
    window.tones = 0;
    let permission = 'default';
    window.Notification = class {
      static get permission() {
        return permission;
      }

      static async requestPermission() {
        window.asked++;
        return (permission = window.answer ?? 'granted');
      }

      constructor(title, { body, tag }) {
        Object.assign(this, { title, body, tag, open: true });
        window.shown.push(this);
      }

      close() {
        this.open = false;
      }
    };
    const { createOscillator } = AudioContext.prototype;
    AudioContext.prototype.createOscillator = function () {
      window.tones++;
      return createOscillator.call(this);
    };
  });
  await visitor.page.reload();
  await visitor.online();
}

const shown = visitor => visitor.page.evaluate(() => window.shown.map(({ title, body, open }) => ({ title, body, open })));
const tones = visitor => visitor.page.evaluate(() => window.tones);

/** The colour of the icon at its lower right, where the number is. */
const iconAt = visitor => visitor.page.evaluate(async () => {
  const image = new Image();
  image.src = document.querySelector('link[rel="icon"]').href;
  await image.decode();
  const context = new OffscreenCanvas(64, 64).getContext('2d');
  context.drawImage(image, 0, 0, 64, 64);
  return [...context.getImageData(30, 44, 1, 1).data, ...context.getImageData(44, 26, 1, 1).data];
});

test('the title and the icon show how much is unread, and the plain ones come back', async () => {
  const { hub, alice, end } = await scene();
  await title(alice, 'Bob · Softadastra Chat');
  const plain = await iconAt(alice);
  for (let n = 1; n <= 3; n++) await say(hub, 3, 1, `from Carol ${n}`);
  await title(alice, '(3) Bob · Softadastra Chat');
  await until('the icon has a number', async () => String(await iconAt(alice)) !== String(plain));
  // What is looked at is no news: the title does not even flicker.
  await alice.page.evaluate(() => {
    window.titles = [];
    new MutationObserver(() => window.titles.push(document.title)).observe(document.querySelector('title'), { childList: true });
  });
  await say(hub, 2, 1, 'from Bob');
  await alice.reads(['from Bob']);
  await until('it is read', async () => (await hub.ask(1, 'GET', '/chat/unread')).messages === 3);
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await title(alice, 'Carol · Softadastra Chat');
  await until('the icon is plain', async () => String(await iconAt(alice)) === String(plain));
  assert.ok(!(await alice.page.evaluate(() => window.titles)).some(title => title.startsWith('(4)')));
  await end();
});

test('what comes in while one does not look rings, once for all, and what is looked at does not; the switch stays off', async () => {
  const { hub, alice, bob, end } = await scene();
  await listening(alice);
  await alice.says('a key was pressed: the page may sound');
  await bob.says('looked at');
  await alice.reads(['a key was pressed: the page may sound', 'looked at']);
  await say(hub, 3, 1, 'one');
  await say(hub, 3, 1, 'two');
  await until('it rings', async () => (await tones(alice)) > 0);
  assert.equal(await tones(alice), 2, 'one sound, of two tones');
  await panel(alice);
  const sound = alice.page.getByRole('switch', { name: 'Sound' });
  await sound.click();
  await alice.page.reload();
  await alice.online();
  await panel(alice);
  assert.equal(await sound.getAttribute('aria-checked'), 'false');
  await say(hub, 3, 1, 'three');
  await title(alice, '(3) Bob · Softadastra Chat');
  await order(hub, 1, 'Order 17 is paid');
  await alice.page.locator('.note', { hasText: 'Order 17' }).waitFor();
  // Had it been on, this one would have rung at once.
  assert.equal(await tones(alice), 0);
  await end();
});

test('the desktop is asked for by a click alone, shows what comes in meanwhile, and a click on it opens the conversation', async () => {
  const { hub, alice, end } = await scene();
  await listening(alice);
  await order(hub, 1, 'Order 15 is paid');
  await alice.page.getByRole('button', { name: 'Notifications: 1 unread' }).waitFor();
  assert.equal(await alice.page.evaluate(() => window.asked), 0);
  await panel(alice);
  assert.equal(await chosen(alice).getAttribute('aria-checked'), 'false');
  await chosen(alice).click();
  await alice.page.locator('.switch[aria-checked="true"]', { hasText: 'Desktop' }).waitFor();
  assert.equal(await alice.page.evaluate(() => window.asked), 1);
  await alice.page.keyboard.press('Escape');
  // While one looks, the page itself is enough.
  await order(hub, 1, 'Order 16 is paid');
  await alice.page.getByRole('button', { name: 'Notifications: 2 unread' }).waitFor();
  assert.deepEqual(await shown(alice), []);
  await looks(alice, false);
  await say(hub, 2, 1, 'is it <b>yours</b>?');
  await until('Bob is shown', async () => (await shown(alice)).length === 1);
  assert.deepEqual(await shown(alice), [{ title: 'Bob', body: 'is it <b>yours</b>?', open: true }]);
  await say(hub, 4, 1, 'hello from David');
  await until('David is shown', async () => (await shown(alice)).length === 2);
  await order(hub, 1, 'Order 17 is paid');
  await until('the order is shown', async () => (await shown(alice)).length === 3);
  assert.deepEqual((await shown(alice))[2], { title: 'Order 17 is paid', body: 'Ship it by Friday.', open: true });
  await looks(alice, true);
  await until('what is read is closed', async () => (await shown(alice))[0].open === false);
  await alice.page.evaluate(() => window.shown[1].onclick());
  await alice.page.getByRole('heading', { name: 'David' }).waitFor();
  await alice.reads(['hello from David']);
  await alice.page.evaluate(() => window.shown[2].onclick());
  await alice.page.locator('.note', { hasText: 'Order 17' }).waitFor();
  await end();
});

test('a browser that does not allow desktop notifications is believed', async () => {
  const { alice, end } = await scene();
  await listening(alice);
  await alice.page.evaluate(() => (window.answer = 'denied'));
  await panel(alice);
  await chosen(alice).click();
  await alice.page.locator('.toast', { hasText: 'does not allow' }).waitFor();
  assert.equal(await chosen(alice).getAttribute('aria-checked'), 'false');
  await end();
});

test('what came in while one did not look stands below a line, which stays while one reads, and goes with an answer', async () => {
  const { hub, alice, bob, end } = await scene();
  const lines = () => alice.page.locator('.divider.new, .row .text').allTextContents();
  await bob.says('looked at');
  await alice.reads(['looked at']);
  await bob.ticked('Seen');
  await looks(alice, false);
  await bob.says('one');
  await bob.says('two');
  await alice.reads(['looked at', 'one', 'two']);
  await looks(alice, true);
  await bob.ticked('Seen');
  assert.deepEqual(await lines(), ['looked at', 'New messages', 'one', 'two']);
  await bob.says('three');
  await alice.reads(['looked at', 'one', 'two', 'three']);
  await bob.ticked('Seen');
  assert.deepEqual(await lines(), ['looked at', 'New messages', 'one', 'two', 'three']);
  // The next time, it stands above what is new then.
  await looks(alice, false);
  await bob.says('four');
  await alice.reads(['looked at', 'one', 'two', 'three', 'four']);
  assert.deepEqual(await lines(), ['looked at', 'one', 'two', 'three', 'New messages', 'four']);
  await looks(alice, true);
  await alice.says('an answer');
  await bob.reads(['looked at', 'one', 'two', 'three', 'four', 'an answer']);
  await until('the line is gone', async () => !(await lines()).includes('New messages'));
  assert.equal((await hub.ask(1, 'GET', '/chat/unread')).messages, 0);
  await end();
});

test('two tabs of one person ring once', async () => {
  const hub = await Hub.start();
  await say(hub, 1, 2, 'a conversation');
  const alice = await Visitor.open(chromium, hub.link(1, 2));
  await listening(alice);
  const second = Object.create(alice, { page: { value: await alice.tab(hub.link(1, 3)) } });
  await second.online();
  for (const tab of [alice, second]) {
    await tab.field.fill('a key was pressed');
    await title(tab, `${tab === alice ? 'Bob' : 'Carol'} · Softadastra Chat`);
  }
  await say(hub, 4, 1, 'hello');
  await until('one rings', async () => (await tones(alice)) + (await tones(second)) > 0);
  for (const tab of [alice, second]) await tab.page.locator('.thread-unread', { hasText: '1' }).waitFor();
  await until('the other has left it', () => alice.page.evaluate(async () => !(await navigator.locks.query()).held.some(({ name }) => name.endsWith('ring'))));
  assert.equal((await tones(alice)) + (await tones(second)), 2);
  await alice.close();
  await hub.end();
});
