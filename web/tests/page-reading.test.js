// What one reads, and finds again: links, emoji, long texts, days, drafts in the list, the search.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

const say = (hub, from, to, content) => hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: content.slice(0, 100), content });

/** Texts, and what is clickable in them: `[what is shown, where it leads]`. */
const LINKS = [
  ['see https://example.com/a?b=c. And', [['https://example.com/a?b=c', 'https://example.com/a?b=c']]],
  ['www.shop.fr, or foo@bar.com', [['www.shop.fr', 'http://www.shop.fr/'], ['foo@bar.com', 'mailto:foo@bar.com']]],
  ['(https://en.wikipedia.org/wiki/A_(b))', [['https://en.wikipedia.org/wiki/A_(b)', 'https://en.wikipedia.org/wiki/A_(b)']]],
  ['call +254 712 345 678 or 06 12 34 56 78', [['+254 712 345 678', 'tel:+254712345678'], ['06 12 34 56 78', 'tel:0612345678']]],
  ['مرحبا https://shop.example/مكتب شكرا', [['https://shop.example/مكتب', 'https://shop.example/%D9%85%D9%83%D8%AA%D8%A8']]],
  // None of these holds one.
  ['1 250 000 KES, card 4242 4242 4242 4242, on 01.02.2026 at 22:10', []],
  ['here it is.It was there, version 1.2.3', []],
  ['javascript:alert(1) data:text/html,x //evil.example ftp://x.example', []],
  // Names in other letters, which look like known ones, are shown as they are asked for.
  ['https://аpple.com/login', [['https://xn--pple-43d.com/login', 'https://xn--pple-43d.com/login']]],
  ['support@аpple.com', [['support@xn--pple-43d.com', 'mailto:support@xn--pple-43d.com']]],
  ['https://a.example/\u202egpj.exe', [['https://a.example/%E2%80%AEgpj.exe', 'https://a.example/%E2%80%AEgpj.exe']]],
  ['https://bank.example@evil.example/', [['https://bank.example', 'https://bank.example/']]],
];

test('links, mail addresses and telephone numbers are clickable, and lead where they say', async () => {
  const { hub, alice, end } = await scene();
  for (const [text] of LINKS) await say(hub, 2, 1, text);
  await until('all are here', async () => (await alice.texts()).length === LINKS.length);
  await alice.page.locator('.row .text a').first().waitFor();
  const found = await alice.page.locator('.row .text').evaluateAll(all => all.map(text => [...text.querySelectorAll('a')].map(link => [link.textContent, link.getAttribute('href')])));
  assert.deepEqual(found, LINKS.map(([, links]) => links));
  // It opens in a tab of its own, which knows nothing of this one.
  const link = alice.page.locator('.row .text a').first();
  assert.deepEqual(await link.evaluate(link => [link.target, link.rel]), ['_blank', 'noopener nofollow ugc']);
  await alice.context.route('https://example.com/**', route => route.fulfill({ body: 'there' }));
  const [tab] = await Promise.all([alice.context.waitForEvent('page'), link.click()]);
  await tab.waitForLoadState();
  assert.deepEqual([tab.url(), await tab.evaluate(() => window.opener)], ['https://example.com/a?b=c', null]);
  await tab.close();
  await end();
});

test('a few emoji alone are large, and a long text is folded until one wants it all', async () => {
  const { hub, alice, end } = await scene();
  const long = `${'A long story. '.repeat(120)}The end.`;
  const texts = ['👍', '👩🏽‍🌾❤️ 🇰🇪', '1️⃣', '👍👍👍👍', '👍 thanks', '12', '©', long];
  for (const text of texts) await say(hub, 2, 1, text);
  await alice.reads(texts);
  const large = await alice.page.locator('.row .text').evaluateAll(all => all.map(text => parseFloat(getComputedStyle(text).fontSize) > 30));
  assert.deepEqual(large, [true, true, true, false, false, false, false, false]);
  const text = alice.page.locator('.row', { hasText: 'A long story' }).locator('.text');
  const hidden = () => text.evaluate(text => text.scrollHeight - text.clientHeight);
  assert.ok(await hidden() > 50);
  const fold = alice.page.getByRole('button', { name: 'Show all' });
  assert.equal(await fold.getAttribute('aria-expanded'), 'false');
  await fold.click();
  assert.equal(await hidden(), 0);
  // It stays as one wants it, also when something of the message changes.
  await hub.ask(2, 'PATCH', `/chat/messages/${(await hub.conversation(1, 2)).at(-1).id}`, { content: `${long} Really.` });
  await alice.page.locator('.row .text', { hasText: 'Really.' }).waitFor();
  assert.equal(await hidden(), 0);
  await alice.page.getByRole('button', { name: 'Show less' }).click();
  assert.ok(await hidden() > 50);
  await end();
});

