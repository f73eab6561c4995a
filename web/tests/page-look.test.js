// How the page looks, in light and dark, wide and narrow; whether every user can use it; what it asks of the browser.
// The pictures are kept in tests/pictures.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { browser, Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { looking as lookAt, pictures, problems } from './support/looks.js';
import { NARROW, files, paint, wide } from './support/pictures.js';
import { play } from './support/scene.js';

let chromium;
let hub;
let bob;

before(async () => {
  chromium = await browser();
  hub = await Hub.start({ CHAT_EDIT_WINDOW: '1s', ...NARROW }); // so that an edit is refused, and a picture
  await play(hub);
  bob = await Visitor.open(chromium, hub.link(2, 1));
  await bob.online();
});
after(async () => {
  await chromium.close();
  await hub.end();
});

const looking = (...how) => lookAt(chromium, ...how);

for (const [width, height] of [[1280, 800], [390, 844]]) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${width} wide, ${colorScheme}: no accessibility problem, nothing outside the frame`, async () => {
      const { alice, page, narrow, look } = await looking(hub.link(1, 2), width, height, colorScheme);
      await alice.online();
      await page.locator('.row', { hasText: 'with a van' }).locator('.tick-seen').waitFor();
      await page.locator('.bar-subtitle.lit').waitFor();
      await look('conversation');

      await page.locator('.row', { hasText: 'Lovely' }).hover();
      await page.locator('.row', { hasText: 'Lovely' }).getByRole('button', { name: 'Message options' }).click();
      await look('menu');
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await look('question');
      await page.keyboard.press('Escape');

      if (narrow) await page.getByRole('button', { name: 'Back to all conversations' }).click();
      await page.getByRole('searchbox').waitFor();
      if (narrow) await look('inbox');
      await page.getByRole('button', { name: /^Notifications/ }).click();
      await page.locator('.note').first().waitFor();
      await look('notifications');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'New conversation' }).click();
      await look('new');
      await page.keyboard.press('Escape');

      if (!narrow) {
        await alice.goes(false);
        await page.locator('.banner').waitFor();
        await alice.says('Is Thursday at seven still fine?');
        await alice.chooses('Deal!', 'Edit');
        await alice.says('Deal! Thursday evening?');
        await alice.chooses('Would you take', 'Delete');
        await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
        await page.locator('.status-detail', { hasText: '1 message and 2 changes wait' }).waitFor();
        await look('offline');
      }
      assert.deepEqual(alice.wrongs, []);
      await alice.close();
    });
  }
}

for (const [width, height, colorScheme] of [[1280, 800, 'light'], [390, 844, 'dark']]) {
  test(`${width} wide, ${colorScheme}: pictures, an answer, what is being written, and what was not sent`, async () => {
    const narrow = width < 500;
    // People of their own: what is left here is not in the other pictures.
    const [one, other] = narrow ? [7, 8] : [9, 10];
    await hub.ask(other, 'POST', '/chat/send', { receiver_id: one, temp_id: 'ask', content: 'Do you have photos of it, from all sides and in daylight, so that I see the colour?' });
    const { alice, page, look } = await looking(hub.link(one, other), width, height, colorScheme);
    await alice.online();
    await alice.chooses('Do you have photos', 'Reply');
    await page.locator('input[type=file]').setInputFiles(files(await paint(page, 3)));
    await alice.field.fill('There you are:\nthree of them.');
    await look('writing');
    await alice.field.press('Enter');
    await page.locator('button.picture.loaded').nth(2).waitFor();
    await look('pictures');
    // A long quote does not make the bubble wider than its pictures.
    const [bubble, album] = await page.locator('.row.mine').evaluate(row => ['.bubble', '.pictures'].map(name => row.querySelector(name).getBoundingClientRect().width));
    assert.ok(bubble - album < 10, `${bubble}, ${album}`);
    await page.getByRole('button', { name: 'Photo 2 of 3: open' }).click();
    await page.locator('.lightbox-picture[src]').waitFor();
    await look('lightbox');
    await page.keyboard.press('Escape');
    await page.locator('input[type=file]').setInputFiles([...files(await paint(page, 1)), await wide(page, 'a drawing that is too wide.jpg')]);
    await alice.says('And one of the drawers');
    await page.locator('.failure').waitFor();
    await look('failed');
    await page.locator('.row.failed').hover();
    await page.locator('.row.failed').getByRole('button', { name: 'Message options' }).click();
    await look('failed-menu');
    await page.keyboard.press('Escape');
    await alice.chooses('There you are', 'Edit');
    await alice.says('There they are:\nfour of them, and the drawers.');
    await page.locator('.failure-text').waitFor();
    await look('edit-failed');
    // A drawing with nothing behind it.
    const drawing = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(300, 200);
      const context = canvas.getContext('2d');
      context.lineWidth = 8;
      context.strokeRect(40, 60, 220, 60);
      context.strokeStyle = 'white';
      context.strokeRect(70, 120, 30, 60);
      return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())];
    });
    await page.locator('input[type=file]').setInputFiles([{ name: 'drawing.png', mimeType: 'image/png', buffer: Buffer.from(drawing) }]);
    await alice.field.press('Enter');
    await page.locator('button.picture.loaded').nth(3).waitFor();
    await alice.field.fill('It is a desk of solid walnut. '.repeat(140));
    await page.locator('.composer-count.over').waitFor();
    await look('too-long');
    await alice.field.fill('');
    await page.getByRole('button', { name: 'Photo 1 of 1: open' }).last().click();
    await page.locator('.lightbox-picture[src]').waitFor();
    await page.screenshot({ path: join(pictures, `drawing-${width}-${colorScheme}.png`) });
    await page.keyboard.press('Escape');
    assert.deepEqual(alice.wrongs.filter(wrong => !/status of 413/.test(wrong)), []);
    await alice.close();
  });
}

for (const [width, height, colorScheme] of [[1280, 800, 'light'], [390, 844, 'dark']]) {
  test(`${width} wide, ${colorScheme}: links, emoji, a long text, what is new, a draft, a search, and all of it from right to left`, async () => {
    const narrow = width < 500;
    const [one, other, third] = narrow ? [11, 12, 13] : [21, 22, 23];
    const say = (from, to, content) => hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: content.slice(0, 50), content });
    await say(third, one, 'Have a look, please.');
    await say(one, other, 'It is on https://shop.example/desks/walnut?size=140, or call +33 6 12 34 56 78.');
    await hub.ask(other, 'POST', `/chat/threads/${(await hub.ask(other, 'GET', '/chat/threads')).threads[0].id}/read`, {});
    await say(other, one, '👍🏽❤️');
    await say(other, one, `My address is on www.café.fr. ${'I live on the third floor, and there is no lift. '.repeat(25)}`);
    await say(one, other, `Mine is somewhere else. ${'You cannot miss it: turn left, and right again. '.repeat(25)}`);
    await say(other, one, 'مرحبا، الصور على https://shop.example/صور');
    const { alice, page, look } = await looking(hub.link(one, other), width, height, colorScheme);
    await alice.online();
    await page.locator('.row').nth(4).waitFor();
    await look('reading');
    await alice.field.fill('What I wanted to say');
    if (narrow) await page.getByRole('button', { name: 'Back to all conversations' }).click();
    await page.locator('.thread').last().click();
    if (narrow) await page.getByRole('button', { name: 'Back to all conversations' }).click();
    await page.locator('.thread-draft').waitFor();
    await look('draft');
    await page.getByRole('searchbox').fill('third');
    await page.locator('.thread mark').waitFor();
    await look('search');
    await page.evaluate(() => seekAll('html, .frame').forEach(part => (part.dir = 'rtl')));
    await look('search-rtl');
    await page.locator('.thread', { has: page.locator('mark') }).click();
    await page.locator('.row.shown').waitFor();
    await page.locator('.row.shown').waitFor({ state: 'detached' });
    await look('reading-rtl');
    assert.deepEqual(alice.wrongs, []);
    await alice.close();
  });
}

// Its height was set without that of its border, and an empty field showed a scroll bar.
test('a message field shows all that is written, up to a height', async () => {
  const alice = await Visitor.open(chromium, hub.link(1, 2), { viewport: { width: 1000, height: 700 } });
  await alice.online();
  const hidden = async text => {
    await alice.field.fill(text);
    // It grows with the next picture that is drawn.
    await alice.page.evaluate(() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    return alice.field.evaluate(field => field.scrollHeight - field.clientHeight);
  };
  for (const text of ['one line', 'two\nlines', '']) assert.equal(await hidden(text), 0, text);
  assert.ok(await hidden('a line\n'.repeat(30)) > 100);
  await alice.close();
});

test('without a link, one is told where to find one', async () => {
  const stranger = await Visitor.open(chromium, hub.url, { bypassCSP: true });
  await stranger.page.getByRole('heading', { name: 'Softadastra Chat' }).waitFor();
  assert.deepEqual(await problems(stranger.page), []);
  await stranger.close();
});

test('a link that is no longer good says so', async () => {
  const stranger = await Visitor.open(chromium, `${hub.url}/#token=${hub.token(1, { peer: 2 })}x`);
  await stranger.page.locator('.status[data-state="closed"]').waitFor();
  await stranger.page.locator('.banner', { hasText: 'no longer good' }).waitFor();
  await stranger.close();
});

