// The elements in a page as marketplaces build theirs: Bootstrap, and a script that swaps the parts of the page by jQuery. The
// pictures are kept in tests/pictures.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Visitor } from './support/browser.js';
import { looking } from './support/looks.js';
import { files, paint } from './support/pictures.js';
import { Site } from './support/site.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

let site;
before(async () => (site = await Site.start()));
after(() => site.end());

const HEAD = '<link rel="stylesheet" href="/bootstrap.css"><script src="/jquery.js"></script><script src="/bootstrap.js"></script>';
/** The site's script puts the part that a link names into `#app`. */
const scripts = `$(document).on('click', '[data-part]', event => {
  event.preventDefault();
  $.get($(event.currentTarget).data('part')).done(html => $('#app').html(html));
});`;

const token = me => `token-url="/chat/token?user=${me}"`;

/** Two parts that are swapped: a product, and the chat. The list of a seller's messages is beside the site's own things. */
function parts(me, seller) {
  const product = site.raw(`<div class="card"><div class="card-body"><h2 class="card-title">Brass lamp</h2><p class="card-text text-body-secondary">Made in Kampala</p>
    <softadastra-contact user="${seller}" card="product:5" ${token(me)}></softadastra-contact> <button class="btn btn-primary">Buy</button></div></div>`);
  const chat = site.raw(`<div class="row"><div class="col-12"><h2 class="h4">Your messages</h2><softadastra-chat user="${seller}" ${token(me)}></softadastra-chat></div></div>`);
  return { product, chat };
}

/** The page: a bar with the badge, and the place of the parts. */
function shop(me, { product, chat }, { html = 'lang="en"', first = '', styles = '' } = {}) {
  return site.page(`<nav class="navbar navbar-expand bg-body-tertiary" aria-label="The shop"><div class="container-fluid"><span class="navbar-brand">Soko</span><ul class="navbar-nav">
    <li class="nav-item"><a class="nav-link text-body" href="#" data-part="${product}">Lamp</a></li>
    <li class="nav-item"><a class="nav-link text-body" href="#" data-part="${chat}">Messages <softadastra-unread ${token(me)}></softadastra-unread></a></li></ul></div></nav>
    <main class="container py-3"><h1 class="h3">Soko</h1><div id="app">${first}</div></main>`, { head: HEAD, html, scripts, styles, parsing: true });
}

const say = (from, to, content) => site.hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: content, content });
const goTo = (visitor, part) => visitor.page.getByRole('link', { name: part }).click();

async function leave(visitor) {
  assert.deepEqual(visitor.wrongs, []);
  assert.deepEqual(await visitor.violations(), []);
  await visitor.close();
}

test('a site that swaps its parts by jQuery keeps one connection, the draft, and the badge', async () => {
  await say(2, 1, 'Hello');
  const alice = await Visitor.open(chromium, 'about:blank');
  let sockets = 0;
  alice.page.on('websocket', () => sockets++);
  await alice.page.goto(shop(1, parts(1, 2)));
  const badge = alice.page.locator('softadastra-unread [part=count]');
  await until('one is unread', async () => (await badge.textContent()) === '1');
  await goTo(alice, 'Lamp');
  await alice.page.getByRole('button', { name: 'Message the seller' }).waitFor();
  await goTo(alice, 'Messages');
  await alice.reads(['Hello']);
  await until('nothing is unread', async () => (await badge.textContent()) === '');
  await alice.says('Is it brass?');
  await alice.field.fill('half a sen');
  for (let n = 0; n < 5; n++) {
    await goTo(alice, 'Lamp');
    await alice.page.locator('softadastra-chat').waitFor({ state: 'detached' });
    await goTo(alice, 'Messages');
    await alice.reads(['Hello', 'Is it brass?']);
    assert.equal(await alice.field.inputValue(), 'half a sen');
  }
  await goTo(alice, 'Lamp');
  await alice.page.locator('softadastra-chat').waitFor({ state: 'detached' });
  await say(2, 1, 'It is.');
  await until('one is unread', async () => (await badge.textContent()) === '1');
  await goTo(alice, 'Messages');
  await alice.reads(['Hello', 'Is it brass?', 'It is.']);
  assert.equal(sockets, 1);
  await leave(alice);
});

