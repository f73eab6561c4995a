// The page in Debian's Firefox: what differs between browsers, and what users do first. Each fact has more tests in Chromium.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Visitor } from './support/browser.js';
import { firefoxOfPhone, holding } from './support/firefox.js';
import { Hub } from './support/hub.js';
import { camera, files, fitted, paint } from './support/pictures.js';
import { Site } from './support/site.js';
import { until } from './support/wait.js';

let firefox;
before(async () => (firefox = await firefoxOfPhone()));
after(() => firefox.close());

const pick = (visitor, all) => visitor.page.locator('input[type=file]').setInputFiles(all);
const loaded = (visitor, count) => until(`${count} pictures are there`, async () => (await visitor.page.locator('button.picture.loaded').count()) === count);
const say = (hub, from, to, content) => hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: content.slice(0, 100), content });

/** Closes the pages; nothing went wrong in them, not even in the eyes of the policy. */
async function leave(...visitors) {
  for (const visitor of visitors) {
    assert.deepEqual(visitor.wrongs.filter(wrong => !AWAY.test(wrong)), []);
    assert.deepEqual(await visitor.violations(), []);
    await visitor.close();
  }
}

/** What Firefox says of a hub that is away. */
const AWAY = /can’t establish a connection|was interrupted while the page was loading/;

/** A hub, and Alice and Bob in the conversation with each other, each before a window as wide as a desktop's. */
async function talking(options = {}) {
  const hub = await Hub.start();
  const [alice, bob] = await Promise.all([[1, 2], [2, 1]].map(people => Visitor.open(firefox, hub.link(...people), options)));
  await Promise.all([alice.online(), bob.online()]);
  return { hub, alice, bob, async end() {
    await leave(alice, bob);
    await hub.end();
  } };
}

test('two users talk: they write, see it come and be seen, change it and take it back', async () => {
  const { hub, alice, bob, end } = await talking();
  assert.equal(alice.page.url(), `${hub.url}/`, 'the token is gone from the address');
  await alice.says('Is it still available?');
  await bob.reads(['Is it still available?']);
  await alice.ticked('Seen');
  await bob.field.pressSequentially('It is.');
  await alice.page.locator('.conversation .bar-subtitle', { hasText: 'typing' }).waitFor();
  await bob.field.press('Enter');
  await alice.reads(['Is it still available?', 'It is.']);
  await alice.chooses('still available', 'Edit');
  await alice.says('Is the desk still available?');
  await bob.reads(['Is the desk still available?', 'It is.']);
  await bob.chooses('It is.', 'Delete');
  await bob.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await alice.reads(['Is the desk still available?', 'Message deleted']);
  await end();
});

test('a photo of a camera is made smaller in a worker, stands upright, and is looked at in full', async () => {
  const { hub, alice, bob, end } = await talking();
  const photo = await camera(alice.page);
  await pick(alice, [photo]);
  await alice.page.locator('.strip-item').waitFor();
  await fitted(alice.page);
  await alice.says('upright');
  await loaded(bob, 1);
  const [{ images: [image] }] = await hub.conversation(1, 2);
  assert.deepEqual([image.width, image.height], [1536, 2048]);
  await bob.page.getByRole('button', { name: 'Photo 1 of 1: open' }).click();
  const picture = bob.page.locator('.lightbox-picture');
  await until('it is shown in full', () => picture.evaluate(image => image.naturalWidth === 1536));
  const sky = await picture.evaluate(image => {
    const brush = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext('2d');
    brush.drawImage(image, 0, 0);
    return [60, 1900].map(y => brush.getImageData(700, y, 1, 1).data).map(([red, , blue]) => red > 150 && blue < 110);
  });
  assert.deepEqual(sky, [true, false], 'the red sky is above');
  await bob.page.keyboard.press('Escape');
  await bob.page.getByRole('dialog', { name: 'Photo' }).waitFor({ state: 'hidden' });
  await end();
});

test('the switch holds back what is written, over a reload, and lets it out in order', async () => {
  const { hub, alice, bob, end } = await talking();
  await alice.says('one');
  await bob.reads(['one']);
  await alice.goes(false);
  await alice.says('two');
  await alice.chooses('one', 'Edit');
  await alice.says('one, changed');
  await alice.page.reload();
  await alice.online('paused');
  await alice.reads(['one, changed', 'two']);
  await alice.says('three');
  assert.deepEqual((await hub.conversation(1, 2)).map(({ content }) => content), ['one']);
  await alice.goes(true);
  await bob.reads(['one, changed', 'two', 'three']);
  await alice.reads(['one, changed', 'two', 'three']);
  await alice.ticked('Seen');
  await end();
});

test('a reload without a network shows what was there, and what is written then goes out later', async () => {
  const hub = await Hub.start();
  for (const text of ['one', 'two']) await say(hub, 2, 1, text);
  const alice = await Visitor.open(firefox, hub.link(1, 2), { serviceWorkers: 'allow' });
  await alice.reads(['one', 'two']);
  await until('the page is kept', () => alice.page.evaluate(() => navigator.serviceWorker.controller !== null));
  await hub.kill();
  await alice.online('waiting');
  await alice.page.reload();
  await alice.reads(['one', 'two']);
  await alice.says('written under a bridge');
  await alice.ticked('Waiting to be sent');
  await hub.run();
  await alice.ticked('Sent');
  assert.deepEqual((await hub.conversation(1, 2)).map(({ content }) => content), ['one', 'two', 'written under a bridge']);
  await leave(alice);
  await hub.end();
});

