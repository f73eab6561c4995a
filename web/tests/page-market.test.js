// What the marketplace says of users and things, as the page shows it: names, pictures, cards, and messages of the marketplace itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const lamp = (more = {}) => ({ kind: 'product', id: '5', version: 2, title: 'Brass lamp', subtitle: 'Made in Kampala', amount: '250000.00', currency: 'UGX', url: 'https://shop.example/product/5', ...more });

/** The hub prints its links once it listens, which may be after it is first asked whether it is ready. */
const printed = hub => until('the links are printed', () => hub.links().length === 2 && hub.links());
const chip = visitor => visitor.page.locator('.composer-card');
const card = (visitor, text) => visitor.page.locator('.row .card', { hasText: text });
/** The texts of the conversation, with the titles of their cards, as the hub has them. */
const stored = async hub => (await hub.conversation(1, 2)).map(message => [message.content, message.card?.title]);

test('the links that the hub has printed show a shop: names, a card to write about, and what becomes of it', async () => {
  const { hub, alice, bob, end } = await scene({}, { links: printed, shop: true });
  assert.equal(alice.page.url(), `${hub.url}/`, 'neither the token nor the card stays in sight');
  await chip(alice).filter({ hasText: 'Brass lamp' }).filter({ hasText: 'UGX 250,000' }).waitFor();
  await chip(bob).filter({ hasText: 'Bob\'s lamps' }).waitFor();
  await alice.says('Is it still available?');
  await chip(alice).waitFor({ state: 'hidden' });
  for (const visitor of [alice, bob]) await card(visitor, 'Brass lamp').filter({ hasText: 'UGX 250,000' }).waitFor();
  assert.equal(await card(bob, 'Brass lamp').getAttribute('href'), 'https://shop.example/product/5');
  assert.equal(await card(bob, 'Brass lamp').getAttribute('rel'), 'noopener noreferrer nofollow');

  // From the first message on each knows what the marketplace says of the other.
  await alice.page.getByRole('heading', { name: 'Bob Mukasa' }).getByRole('img', { name: 'Verified' }).waitFor();
  await alice.page.locator('.bar .role', { hasText: 'Seller' }).waitFor();
  await bob.page.locator('.bar .role', { hasText: 'Buyer' }).waitFor();
  assert.equal(await bob.page.locator('.conversation .verified').count(), 0);
  await alice.page.locator('.thread', { hasText: 'Bob Mukasa' }).getByRole('img', { name: 'Verified' }).waitFor();
  await alice.page.locator('[slot=head] .bar-subtitle', { hasText: 'Signed in as Alice Amani' }).waitFor();

  // What one does not want to say something about is taken away; and a card may stand for itself.
  await bob.page.getByRole('button', { name: 'Remove Bob\'s lamps' }).click();
  await chip(bob).waitFor({ state: 'hidden' });
  await bob.says('It is.');
  await alice.reads(['Is it still available?', 'It is.']);
  await bob.page.goto(`${hub.links()[1]}`);
  await chip(bob).filter({ hasText: 'Bob\'s lamps' }).waitFor();
  await bob.field.press('Enter');
  await card(alice, 'Bob\'s lamps').waitFor();
  await alice.page.locator('.thread', { hasText: 'Bob Mukasa' }).locator('.thread-text', { hasText: 'Bob\'s lamps' }).waitFor();
  assert.deepEqual(await stored(hub), [['Is it still available?', 'Brass lamp'], ['It is.', undefined], [null, 'Bob\'s lamps']]);

  // It is sold for less: the message says how it was, and how it is.
  await hub.puts('cards', [lamp({ amount: '200000.00', state: 'sold' })]);
  for (const visitor of [alice, bob]) {
    const news = card(visitor, 'Brass lamp').locator('.card-news');
    await news.filter({ hasText: /Now\s*UGX\s200,000\s*sold/ }).waitFor();
    await card(visitor, 'Brass lamp').locator('.card-words', { hasText: /When sent\s*UGX\s250,000/ }).waitFor();
  }
  await hub.puts('cards', [lamp({ version: 3 })]);
  for (const visitor of [alice, bob]) await card(visitor, 'Brass lamp').locator('.card-news').waitFor({ state: 'detached' });
  await hub.puts('cards', [lamp({ version: 4, title: 'Brass lamp with shade', amount: null, currency: null })]);
  await card(bob, 'Brass lamp').locator('.card-news', { hasText: /Now\s*Brass lamp with shade\s*no price/ }).waitFor();

  // A name changes where it stands.
  await hub.puts('profiles', [{ user_id: 2, name: 'Bob and Sons' }]);
  await alice.page.getByRole('heading', { name: 'Bob and Sons', exact: true }).waitFor();
  await alice.page.locator('.thread', { hasText: 'Bob and Sons' }).waitFor();
  assert.equal(await alice.page.locator('.verified, .bar .role').count(), 0);
  await end();
});

