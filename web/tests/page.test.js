// The story of two people, told by clicking and typing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

/** The hub prints its links once it listens, which may be after it is first asked whether it is ready. */
const links = hub => until('the links are printed', () => hub.links().length === 2 && hub.links());

test('two people talk: the story of the README, by clicking', async () => {
  const { hub, alice, bob, end } = await scene({}, { links });
  // The link logs in and opens the conversation; its token is gone from the address bar, the composer is ready.
  assert.equal(alice.page.url(), `${hub.url}/`);
  await alice.page.getByRole('heading', { name: 'Bob' }).waitFor();
  assert.equal(await alice.field.evaluate(field => field === seekFocus()), true);

  // Text, both ways; ticks to seen, since both look.
  await alice.page.keyboard.type('Is it still available?');
  await alice.page.keyboard.press('Enter');
  await bob.reads(['Is it still available?']);
  await alice.ticked('Seen');
  await bob.field.pressSequentially('It is.');
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'typing' }).waitFor();
  await bob.says('It is.\nCome and see it!');
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'Online' }).waitFor();
  await alice.reads(['Is it still available?', 'It is.\nCome and see it!']);
  await bob.ticked('Seen');

  // Neither page shows a message twice, and both lists say the same.
  for (const visitor of [alice, bob]) {
    await visitor.page.locator('.thread .thread-text', { hasText: 'It is. Come and see it!' }).waitFor();
  }

  // Presence: off, and on again; the list shows it, too.
  const there = alice.page.locator('.thread', { hasText: 'Bob' }).locator('.presence.online');
  await there.waitFor();
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'Online' }).waitFor();
  await bob.goes(false);
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'Last seen' }).waitFor();
  await there.waitFor({ state: 'detached' });
  await bob.goes(true);
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'Online' }).waitFor();

  // Edit, answer, delete.
  await alice.chooses('still available', 'Edit');
  await alice.field.fill('Is the desk still available?');
  await alice.field.press('Enter');
  await bob.reads(['Is the desk still available?', 'It is.\nCome and see it!']);
  await bob.page.locator('.row', { hasText: 'the desk' }).getByText('edited').waitFor();
  await bob.chooses('the desk', 'Reply');
  await bob.says('This one?');
  await alice.page.locator('.row', { hasText: 'This one?' }).locator('.quote', { hasText: 'Is the desk still available?' }).waitFor();
  await bob.chooses('This one?', 'Delete');
  await bob.page.getByRole('button', { name: 'Delete' }).click();
  await alice.reads(['Is the desk still available?', 'It is.\nCome and see it!', 'Message deleted']);

  // The marketplace's notifications are at the bell, and messages in the list alone.
  await hub.ask(3, 'POST', '/chat/send', { receiver_id: 2, temp_id: 'c-1', content: 'Hello from Carol' });
  await bob.page.locator('.thread', { hasText: 'Carol' }).locator('.thread-unread', { hasText: '1' }).waitFor();
  await hub.ask(1, 'POST', '/internal/notifications', { user_id: 2, type: 'order', title: 'Order 17 is paid', body: 'Ship it by Friday.' }, { role: 'service' });
  await bob.page.getByRole('button', { name: 'Notifications: 1 unread' }).click();
  await bob.page.locator('.note-title').first().waitFor();
  assert.deepEqual(await bob.page.locator('.note-title').allTextContents(), ['Order 17 is paid']);
  await bob.page.locator('.note', { hasText: 'Order 17 is paid' }).locator('.note-main').click();
  await bob.page.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
  await bob.page.keyboard.press('Escape');
  await bob.page.locator('.thread', { hasText: 'Carol' }).click();
  await bob.page.getByRole('heading', { name: 'Carol' }).waitFor();
  await bob.reads(['Hello from Carol']);
  await end();
});

test('of whom one has not talked with nothing is said, and from the first message on both see each other', async () => {
  const { alice, bob, end } = await scene({}, { links });
  const line = visitor => visitor.page.locator('.conversation .bar-subtitle');
  // Both are here, so "Offline" would be wrong; the hub does not say who is here to strangers.
  for (const visitor of [alice, bob]) assert.equal(await line(visitor).textContent(), '');
  await alice.says('first');
  await bob.reads(['first']);
  for (const visitor of [alice, bob]) {
    await line(visitor).filter({ hasText: 'Online' }).waitFor();
    await visitor.page.locator('.thread .presence.online').waitFor();
  }
  // And it goes on to be true.
  await bob.goes(false);
  await line(alice).filter({ hasText: 'Last seen' }).waitFor();
  await bob.goes(true);
  await line(alice).filter({ hasText: 'Online' }).waitFor();
  await end();
});

