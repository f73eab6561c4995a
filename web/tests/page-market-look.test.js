// How cards, names and messages of the marketplace look: light, dark, wide, narrow, from right to left, and with hostile words.
// The pictures are kept in tests/pictures.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browser } from './support/browser.js';
import { Hub } from './support/hub.js';
import { looking } from './support/looks.js';
import { paint } from './support/pictures.js';

const at = name => `https://pictures.example/${name}.jpg`;
const card = (kind, id, more) => ({ kind, id, version: 1, url: `https://shop.example/${kind}/${id}`, ...more });
let chromium;
let hub;
/** @type {Map<string, Buffer>} */ const painted = new Map();

before(async () => {
  chromium = await browser();
  hub = await Hub.start();
  const page = await chromium.newPage();
  for (const [n, bytes] of (await paint(page, 3, 320, 320)).entries()) painted.set(at(['bob', 'lamp', 'alice'][n]), Buffer.from(bytes));
  await page.close();
});
after(async () => {
  await chromium.close();
  await hub.end();
});

/** Answers for the marketplace's pictures. */
const withPictures = context => context.route(/pictures\.example/, route => route.fulfill({ status: 200, contentType: 'image/jpeg', body: painted.get(route.request().url()) ?? Buffer.from('none') }));

/** No card, and no name, is wider than what it stands in. */
const overflowing = page => page.evaluate(() => seekAll('.card, .card-words, .card-title, .composer-card, .bubble, .thread-name, .bar-title')
  .filter(element => element.checkVisibility() && (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX === 'visible' || element.getBoundingClientRect().right > innerWidth + 1 || element.getBoundingClientRect().left < -1))
  .map(element => `${element.className}: ${element.textContent.slice(0, 60)}`));

let newest = 100;
for (const [width, height, colorScheme] of [[1280, 800, 'light'], [1280, 800, 'dark'], [390, 844, 'light'], [390, 844, 'dark'], [320, 640, 'light']]) {
  test(`${width} wide, ${colorScheme}: a shop, from left to right and from right to left`, async () => {
    const [buyer, seller, third] = [++newest, ++newest, ++newest];
    await hub.puts('profiles', [
      { user_id: buyer, name: 'Alice Amani', role: 'buyer', avatar_url: at('alice') },
      { user_id: seller, name: 'Bob Mukasa and Sons', role: 'seller', verified: true, avatar_url: at('bob') },
      { user_id: third, name: 'أمينة الخطيب', role: 'seller', verified: true },
    ]);
    await hub.puts('cards', [
      card('product', `${buyer}`, { title: 'Brass lamp', subtitle: 'Made in Kampala', amount: '250000.00', currency: 'UGX', image_url: at('lamp') }),
      card('shop', `${buyer}`, { title: 'Bob\'s lamps', subtitle: 'Owino market, Kampala' }),
      card('order', `${buyer}`, { title: 'الطلب رقم 17', amount: '9.50', currency: 'USD', state: 'مدفوع' }),
    ]);
    const ref = kind => ({ kind, id: `${buyer}` });
    const say = (from, to, temp_id, more) => hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id, ...more });
    await say(third, buyer, '1', { card: ref('order') });
    await say(buyer, seller, '1', { content: 'Is it still available?', card: ref('product') });
    await say(seller, buyer, '1', { content: 'It is. Come and see it in my shop!', card: ref('shop') });
    await hub.writes(buyer, seller, 'Order 17 is paid. Bob Mukasa has been told.', { card: ref('order') });
    await say(seller, buyer, '2', { card: ref('product') });
    await hub.puts('cards', [card('product', `${buyer}`, { version: 2, title: 'Brass lamp', subtitle: 'Made in Kampala', amount: '200000.00', currency: 'UGX', image_url: at('lamp'), state: 'reserved for Alice' })]);
    const { alice, page, narrow, look } = await looking(chromium, `${hub.link(buyer, seller)}&card=product:${buyer}`, width, height, colorScheme, { prepare: withPictures });
    await alice.online();
    await page.locator('.card-news').nth(1).waitFor();
    await page.locator('.composer-card img.loaded').waitFor();
    await page.locator('.conversation .avatar img.loaded').waitFor();
    await look('market');
    assert.deepEqual(await overflowing(page), []);
    await page.locator('.scroller').evaluate(scroller => scroller.scrollTo(0, 0));
    await look('market-top');
    const back = () => (narrow ? page.getByRole('button', { name: 'Back to all conversations' }).click() : undefined);
    await back();
    if (narrow) await look('market-inbox');
    await page.evaluate(() => seekAll('html, .frame').forEach(part => (part.dir = 'rtl')));
    if (narrow) await look('market-inbox-rtl');
    if (narrow) await page.locator('.thread', { hasText: 'Bob Mukasa' }).click();
    await page.locator('.card-news').nth(1).waitFor();
    await look('market-rtl');
    assert.deepEqual(await overflowing(page), []);
    assert.deepEqual(alice.wrongs, []);
    await alice.close();
  });
}