test('a card that was not sent, and one that waits, outlive a reload', async () => {
  const { hub, alice, end } = await scene({}, { links: printed, shop: true });
  await alice.field.fill('Is it');
  await chip(alice).filter({ hasText: 'Brass lamp' }).waitFor();
  await alice.page.reload();
  await alice.online();
  await chip(alice).filter({ hasText: 'Brass lamp' }).waitFor();
  assert.equal(await alice.field.inputValue(), 'Is it');
  await alice.goes(false);
  await alice.says('Is it still available?');
  await card(alice, 'Brass lamp').waitFor();
  await until('it is on disk', async () => (await alice.unsentOnDisk()) === 1);
  await alice.page.reload();
  await alice.online('paused');
  // What it is called is not known before there is a connection.
  await alice.page.locator('.row .product', { hasText: 'Product 5' }).waitFor();
  await chip(alice).waitFor({ state: 'hidden' });
  await alice.goes(true);
  await card(alice, 'Brass lamp').waitFor();
  await alice.ticked('Seen');
  assert.deepEqual(await stored(hub), [['Is it still available?', 'Brass lamp']]);
  await end();
});

test('a card that the marketplace does not know is left out, and if it was sent, the message can go without it', async () => {
  const { hub, alice, end } = await scene({}, { links: async hub => [`${hub.link(1, 2)}&card=product:404`, `${hub.link(2, 1)}&card=user:5`], expected: /ERR_FAILED/ });
  await alice.page.locator('.toast', { hasText: 'Product 404 is not known here' }).waitFor();
  await chip(alice).waitFor({ state: 'hidden' });
  // The page cannot ask; what was written goes to the hub, which knows.
  await alice.page.route('**/chat/cards**', route => route.abort());
  await alice.page.goto(`${hub.link(1, 2)}&card=product:404`);
  await chip(alice).filter({ hasText: 'Product 404' }).waitFor();
  await alice.online();
  await alice.says('Is it still available?');
  await alice.page.locator('.failure', { hasText: 'Not sent: what it is about is not known here.' }).waitFor();
  await alice.page.getByRole('button', { name: 'Send without it' }).click();
  await alice.ticked('Sent');
  assert.deepEqual(await stored(hub), [['Is it still available?', undefined]]);
  assert.equal(await alice.page.locator('.row').count(), 1);
  await end();
});