test('a session violates no policy, keeps no token in sight, and loads nothing from elsewhere', async () => {
  const asked = [];
  const alice = await Visitor.open(chromium, 'about:blank');
  alice.page.on('request', request => asked.push(request.url()));
  await alice.page.goto(hub.link(1, 2));
  await alice.online();
  await alice.page.getByRole('button', { name: /^Notifications/ }).click();
  await alice.page.locator('.note').first().waitFor();
  assert.deepEqual(await alice.violations(), []);
  assert.deepEqual(asked.filter(url => !url.startsWith(hub.url) && !url.startsWith('blob:')), []);
  const fragments = asked.map(url => new URL(url)).filter(url => url.search.includes('token'));
  assert.deepEqual(fragments, []);
  assert.ok(!(await alice.page.evaluate(() => location.href + roots().map(root => (root.documentElement ?? root).innerHTML))).includes('eyJ'));
  // And were it so, the policy would stop it.
  const policy = (await fetch(`${hub.url}/`)).headers.get('content-security-policy');
  // Of other origins there are the pictures of users and cards alone.
  const [images, ...rest] = policy.split('; ').sort((a, b) => Number(b.startsWith('img-src')) - Number(a.startsWith('img-src')));
  assert.equal(images, "img-src 'self' blob: https:");
  assert.ok(!/unsafe|\*|https?:|data:/.test(rest.join()), policy);
  assert.match(policy, /default-src 'none'/);
  await assert.rejects(alice.page.evaluate(() => (document.body.innerHTML = '<b>x</b>')), /TrustedHTML/);
  await alice.close();
});