test('while one scrolls, the day of what is at the top is shown', async () => {
  const hub = await Hub.start();
  for (let n = 1; n <= 48; n++) await say(hub, 2, 1, `line ${n}`);
  const alice = await Visitor.open(chromium, 'about:blank');
  const before = Date.now() - 86_400_000;
  await alice.page.route('**/chat/messages*', async route => {
    const answer = await route.fetch();
    const body = await answer.json();
    for (const message of body.messages) if (message.seq <= 20) message.created_at = new Date(before).toISOString();
    await route.fulfill({ response: answer, json: body });
  });
  await alice.page.goto(hub.link(1, 2));
  await until('all is here', async () => (await alice.texts()).length === 48);
  const scroller = alice.page.locator('.scroller');
  const shown = text => alice.page.locator('.floating-day.shown', { hasText: text }).waitFor();
  const to = text => scroller.evaluate((scroller, text) => {
    const row = seekAll('.row').find(row => row.querySelector('.text').textContent === text);
    scroller.scrollTop += row.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
  }, text);
  await to('line 10');
  await shown('Yesterday');
  await to('line 25');
  await shown('Today');
  // Where the day itself stands, it is not said twice; nor when one has stopped.
  await scroller.evaluate(scroller => (scroller.scrollTop = 0));
  await alice.page.locator('.floating-day.shown').waitFor({ state: 'detached' });
  await to('line 10');
  await shown('Yesterday');
  await alice.page.locator('.floating-day.shown').waitFor({ state: 'detached' });
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
  await hub.end();
});

test('a draft stands in the list, over a reload, until it is sent', async () => {
  const { hub, alice, end } = await scene();
  await say(hub, 3, 1, 'hello from Carol');
  await say(hub, 2, 1, 'hello from Bob');
  await alice.field.fill('half a <b>sentence</b>');
  const preview = alice.page.locator('.thread', { hasText: 'Bob' }).locator('.thread-last');
  // Where one writes it is in sight anyway.
  await preview.filter({ hasText: 'hello from Bob' }).waitFor();
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await preview.filter({ hasText: 'Draft:half a <b>sentence</b>' }).waitFor();
  await alice.page.reload();
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await preview.filter({ hasText: 'Draft:half a <b>sentence</b>' }).waitFor();
  await alice.page.locator('.thread', { hasText: 'Bob' }).click();
  await alice.says('a whole sentence');
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await preview.filter({ hasText: 'a whole sentence' }).waitFor();
  await end();
});

test('the search finds people by their names and messages by their words, and opens them there', async () => {
  const { hub, alice, end } = await scene();
  for (let n = 1; n <= 30; n++) await say(hub, 3, 1, n === 4 ? 'Le <b>Café</b> est à côté' : `line ${n}`);
  await say(hub, 4, 1, 'Shall we meet in a café?');
  await alice.page.locator('.thread', { hasText: 'Carol' }).click();
  await until('Carol\'s are here', async () => (await alice.texts()).length === 30);
  await alice.page.locator('.thread', { hasText: 'Bob' }).waitFor({ state: 'detached' });
  const field = alice.page.getByRole('searchbox', { name: 'Search people and messages' });
  const found = () => alice.page.locator('.thread').evaluateAll(all => all.map(row => `${row.querySelector('.thread-name').textContent.replace(', online', '')}: ${row.querySelector('.thread-last').textContent}`));
  const finds = expected => until(`${expected} is found`, async () => JSON.stringify(await found()) === JSON.stringify(expected));
  await field.fill('CAFE');
  await finds(['David: Shall we meet in a café?', 'Carol: Le <b>Café</b> est à côté']);
  assert.deepEqual(await alice.page.locator('.thread mark').allTextContents(), ['café', 'Café']);
  await alice.page.locator('.thread', { hasText: 'est à côté' }).click();
  await alice.page.locator('.row.shown', { hasText: 'est à côté' }).waitFor();
  await until('it is in sight', () => alice.page.locator('.row', { hasText: 'est à côté' }).evaluate(row => {
    const { top, bottom } = row.closest('.scroller').getBoundingClientRect();
    return row.getBoundingClientRect().top >= top && row.getBoundingClientRect().bottom <= bottom;
  }));
  await field.fill('dav');
  await finds(['David: Shall we meet in a café?']);
  await field.fill('nothing like it');
  await alice.page.getByText('Nothing found in what is loaded.').waitFor();
  await field.press('Escape');
  await until('all are here again', async () => (await found()).length === 2);
  await end();
});