test('a message of the marketplace stands between both, and nothing can be done with it', async () => {
  const { hub, alice, bob, end } = await scene({}, { shop: true });
  await alice.says('I have paid.');
  await bob.reads(['I have paid.']);
  await hub.writes(1, 2, { en: 'Order 17 is paid.', fr: 'La commande 17 est payée.' }, { card: { kind: 'product', id: '5' } });
  await hub.puts('cards', [lamp({ state: 'sold' })]);
  for (const [visitor, text] of [[alice, 'La commande 17 est payée.'], [bob, 'Order 17 is paid.']]) {
    const row = visitor.page.locator('.row.system', { hasText: text });
    await row.locator('.card', { hasText: 'Brass lamp' }).locator('.card-news', { hasText: 'sold' }).waitFor();
    const [middle, log] = await row.evaluate(row => ['.bubble', null].map(part => (part ? row.querySelector(part) : row.parentElement).getBoundingClientRect()).map(({ left, right }) => (left + right) / 2));
    assert.ok(Math.abs(middle - log) < 2, `${middle}, ${log}`);
    assert.equal(await row.evaluate(row => row.querySelector('.sr').textContent), 'Marketplace: ');
    // Neither by a pointer nor by keys.
    assert.equal(await row.getByRole('button').count(), 0);
    await row.click({ button: 'right' });
    await row.focus();
    await row.press('Enter');
    assert.equal(await visitor.page.getByRole('menu').count(), 0);
    await visitor.page.locator('.thread .thread-text', { hasText: text }).waitFor();
  }
  // It is unread until it is seen; both have seen it.
  for (const user of [1, 2]) await until('nothing is unread', async () => (await hub.ask(user, 'GET', '/chat/unread')).messages === 0);
  // An answer to it, from another client, says whose words it quotes.
  const [, { id }] = await hub.conversation(2, 1);
  await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'q', content: 'Thank you!', reply_to: id });
  await alice.page.locator('.quote', { hasText: 'Marketplace' }).filter({ hasText: 'La commande 17' }).waitFor();
  await end();
});

test('pictures come by https, say nothing of who looks, and where one cannot be loaded there are letters', async () => {
  const hub = await Hub.start();
  const at = name => `https://pictures.example/${name}.png`;
  await hub.puts('profiles', [{ user_id: 1, name: 'Alice Amani', avatar_url: at('gone') }, { user_id: 2, name: 'Bob Mukasa', avatar_url: at('bob') }, { user_id: 3, name: 'Carol', avatar_url: 'http://pictures.example/carol.png' }]);
  await hub.puts('cards', [lamp({ image_url: at('lamp') }), { ...lamp({ image_url: at('gone-too') }), id: '6', title: 'Cloth' }]);
  for (const [from, id] of [[2, '5'], [2, '6'], [3, '5']]) await hub.ask(from, 'POST', '/chat/send', { receiver_id: 1, temp_id: `${from} ${id}`, card: { kind: 'product', id } });
  const alice = await Visitor.open(chromium, 'about:blank');
  const asked = new Map();
  await alice.context.route(/pictures\.example/, route => {
    const { url, headers } = { url: route.request().url(), headers: route.request().headers() };
    asked.set(url, headers);
    return url.includes('gone') ? route.fulfill({ status: 404 }) : route.fulfill({ status: 200, contentType: 'image/png', body: PNG });
  });
  await alice.page.goto(hub.link(1, 2));
  await alice.online();
  for (const place of ['.conversation .bar .avatar', '.thread:has-text("Bob Mukasa") .avatar']) await alice.page.locator(`${place} img.loaded`).waitFor();
  await card(alice, 'Brass lamp').locator('img.loaded').waitFor();
  await until('what is gone was asked for', () => asked.has(at('gone')) && asked.has(at('gone-too')));
  // Their pictures go; letters and a sign stand there.
  for (const place of ['.language .avatar', '.thread:has-text("Carol") .avatar', '.row .card:has-text("Cloth")']) await alice.page.locator(`${place} img`).waitFor({ state: 'detached' });
  const letters = async place => (await alice.page.locator(place).getAttribute('data-letters')).replaceAll('\u200c', '');
  assert.deepEqual([await letters('.language .avatar'), await letters('.thread:has-text("Carol") .avatar')], ['AA', 'C']);
  assert.deepEqual([...asked.keys()].sort(), ['bob', 'gone', 'gone-too', 'lamp'].map(at).sort(), 'nothing by http');
  for (const headers of asked.values()) assert.deepEqual([headers.referer, headers.cookie, headers.origin], [undefined, undefined, undefined]);
  assert.deepEqual(await alice.violations(), []);
  assert.deepEqual(alice.wrongs.filter(wrong => !wrong.includes('status of 404')), []);
  await alice.close();
  await hub.end();
});