test('a conversation that is not open counts what is unread, and its first page shows what is new', async () => {
  const { hub, alice, end } = await scene({}, { links });
  for (let n = 1; n <= 3; n++) await hub.ask(4, 'POST', '/chat/send', { receiver_id: 1, temp_id: `d-${n}`, content: `news ${n}` });
  const row = alice.page.locator('.thread', { hasText: 'David' });
  await row.locator('.thread-unread', { hasText: '3' }).waitFor();
  await row.click();
  await alice.page.locator('.divider.new').waitFor();
  await until('nothing is unread', async () => (await hub.ask(1, 'GET', '/chat/unread')).messages === 0);
  await end();
});

test('what comes in while the user does not look is delivered, and seen when they do', async () => {
  const { hub, alice, bob, end } = await scene({}, { links });
  await alice.says('first');
  await alice.ticked('Seen');
  /** Headless pages are always visible: what the browser says of it is replaced. */
  const shows = how => bob.page.evaluate(how => {
    Object.defineProperty(document, 'visibilityState', { get: () => how, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, how);
  await shows('hidden');
  await alice.says('second');
  await bob.reads(['first', 'second']);
  await alice.ticked('Delivered');
  // Bob's answer comes after whatever his page had to say of the message: it is still not seen.
  await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'away', content: 'third, from his phone' });
  await alice.reads(['first', 'second', 'third, from his phone']);
  await alice.ticked('Delivered');
  assert.equal((await hub.ask(2, 'GET', '/chat/unread')).messages, 1);
  await shows('visible');
  await alice.ticked('Seen');
  await end();
});

test('history comes in pages as one scrolls up, and does not move what one reads', async () => {
  const hub = await Hub.start();
  for (let n = 1; n <= 180; n++) await hub.ask(n % 2 ? 2 : 1, 'POST', '/chat/send', { receiver_id: n % 2 ? 1 : 2, temp_id: `h-${n}`, content: `line ${n}` });
  const alice = await Visitor.open(chromium, hub.link(1, 2));
  await alice.page.locator('.row', { hasText: 'line 180' }).waitFor();
  assert.ok((await alice.texts()).length < 180, 'the first pages are not everything');
  await until('everything is here', async () => {
    await alice.page.locator('.scroller').evaluate(scroller => (scroller.scrollTop = 0));
    return (await alice.texts()).length === 180;
  });
  assert.deepEqual(await alice.texts(), Array.from({ length: 180 }, (_, n) => `line ${n + 1}`));
  // What comes in while one reads old messages leaves them where they are, and is not read yet.
  const row = alice.page.locator('.row').nth(20);
  await row.evaluate(row => row.scrollIntoView());
  const top = () => row.evaluate(row => Math.round(row.getBoundingClientRect().top));
  const before = await top();
  await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'h-181', content: 'line 181' });
  const jump = alice.page.getByRole('button', { name: 'To the newest message' });
  await jump.locator('.badge', { hasText: '1' }).waitFor();
  assert.equal((await alice.texts()).length, 181);
  assert.equal(await top(), before);
  assert.equal((await hub.ask(1, 'GET', '/chat/unread')).messages, 1);
  await jump.click();
  await until('it is read', async () => (await hub.ask(1, 'GET', '/chat/unread')).messages === 0);
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});