test('links, mail addresses and telephone numbers lead where they say, and names in other letters are shown as they are asked for', async () => {
  const { hub, alice, end } = await talking();
  await say(hub, 2, 1, 'https://shop.example/a?b=c, foo@bar.com, +254 712 345 678, https://аpple.com/login, javascript:alert(1)');
  const links = alice.page.locator('.row .text a');
  await until('they are found', async () => (await links.count()) === 4);
  const [tab, rel] = ['_blank', 'noopener nofollow ugc'];
  assert.deepEqual(await links.evaluateAll(all => all.map(link => [link.textContent, link.href, link.target, link.rel])), [
    ['https://shop.example/a?b=c', 'https://shop.example/a?b=c', tab, rel], ['foo@bar.com', 'mailto:foo@bar.com', '', ''],
    ['+254 712 345 678', 'tel:+254712345678', '', ''], ['https://xn--pple-43d.com/login', 'https://xn--pple-43d.com/login', tab, rel],
  ]);
  await end();
});

for (const [locale, direction, today, placeholder] of [['fr-FR', 'ltr', 'Aujourd’hui', 'Écrivez un message'], ['ar-EG', 'rtl', 'اليوم', 'اكتب رسالة']]) {
  test(`a browser in ${locale} is shown the page in that language, and its own side is at the end of the line`, async () => {
    const { hub, alice, bob, end } = await talking({ locale });
    await say(hub, 2, 1, 'bonjour / مرحبا');
    const field = alice.page.getByPlaceholder(placeholder);
    await field.fill('1 250 000 KES');
    await field.press('Enter');
    await bob.reads(['bonjour / مرحبا', '1 250 000 KES']);
    await alice.page.locator('.divider', { hasText: today }).waitFor();
    assert.deepEqual(await alice.page.evaluate(() => [document.documentElement, seek('.frame')].map(part => getComputedStyle(part).direction)), [direction, direction]);
    const [own, theirs, list] = await Promise.all(['.row.mine .bubble', '.row.theirs .bubble', '.sidebar'].map(part => alice.page.locator(part).boundingBox()));
    assert.equal(own.x > theirs.x, direction === 'ltr');
    assert.equal(own.x > list.x, direction === 'ltr');
    await end();
  });
}

test('on a phone one goes through list, conversation and photo by finger and back again, and a finger that is held opens the menu', async () => {
  const hub = await Hub.start();
  for (const user of [3, 2]) await say(hub, user, 1, `hello from ${user}`);
  const alice = await holding(firefox, `${hub.url}/#token=${hub.token(1)}`);
  const { page } = alice;
  await page.locator('.thread', { hasText: 'Bob' }).tap();
  await alice.reads(['hello from 2']);
  assert.notEqual(await page.evaluate(() => seekFocus().localName), 'textarea', 'no keyboard comes unasked');
  await pick(alice, files(await paint(page, 1)));
  await page.getByRole('button', { name: 'Send', exact: true }).tap();
  await page.getByRole('button', { name: 'Photo 1 of 1: open' }).tap();
  const picture = page.getByRole('dialog', { name: 'Photo' });
  await picture.waitFor();
  await page.goBack();
  await picture.waitFor({ state: 'hidden' });
  await page.getByRole('heading', { name: 'Bob' }).waitFor();

  const row = page.locator('.row', { hasText: 'hello from 2' });
  await row.getByRole('button', { name: 'Message options' }).tap();
  await page.getByRole('menuitem', { name: 'Copy' }).waitFor();
  await page.locator('.bar-title').last().tap();
  await page.getByRole('menu').waitFor({ state: 'detached' });
  const { x, y, width, height } = await row.locator('.bubble').boundingBox();
  await page.touch(x + width / 2, y + height / 2, 700);
  await page.getByRole('menuitem', { name: 'Reply' }).tap();
  await page.locator('.composer-notice', { hasText: 'Reply to Bob' }).waitFor();

  await page.goBack();
  await page.getByRole('searchbox').waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the phone');
  await leave(alice);
  await hub.end();
});

test('the elements work in a page of another origin, under a strict policy', async () => {
  const site = await Site.start();
  const token = user => `token-url="/chat/token?user=${user}"`;
  const alice = await holding(firefox, site.page(`<softadastra-unread ${token(1)}></softadastra-unread><softadastra-contact user="2" ${token(1)}></softadastra-contact>`, { styles: '* { all: unset !important }' }));
  const bob = await Visitor.open(firefox, site.page(`<softadastra-chat user="1" ${token(2)} lang="fr" theme="dark"></softadastra-chat>`));
  await bob.says('Bonjour');
  const badge = alice.page.locator('softadastra-unread [part=count]');
  await until('it is counted', async () => (await badge.textContent()) === '1');
  await alice.page.getByRole('button', { name: 'Message the seller' }).tap();
  await alice.reads(['Bonjour']);
  await alice.says('Hello');
  await bob.reads(['Bonjour', 'Hello']);
  await bob.ticked('Lu');
  await leave(alice, bob);
  await site.end();
});
