// The bell has what the marketplace has to say, and no messages; what has a link leads there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

const note = (hub, title, body) => hub.ask(1, 'POST', '/internal/notifications', { user_id: 1, type: 'order', title, body }, { role: 'service' });

test('messages are in the list alone, also where the hub has many more of them than of the marketplace\'s notifications', async () => {
  const hub = await Hub.start();
  await note(hub, 'Order 15 is paid', 'Ship it by Friday.');
  // More than a page of notifications of conversations, and newer ones.
  for (let user = 100; user < 140; user++) await hub.ask(user, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'h', content: `hello from ${user}` });
  const alice = await Visitor.open(chromium, hub.link(1, 2));
  await alice.online();
  await alice.page.getByRole('button', { name: 'Notifications: 1 unread' }).click();
  assert.deepEqual(await alice.page.locator('.note-title').allTextContents(), ['Order 15 is paid']);
  const loaded = await alice.page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
  assert.deepEqual(loaded.filter(name => /\/links-/.test(name)), [], 'what finds addresses is not loaded for texts without any');
  await alice.page.getByRole('button', { name: 'Mark all as read' }).click();
  await alice.page.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
  // What was said is as unread as before.
  assert.equal((await hub.ask(1, 'GET', '/chat/unread')).messages, 40);
  await note(hub, 'Order 16 is paid', 'Ship it by Monday.');
  await alice.page.getByRole('button', { name: 'Notifications: 1 unread' }).waitFor();
  await hub.ask(99, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'h', content: 'one more' });
  await alice.page.locator('.thread', { hasText: 'one more' }).waitFor();
  await alice.page.getByRole('button', { name: 'Notifications: 1 unread' }).waitFor();
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});

test('a notification with a link opens it in a tab of its own, and is read by that; others stay where they are', async () => {
  const hub = await Hub.start();
  const alice = await Visitor.open(chromium, hub.link(1, 2));
  await alice.online();
  await alice.context.route('https://shop.example/**', route => route.fulfill({ body: 'the order' }));
  await note(hub, 'Order 17 is paid', 'See https://shop.example/orders/17?from=bell for all of it.');
  await note(hub, 'A parcel has left', 'javascript:alert(1) or tomorrow.');
  await alice.page.getByRole('button', { name: 'Notifications: 2 unread' }).click();
  const row = title => alice.page.locator('.note', { hasText: title });
  await row('Order 17').getByText('Opens shop.example').waitFor();
  assert.equal(await row('A parcel').locator('.note-link').isHidden(), true);
  const [tab] = await Promise.all([alice.context.waitForEvent('page'), row('Order 17').locator('.note-main').click()]);
  await tab.waitForURL('https://shop.example/orders/17?from=bell');
  assert.equal(await tab.evaluate(() => window.opener), null);
  await alice.page.getByRole('button', { name: 'Notifications: 1 unread' }).waitFor();
  await row('A parcel').locator('.note-main').click();
  await alice.page.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
  assert.equal(alice.context.pages().length, 2);
  await until('it is read at the hub', async () => (await hub.ask(1, 'GET', '/notifications?unread=true')).notifications.length === 0);
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});