test('history is put in as if it had been there: without a motion, and unannounced', async () => {
  const hub = await Hub.start();
  for (let n = 1; n <= 120; n++) await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: `m-${n}`, content: `line ${n}` });
  const alice = await Visitor.open(chromium, hub.link(1, 2));
  await alice.page.locator('.row', { hasText: 'line 120' }).waitFor();
  await until('the newest page is here', async () => (await alice.texts()).length > 40);
  await alice.page.evaluate(() => {
    const log = seek('.log');
    const text = row => row.querySelector('.text')?.textContent;
    window.moved = [];
    window.asked = ['role', 'aria-live', 'aria-relevant', 'aria-label'].map(name => log.getAttribute(name));
    window.announced = [];
    log.addEventListener('animationstart', event => window.moved.push(text(event.target)));
    new MutationObserver(changes => {
      const rows = changes.flatMap(change => [...change.addedNodes]).filter(node => node.matches?.('.row'));
      if (!log.hasAttribute('aria-busy')) window.announced.push(...rows.map(text));
    }).observe(log, { childList: true, subtree: true });
  });
  await alice.page.locator('.scroller').evaluate(scroller => (scroller.scrollTop = 0));
  await until('everything is here', async () => {
    await alice.page.locator('.scroller').evaluate(scroller => (scroller.scrollTop = 0));
    return (await alice.texts()).length === 120;
  });
  await alice.page.getByRole('button', { name: 'To the newest message' }).click();
  await until('one is at the end', () => alice.page.locator('.jump').isHidden());
  await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'm-121', content: 'line 121' });
  await until('it has come in', () => alice.page.evaluate(() => window.moved.includes('line 121')));
  assert.deepEqual(await alice.page.evaluate(() => [window.moved, window.announced]), [['line 121'], ['line 121']]);
  // What a screen reader is told to do: say what is added, nothing else.
  assert.deepEqual(await alice.page.evaluate(() => window.asked), ['log', 'polite', 'additions', 'Messages with Bob']);
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});

test('what one reads stays where it is, also below the beginning of what is new', async () => {
  const hub = await Hub.start();
  // All unread and from one person: whatever page is the first, it begins with a day and with "New".
  for (let n = 1; n <= 120; n++) await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: `u-${n}`, content: `line ${n}` });
  const alice = await Visitor.open(chromium, 'about:blank');
  // Older pages come when the test says so: what one reads then is on the screen.
  let older;
  const asked = new Promise(done => alice.page.route(/before_seq=71\b/, route => {
    older = route;
    done();
  }));
  await alice.page.goto(hub.link(1, 2));
  await alice.page.locator('.divider.new').waitFor();
  await until('the newest page is here', async () => (await alice.texts()).length === 50);
  await alice.page.locator('.scroller').evaluate(scroller => (scroller.scrollTop = 100));
  await asked;
  const row = alice.page.locator('.row', { hasText: 'line 75' });
  const top = () => row.evaluate(row => row.getBoundingClientRect().top);
  const before = await top();
  await older.continue();
  await until('the older page is here', async () => (await alice.texts()).length > 50);
  assert.ok(Math.abs((await top()) - before) < 1, `from ${before} to ${await top()}`);
  // Nor does it move when something above what is in sight changes its height.
  const { messages } = await hub.ask(1, 'GET', '/chat/messages?with=2&after_seq=59&limit=1');
  await hub.ask(2, 'PATCH', `/chat/messages/${messages[0].id}`, { content: 'line 60\nis\nlonger\nnow' });
  await alice.page.locator('.row', { hasText: 'longer' }).waitFor();
  assert.ok(Math.abs((await top()) - before) < 1, `from ${before} to ${await top()}`);
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});

test('days are told apart', async () => {
  const hub = await Hub.start();
  for (let n = 1; n <= 6; n++) await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: `t-${n}`, content: `line ${n}` });
  const alice = await Visitor.open(chromium, 'about:blank', { timezoneId: 'Asia/Tokyo' });
  // The server's clock cannot be turned back: what it says is changed on its way.
  const now = new Date();
  const days = [800, 3, 3, 1, 0, 0];
  const then = seq => new Date(now.getTime() - days[seq - 1] * 86_400_000).toISOString();
  await alice.page.route('**/chat/{messages,threads}*', async route => {
    const answer = await route.fetch();
    const body = await answer.json();
    for (const message of body.messages ?? body.threads.map(thread => thread.last_message)) message.created_at = then(message.seq);
    await route.fulfill({ response: answer, json: body });
  });
  await alice.page.goto(hub.link(1, 2));
  await alice.reads(['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'line 6']);
  const inTokyo = (at, how) => new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Tokyo', ...how }).format(new Date(at));
  const expected = [
    inTokyo(then(1), { day: 'numeric', month: 'long', year: 'numeric' }), 'line 1',
    inTokyo(then(2), { weekday: 'long' }), 'line 2', 'line 3', 'Yesterday', 'line 4', 'Today', 'line 5', 'line 6',
  ];
  assert.deepEqual(await alice.page.locator('.divider:not(.new) span, .row .text').allTextContents(), expected);
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});