/** Names and titles as no marketplace should take them. */
const HOSTILE = {
  html: '<img src=x onerror=pwned()><b>Bob</b>',
  bidi: '\u202eBob\u2066 \u2067Mukasa\u202c\u2069\u2069\u200f',
  emoji: '😀'.repeat(80),
  family: '👨‍👩‍👧‍👦'.repeat(11),
  long: 'Donaudampfschifffahrtsgesellschaft'.repeat(3).slice(0, 80),
  marks: `Z${'\u0301\u0316'.repeat(39)}`,
  lines: 'Bob\nMukasa\u2028Sons',
  arabic: 'بوب موكاسا وأولاده للمصابيح والأقمشة الجميلة في كمبالا وما حولها',
};

for (const [width, height] of [[1280, 800], [320, 640]]) {
  test(`${width} wide: hostile names and titles stay where they belong, and run nothing`, async () => {
    const me = ++newest;
    const others = Object.entries(HOSTILE).map(([name, text]) => ({ name, text, user: ++newest }));
    await hub.puts('profiles', [{ user_id: me, name: HOSTILE.bidi, verified: true, role: 'seller' }, ...others.map(({ text, user }) => ({ user_id: user, name: text, verified: true, role: 'seller' }))]);
    await hub.puts('cards', others.map(({ text, user }) => card('product', `${user}`, { title: text, subtitle: text, amount: '123456789012345.6789', currency: 'UGX', state: [...text].slice(0, 64).join(''), url: 'https://shop.example/"><script>pwned()</script>' })));
    for (const { user } of others) {
      await hub.ask(user, 'POST', '/chat/send', { receiver_id: me, temp_id: 'c', card: { kind: 'product', id: `${user}` } });
      await hub.ask(me, 'POST', '/chat/send', { receiver_id: user, temp_id: 'd', content: 'This one?', card: { kind: 'product', id: `${user}` } });
    }
    await hub.puts('cards', others.map(({ text, user }) => card('product', `${user}`, { version: 2, title: `${[...text].slice(0, 60).join('')} 2`, amount: '1', currency: 'UGX' })));
    for (const { name, text, user } of others) {
      const { alice, page, narrow, look } = await looking(chromium, `${hub.link(me, user)}&card=product:${user}`, width, height, 'light', { prepare: context => context.addInitScript(() => {
        window.calls = 0;
        window.pwned = () => window.calls++;
      }) });
      await alice.online();
      await page.locator('.card-news').nth(1).waitFor();
      await page.locator('.composer-card').waitFor();
      await look(`market-hostile-${name}`);
      assert.deepEqual(await overflowing(page), [], name);
      const shown = text.replace(/[\u202e\u2066\u2067\u202c\u2069\u200f]/g, '').replace(/[\n\u2028]/g, ' ').trim();
      assert.equal(await page.locator('.conversation .bar .name').textContent(), shown);
      assert.equal(await page.locator('.row .card-title').first().textContent(), shown);
      const turning = await page.evaluate(() => /[\u202a-\u202e\u2066\u2067\u200e\u200f\u061c]/.test(seekAll('body, .frame').map(part => part.innerText) + document.title));
      assert.equal(turning, false, `${name}: nothing turns what stands around it`);
      if (narrow) await page.getByRole('button', { name: 'Back to all conversations' }).click();
      if (narrow && user === others[0].user) await look('market-hostile-inbox');
      assert.deepEqual(await overflowing(page), [], name);
      assert.equal(await page.evaluate(() => window.calls), 0);
      assert.deepEqual([alice.wrongs, await alice.violations()], [[], []]);
      await alice.close();
    }
  });
}
