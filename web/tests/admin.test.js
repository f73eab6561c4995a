// The admin view, as user, service and admin; in light and dark, wide and narrow; and what the staff does with it.
// The pictures are kept in tests/pictures.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browser, Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { faint, pictures, problems } from './support/looks.js';
import { play } from './support/scene.js';
import { until } from './support/wait.js';

let chromium;
let hub;

before(async () => {
  mkdirSync(pictures, { recursive: true });
  chromium = await browser();
  hub = await Hub.start({ CHAT_ADMIN: 'write', CHAT_NODE_NAME: 'kampala', CHAT_BASE_PATH: '/api' });
  await play(hub);
  await hub.ask(9, 'POST', '/admin/webhooks', { url: 'http://127.0.0.1:9/hook', types: ['*'], description: 'The shop' }, { role: 'admin' });
  await hub.ask(1, 'PUT', '/internal/profiles', { profiles: [{ user_id: 3, name: 'Farid', locale: 'fr', verified: true, role: 'seller' }] }, { role: 'service' });
});
after(async () => {
  await chromium.close();
  await hub.end();
});

const link = (role = 'admin', id = 9) => `${hub.url}/admin#token=${hub.token(id, { role })}`;

/** Opens the view, and waits until it is live. */
async function staff(options) {
  const visitor = await Visitor.open(chromium, link(), options);
  await visitor.page.locator('.live[data-state="live"]').waitFor();
  return visitor;
}

const section = (page, name) => page.getByRole('tab', { name }).click();

for (const [width, height] of [[1280, 800], [390, 844]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${width} wide, ${colorScheme}: every section is seen and used by every user of it`, async () => {
      const narrow = width < 500;
      const visitor = await staff({ viewport: { width, height }, colorScheme, isMobile: narrow, hasTouch: narrow, reducedMotion: 'reduce', bypassCSP: true });
      const { page } = visitor;
      const look = async name => {
        await page.screenshot({ path: join(pictures, `admin-${name}-${width}-${colorScheme}.png`), fullPage: true });
        assert.deepEqual(await problems(page), [], name);
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name}: wider than the window`);
      };
      await page.getByRole('region', { name: 'Errors' }).or(page.getByText('There was none since')).first().waitFor();
      await look('overview');
      await section(page, 'Users');
      await page.getByLabel('User', { exact: true }).fill('3');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByText('Farid').first().waitFor();
      await look('user');
      assert.deepEqual(await faint(page), []);
      await section(page, 'Conversations');
      await page.getByLabel('Thread', { exact: true }).fill('1');
      await page.getByLabel('Why it is read').fill('report 12');
      await page.getByRole('button', { name: 'Read' }).click();
      await page.locator('.message').first().waitFor();
      await look('conversation');
      await section(page, 'Webhooks');
      await page.getByRole('button', { name: 'Deliveries' }).click();
      await page.getByText('Delivered to The shop').waitFor();
      await look('webhooks');
      await section(page, 'Audit');
      await page.getByRole('button', { name: 'Read' }).click();
      await page.getByText('thread.show').first().waitFor();
      await look('audit');
      await section(page, 'Settings');
      await page.getByText('CHAT_BASE_PATH').waitFor();
      await look('settings');
      assert.deepEqual(visitor.wrongs, []);
      await visitor.close();
    });
  }
}

test('figures are live, by one stream', async () => {
  const visitor = await staff();
  const asked = [];
  visitor.page.on('request', request => asked.push(new URL(request.url()).pathname));
  const stored = async () => Number((await visitor.page.locator('.figure', { hasText: 'Messages a second' }).locator('small').textContent()).replace(/\D/g, ''));
  const at = await stored();
  await hub.ask(1, 'POST', '/chat/send', { receiver_id: 2, content: 'Is it live?' });
  await until('the figure has moved', async () => await stored() === at + 1);
  assert.deepEqual(asked, [], 'nothing is asked for but the stream');
  assert.deepEqual(await visitor.violations(), []);
  assert.ok(!visitor.page.url().includes('token'), 'the token leaves the address bar');
  assert.deepEqual(visitor.wrongs, []);
  await visitor.close();
});

for (const role of ['user', 'service']) {
  test(`a token with the role ${role} sees nothing`, async () => {
    const visitor = await Visitor.open(chromium, link(role, 1), { bypassCSP: true });
    await visitor.page.getByText('This is for the staff alone').waitFor();
    assert.equal(await visitor.page.getByRole('tab').count(), 0);
    assert.deepEqual(await problems(visitor.page), []);
    const shown = await fetch(`${hub.url}/admin`, { headers: { Authorization: `Bearer ${hub.token(1, { role })}` } });
    assert.equal(shown.status, 403);
    // With a token of the staff it opens.
    await visitor.page.getByLabel('Token').fill(hub.token(9, { role: 'admin' }));
    const addresses = [];
    visitor.page.on('framenavigated', frame => addresses.push(frame.url()));
    await visitor.page.getByRole('button', { name: 'Open' }).click();
    await visitor.page.locator('.live[data-state="live"]').waitFor();
    assert.ok(addresses.length > 0 && addresses.every(address => !address.includes('token')), `the browser's history has ${addresses}`);
    await visitor.close();
  });
}