test('who wants no motion gets none', async () => {
  const calm = await Visitor.open(chromium, hub.link(1, 2), { reducedMotion: 'reduce' });
  await calm.page.locator('.row').first().waitFor();
  const moving = () => calm.page.evaluate(() => roots().flatMap(root => root.getAnimations()).length);
  await calm.says('quietly');
  assert.equal(await moving(), 0);
  await calm.close();
});

test('what is named by its content is kept for ever, the rest is revalidated, and all comes packed to those who take it', async () => {
  const [app] = /assets\/app-[\w-]+\.js/.exec(await (await fetch(`${hub.url}/`)).text());
  assert.match((await fetch(`${hub.url}/${app}`)).headers.get('cache-control'), /max-age=31536000, immutable/);
  const address = `${hub.url}/v1/element.js`;
  const answer = await fetch(address);
  assert.equal(answer.headers.get('cache-control'), 'no-cache');
  assert.equal(answer.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(answer.headers.get('content-encoding'), 'gzip');
  const etag = answer.headers.get('etag');
  assert.match(etag, /^"[\w-]+"$/);
  assert.equal((await fetch(address, { headers: { 'if-none-match': etag } })).status, 304);
  const plain = await fetch(address, { headers: { 'accept-encoding': 'identity' } });
  assert.notEqual(plain.headers.get('etag'), etag);
  assert.equal((await fetch(`${hub.url}/`, { method: 'POST' })).status, 405);
});