test('text from the right runs from the right, beside text from the left', async () => {
  const { hub, alice, bob, end } = await scene({}, { links });
  await bob.says('بالتأكيد، الساعة السابعة مساءً');
  await bob.says('Seven it is.');
  await alice.reads(['بالتأكيد، الساعة السابعة مساءً', 'Seven it is.']);
  const directions = () => alice.page.locator('.row .text').evaluateAll(all => all.map(text => getComputedStyle(text).direction));
  assert.deepEqual(await directions(), ['rtl', 'ltr']);
  // The time stands where the last line ends.
  const sides = await alice.page.locator('.row').evaluateAll(all => all.map(row => {
    const [bubble, time] = ['.bubble', '.meta'].map(name => row.querySelector(name).getBoundingClientRect());
    return time.left - bubble.left < bubble.right - time.right ? 'left' : 'right';
  }));
  assert.deepEqual(sides, ['left', 'right']);
  // In the list, in a notification, and where one writes.
  await hub.ask(3, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'rtl', content: 'مرحبا' });
  const preview = alice.page.locator('.thread', { hasText: 'Carol' }).locator('.thread-text', { hasText: 'مرحبا' });
  assert.equal(await preview.evaluate(text => getComputedStyle(text).direction), 'rtl');
  await alice.field.fill('مرحبا');
  assert.equal(await alice.field.evaluate(field => getComputedStyle(field).direction), 'rtl');
  await end();
});

test('the keyboard alone is enough', async () => {
  const { alice, bob, end } = await scene({}, { links });
  await alice.says('with the keybord');
  await bob.reads(['with the keybord']);
  // The arrow up edits the last message; Escape leaves it be.
  await alice.field.press('ArrowUp');
  assert.equal(await alice.field.inputValue(), 'with the keybord');
  await alice.field.press('Escape');
  assert.equal(await alice.field.inputValue(), '');
  await alice.field.press('ArrowUp');
  await alice.field.fill('with the keyboard');
  await alice.field.press('Enter');
  await bob.reads(['with the keyboard']);
  // Shift+Enter is a line.
  await alice.page.keyboard.type('one');
  await alice.page.keyboard.press('Shift+Enter');
  await alice.page.keyboard.type('two');
  await alice.page.keyboard.press('Enter');
  await bob.reads(['with the keyboard', 'one\ntwo']);
  // Every control is reached by Tab, and a message's menu is opened and left without a pointer.
  const more = bob.page.locator('.row', { hasText: 'one' }).getByRole('button', { name: 'Message options' });
  await more.focus();
  await bob.page.keyboard.press('Enter');
  await bob.page.getByRole('menuitem', { name: 'Reply' }).waitFor();
  await bob.page.keyboard.press('ArrowDown');
  assert.equal(await bob.page.evaluate(() => seekFocus().textContent), 'Copy');
  await bob.page.keyboard.press('Escape');
  await until('the focus is back', () => more.evaluate(button => button === seekFocus()));
  await end();
});

test('under a base path, and not at all in production', async () => {
  const { hub, alice, bob, end } = await scene({ CHAT_BASE_PATH: '/api' }, { links });
  assert.equal(alice.page.url(), `${hub.url}/`);
  await alice.says('below /api');
  await bob.reads(['below /api']);
  // Without the slash one is sent on, and stays who one is.
  const { url } = hub;
  const answer = await fetch(url, { redirect: 'manual' });
  assert.deepEqual([answer.status, answer.headers.get('location')], [308, '/api/']);
  await end();

  const production = await Hub.start({ JWT_SECRET: 'a secret that is long enough for HS256' });
  assert.equal((await fetch(`${production.url}/`)).status, 404);
  assert.equal((await fetch(`${production.url}/chat-client.js`)).status, 404);
  await production.end();
  const shown = await Hub.start({ JWT_SECRET: 'a secret that is long enough for HS256', CHAT_PAGE: 'on' });
  assert.equal((await fetch(`${shown.url}/`)).status, 200);
  await shown.end();
});