test('in a window of Bootstrap one writes, and Escape closes what is on top of the chat alone', async () => {
  await say(4, 3, 'Hello');
  const carol = await Visitor.open(chromium, site.page(`<main class="container"><h1>Soko</h1><button class="btn btn-primary" data-bs-toggle="modal" data-bs-target="#talk">Messages</button>
    <div class="modal fade" id="talk" tabindex="-1" aria-label="Messages"><div class="modal-dialog modal-lg"><div class="modal-content"><div class="modal-body"><softadastra-chat user="4" ${token(3)}></softadastra-chat></div></div></div></div></main>`,
  { head: HEAD, parsing: true }));
  const { page } = carol;
  const window = page.locator('#talk');
  await page.getByRole('button', { name: 'Messages' }).click();
  await carol.reads(['Hello']);
  await page.locator('input[type=file]').setInputFiles(files(await paint(page, 1)));
  await carol.says('Like this one');
  await page.locator('button.picture.loaded').click();
  const photo = page.getByRole('dialog', { name: 'Photo' });
  await photo.waitFor();
  await page.keyboard.press('Escape');
  await photo.waitFor({ state: 'hidden' });
  await carol.chooses('Like this one', 'Edit');
  await carol.page.locator('.composer-notice').waitFor();
  await page.keyboard.press('Escape');
  await carol.page.locator('.composer-notice').waitFor({ state: 'hidden' });
  await page.locator('.row', { hasText: 'Like this one' }).hover();
  await page.getByRole('button', { name: 'Message options' }).last().click();
  await page.getByRole('menu').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('menu').waitFor({ state: 'detached' });
  assert.ok(await window.evaluate(window => window.classList.contains('show')), 'the site\'s own window is open still');
  await carol.field.focus();
  await page.keyboard.press('Escape');
  await window.waitFor({ state: 'hidden' });
  await leave(carol);
});

for (const [width, height, colorScheme, html, name] of [
  [1280, 800, 'light', 'lang="en"', 'shop'], [1280, 800, 'dark', 'lang="ar" dir="rtl" data-bs-theme="dark"', 'shop-ar'],
  [390, 844, 'light', 'lang="ar" dir="rtl"', 'shop-ar'], [390, 844, 'dark', 'lang="fr" data-bs-theme="dark"', 'shop-fr'],
  [320, 568, 'light', 'lang="fr"', 'shop-fr'], [320, 568, 'dark', 'lang="en" data-bs-theme="dark"', 'shop'],
]) {
  test(`${width} wide, ${colorScheme}, ${html}: the elements beside those of Bootstrap`, async () => {
    const me = width + (colorScheme === 'dark' ? 1 : 0);
    const seller = 5000 + me;
    for (const text of ['Hello', 'It is 140 × 70 cm. مرحبا']) await say(seller, me, text);
    const both = parts(me, seller);
    const { alice, page, narrow, look } = await looking(chromium, shop(me, both, { html }), width, height, colorScheme);
    await until('two are unread', async () => (await page.locator('softadastra-unread [part=count]').textContent()) === '2');
    await goTo(alice, 'Lamp');
    await page.locator('softadastra-contact').getByRole('button').waitFor();
    await look(`${name}-product`);
    await goTo(alice, 'Messages');
    await until('both are here', async () => (await alice.texts()).length === 2);
    await page.locator('.composer-field').fill('Yes');
    await page.locator('.composer-field').press('Enter');
    await until('three are here', async () => (await alice.texts()).length === 3);
    await look(`${name}-chat`);
    const size = await page.locator('softadastra-chat .text').first().evaluate(text => [getComputedStyle(text).fontSize, getComputedStyle(text).fontFamily.split(',')[0]]);
    assert.deepEqual(size, ['15px', 'system-ui'], 'its letters are its own');
    if (narrow) {
      await page.locator('.back').tap();
      await page.locator('.thread').first().waitFor();
      await look(`${name}-list`);
    }
    assert.deepEqual(alice.wrongs, []);
    await alice.close();
  });
}