test('the staff suspends and restores a user, and ends sessions, each for a reason', async () => {
  const visitor = await staff();
  const { page } = visitor;
  const send = () => fetch(`${hub.url}/chat/send`, { method: 'POST', headers: { Authorization: `Bearer ${hub.token(5)}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ receiver_id: 1, content: 'Hello?' }) });
  await section(page, 'Users');
  await page.getByLabel('User', { exact: true }).fill('5');
  await page.getByRole('button', { name: 'Show' }).click();
  await page.getByLabel('Until').fill('2099-01-01T00:00');
  await page.getByLabel('Why suspend').fill('three reports');
  await page.getByRole('button', { name: 'Suspend' }).click();
  await page.getByLabel('Why restore').waitFor();
  assert.equal((await send()).status, 403);
  await page.getByLabel('Why restore').fill('a mistake');
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.getByLabel('Why suspend').waitFor();
  assert.equal((await send()).status, 201);
  await page.getByLabel('Why end the sessions').fill('a stolen phone');
  await page.getByRole('button', { name: 'End sessions' }).click();
  await until('the token is refused', async () => (await send()).status === 401);
  const { entries } = await hub.ask(9, 'GET', '/admin/audit', undefined, { role: 'admin' });
  const acts = entries.filter(({ whom, what }) => whom === 'user:5' && what !== 'user.show').map(({ what, why }) => `${what}: ${why}`);
  assert.deepEqual(acts, ['user.end_sessions: a stolen phone', 'user.restore: a mistake', 'user.suspend: three reports']);
  assert.deepEqual(visitor.wrongs, []);
  await visitor.close();
});

test('a webhook is tried, and what has failed is sent again', async () => {
  const heard = [];
  const shop = createServer((request, answer) => {
    heard.push(request.headers['webhook-id']);
    answer.writeHead(418).end('short and stout');
  });
  await new Promise(done => shop.listen(0, '127.0.0.1', done));
  await hub.ask(9, 'POST', '/admin/webhooks', { url: `http://127.0.0.1:${shop.address().port}/hook`, types: ['notification.created'], description: 'The teapot' }, { role: 'admin' });
  const visitor = await staff();
  const card = visitor.page.locator('section.card', { hasText: 'The teapot' });
  await until('the webhook is shown', async () => {
    await section(visitor.page, 'Webhooks');
    return await card.count() > 0;
  });
  await card.getByRole('button', { name: 'Send a test' }).click();
  await card.getByRole('status').getByText(/^418 after \d+ ms: short and stout$/).waitFor();
  assert.equal(heard.length, 1);
  await card.getByRole('button', { name: 'Send again what failed today' }).click();
  await card.getByRole('status').getByText('0 are sent again.').waitFor();
  const { entries } = await hub.ask(9, 'GET', '/admin/audit', undefined, { role: 'admin' });
  assert.deepEqual(entries.filter(({ what }) => what === 'webhook.replay' || what === 'webhook.test').map(({ what }) => what), ['webhook.replay', 'webhook.test']);
  assert.deepEqual(visitor.wrongs, []);
  await visitor.close();
  await new Promise(done => shop.close(done));
});

test('older rows of the audit log are shown page after page, and where they cannot be had, it is said', async () => {
  for (let row = 0; row < 120; row++) await hub.ask(9, 'GET', '/admin/users/6', undefined, { role: 'admin' });
  const visitor = await staff();
  const { page } = visitor;
  await section(page, 'Audit');
  await page.getByRole('button', { name: 'Read' }).click();
  const newest = () => page.getByRole('region', { name: 'Audit log' }).locator('tbody td').first().textContent();
  const older = page.getByRole('button', { name: 'Older' });
  await older.waitFor();
  const first = Number(await newest());
  await older.click();
  await until('the second page', async () => Number(await newest()) === first - 50);
  await page.route('**/admin/audit?*', route => route.abort());
  await older.click();
  await page.getByText('The hub cannot be reached.').waitFor();
  await page.unroute('**/admin/audit?*');
  await older.click();
  await until('the third page', async () => Number(await newest()) === first - 100);
  await visitor.close();
});

test('where the staff may look alone, nothing can be pressed; where there is no view, it says so', async () => {
  const reading = await Hub.start();
  const visitor = await Visitor.open(chromium, `${reading.url}/admin#token=${reading.token(9, { role: 'admin' })}`);
  await visitor.page.locator('.live[data-state="live"]').waitFor();
  await section(visitor.page, 'Users');
  await visitor.page.getByLabel('User', { exact: true }).fill('5');
  await visitor.page.getByRole('button', { name: 'Show' }).click();
  await visitor.page.getByText('change nothing').waitFor();
  assert.equal(await visitor.page.getByRole('button', { name: 'Suspend' }).count(), 0);
  await visitor.close();
  await reading.end();
  const closed = await Hub.start({ CHAT_ADMIN: 'off' });
  assert.equal((await fetch(`${closed.url}/admin`)).status, 404);
  await closed.end();
});
