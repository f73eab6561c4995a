// The elements, in pages of a site of another origin: what they draw there, what they tell, and what the page around them cannot do.
// The pictures are kept in tests/pictures.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Visitor } from './support/browser.js';
import { freePort, Hub } from './support/hub.js';
import { files, paint } from './support/pictures.js';
import { Site } from './support/site.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

const web = join(import.meta.dirname, '..');
const pictures = join(import.meta.dirname, 'pictures');
/** The site's own script notes what the elements tell. */
const scripts = `window.told = []; for (const name of ['chat-open', 'chat-unread', 'chat-sent', 'chat-error']) addEventListener(name, event => window.told.push([name, event.detail.user ?? event.detail.count ?? event.detail.code ?? event.detail.message.content]));`;

let site;
before(async () => {
  mkdirSync(pictures, { recursive: true });
  site = await Site.start();
});
after(() => site.end());

const chat = (me, other, more = '') => `<softadastra-chat ${other ? `user="${other}"` : ''} token-url="/chat/token?user=${me}" ${more}></softadastra-chat>`;
const ready = visitor => visitor.page.locator('.frame .app').first().waitFor();
const told = (visitor, name) => visitor.page.evaluate(name => window.told.filter(([told]) => told === name).map(([, what]) => what), name);

/** Opens a page of the site; notes how many connections it opens. */
async function visit(url, options) {
  const visitor = await Visitor.open(chromium, 'about:blank', options);
  visitor.sockets = 0;
  visitor.page.on('websocket', () => visitor.sockets++);
  await visitor.page.goto(url);
  return visitor;
}

/** Leaves, and finds nothing that went wrong, not even in the eyes of a strict policy. */
async function leave(visitor) {
  assert.deepEqual(visitor.wrongs, []);
  assert.deepEqual(await visitor.violations(), []);
  await visitor.close();
}

test('a buyer and a seller talk, with a photo, in pages of a site of another origin', async () => {
  const alice = await visit(site.page(`<h1>A desk</h1>${chat(1, 2)}`, { scripts }));
  const bob = await visit(site.page(chat(2, 1, 'theme="dark" lang="fr"'), { scripts }));
  await alice.says('Is it still there?');
  await bob.reads(['Is it still there?']);
  await bob.page.getByRole('textbox', { name: 'Message' }).fill('Oui !');
  await bob.page.keyboard.press('Enter');
  await alice.reads(['Is it still there?', 'Oui !']);
  await bob.page.locator('input[type=file]').setInputFiles(files(await paint(bob.page, 1)));
  await bob.page.getByRole('textbox', { name: 'Message' }).press('Enter');
  await alice.page.locator('button.picture.loaded').waitFor();
  await alice.page.locator('button.picture').click();
  await alice.page.locator('.lightbox-picture[src]').waitFor();
  // The browser's history is the site's.
  assert.equal(await alice.page.evaluate(() => history.length), await bob.page.evaluate(() => history.length));
  await alice.page.keyboard.press('Escape');
  await until('it is told', async () => (await told(alice, 'chat-sent')).length === 1);
  assert.deepEqual(await told(alice, 'chat-sent'), ['Is it still there?']);
  assert.deepEqual(await told(alice, 'chat-open'), [2]);
  await bob.page.getByText('Aujourd’hui').first().waitFor();
  await alice.page.screenshot({ path: join(pictures, 'element-light.png') });
  await bob.page.screenshot({ path: join(pictures, 'element-dark.png') });
  const ground = visitor => visitor.page.locator('.frame').evaluate(frame => getComputedStyle(frame).backgroundColor);
  assert.deepEqual([await ground(alice), await ground(bob)], ['rgb(240, 243, 245)', 'rgb(13, 19, 23)']);
  await leave(alice);
  await leave(bob);
});

test('nothing of the page around it changes it, and nothing of it changes the page around', async () => {
  await site.hub.ask(4, 'POST', '/chat/send', { receiver_id: 3, temp_id: 'look', content: 'Look at this' });
  const hostile = `* { all: unset !important } softadastra-chat { display: none !important; width: 3px !important } .bubble, .frame, button { display: none !important; color: red !important } :root { --accent: red; --ink: red; --line: red } html { font-size: 40px; letter-spacing: 9px; text-transform: uppercase; line-height: 5; visibility: visible }`;
  const measures = [];
  for (const how of [{}, { styles: hostile }, { styles: hostile, html: 'lang="en" dir="rtl"' }]) {
    // Nothing moves while it is measured.
    const carol = await visit(site.page(`<p id="words">The shop</p>${chat(3, 4, 'lang="en"')}`, how), { reducedMotion: 'reduce' });
    await carol.reads(['Look at this']);
    measures.push(await carol.page.locator('.app').evaluate(app => {
      const place = part => {
        const { width, height, left } = app.querySelector(part).getBoundingClientRect();
        return [part, Math.round(height), Math.round(width), Math.round(left - app.getBoundingClientRect().left)];
      };
      const style = part => ['color', 'fontSize', 'letterSpacing', 'textTransform', 'backgroundColor', 'direction'].map(name => getComputedStyle(app.querySelector(part))[name]);
      return [...['.sidebar', '.bubble', '.composer-field'].map(part => [part, ...place(part).slice(1, 2)]), style('.bubble'), style('.text'), style('.send')];
    }));
    if (how.html) await carol.page.screenshot({ path: join(pictures, 'element-hostile.png') });
    await leave(carol);
  }
  assert.deepEqual(measures[1], measures[0]);
  assert.deepEqual(measures[2], measures[0]);
  const dave = await visit(site.page(`<p id="words">The shop</p><button id="own">Buy</button>${chat(4, 3)}`));
  await ready(dave);
  const own = await dave.page.evaluate(() => [document.title, document.documentElement.lang, ...['#words', '#own'].map(name => getComputedStyle(document.querySelector(name)).fontFamily)]);
  const bare = await visit(site.page('<p id="words">The shop</p><button id="own">Buy</button>'));
  assert.deepEqual(own, await bare.page.evaluate(() => [document.title, document.documentElement.lang, ...['#words', '#own'].map(name => getComputedStyle(document.querySelector(name)).fontFamily)]));
  await leave(dave);
  await leave(bare);
});

test('a script that swaps the parts of the page fifty times leaves one connection, one frame, and what was being written', async () => {
  const erin = await visit(site.page(`<div id="app">${chat(5, 6)}</div>`, { scripts: `${scripts} window.swap = user => {
    const view = document.createElement('section');
    const chat = document.createElement('softadastra-chat');
    chat.setAttribute('user', user);
    chat.setAttribute('token-url', '/chat/token?user=5');
    view.append(chat);
    document.querySelector('#app').replaceChildren(view);
  };` }));
  await erin.says('first');
  await erin.reads(['first']);
  await erin.ticked('Sent');
  await erin.field.fill('half a sen');
  for (let n = 0; n < 50; n++) {
    await erin.page.evaluate(() => window.swap(6));
    if (n % 10 === 0) await ready(erin);
  }
  await erin.reads(['first']);
  assert.equal(await erin.field.inputValue(), 'half a sen');
  // The same element, out and in again, and to another place.
  await erin.page.evaluate(() => {
    const chat = document.querySelector('softadastra-chat');
    for (let n = 0; n < 50; n++) {
      chat.remove();
      (n % 2 ? document.body : document.querySelector('#app')).append(chat);
    }
  });
  await erin.reads(['first']);
  await site.hub.ask(6, 'POST', '/chat/send', { receiver_id: 5, temp_id: 'second', content: 'second' });
  await erin.reads(['first', 'second']);
  assert.equal(erin.sockets, 1);
  assert.equal(await erin.page.locator('.frame').count(), 1);
  await leave(erin);
});

test('a badge counts what is unread, and a button opens the conversation in the chat of the page', async () => {
  for (const content of ['one', 'two']) await site.hub.ask(8, 'POST', '/chat/send', { receiver_id: 7, temp_id: content, content });
  const token = 'token-url="/chat/token?user=7"';
  const grace = await visit(site.page(`<softadastra-unread ${token}></softadastra-unread><softadastra-contact user="8" ${token}></softadastra-contact>
    <softadastra-contact user="9" ${token}>Ask the shop</softadastra-contact><div id="app"></div>`, { scripts }));
  const badge = grace.page.locator('softadastra-unread [part=count]');
  await until('two are unread', async () => (await badge.textContent()) === '2');
  assert.equal(await badge.getAttribute('aria-label'), '2 unread');
  assert.deepEqual(await told(grace, 'chat-unread'), [2]);
  // Without a chat in the page it opens in a window.
  await grace.page.getByRole('button', { name: 'Message the seller' }).click();
  await grace.reads(['one', 'two']);
  await until('nothing is unread', async () => (await badge.textContent()) === '');
  await grace.page.screenshot({ path: join(pictures, 'element-window.png') });
  await grace.page.getByRole('button', { name: 'Close' }).first().click();
  await grace.page.locator('softadastra-chat').waitFor({ state: 'detached' });
  await grace.page.evaluate(() => {
    const chat = document.createElement('softadastra-chat');
    chat.setAttribute('token-url', '/chat/token?user=7');
    document.querySelector('#app').append(chat);
  });
  await ready(grace);
  await grace.page.getByRole('button', { name: 'Ask the shop' }).click();
  await grace.page.getByText('Write the first message to').waitFor();
  // A page may do it in a way of its own.
  await grace.page.evaluate(() => addEventListener('chat-open', event => event.preventDefault(), { once: true }));
  await grace.page.getByRole('button', { name: 'Message the seller' }).click();
  assert.equal(await grace.page.locator('.conversation h1').textContent(), 'Ines');
  assert.equal(await grace.page.locator('softadastra-chat').count(), 1);
  assert.equal(grace.sockets, 1);
  await leave(grace);
});

test('the next message is about the card that the page names, and the one after it is not', async () => {
  const jonas = await visit(site.page(`${chat(14, 15, 'card="product:5"')}<softadastra-contact user="16" card="product:6" token-url="/chat/token?user=14"></softadastra-contact>`, { scripts }));
  const about = jonas.page.locator('.composer-card');
  await about.filter({ hasText: 'Brass lamp' }).waitFor();
  await jonas.says('Is it still there?');
  await until('it is stored', async () => (await site.hub.conversation(14, 15)).length === 1);
  assert.equal((await site.hub.conversation(14, 15))[0].card.id, '5');
  await about.waitFor({ state: 'hidden' });
  await jonas.page.getByRole('button', { name: 'Message the seller' }).click();
  await about.filter({ hasText: 'Kitenge' }).waitFor();
  await leave(jonas);
});

test('on a phone the list and a conversation take turns, and the keyboard does not come unasked', async () => {
  await site.hub.ask(11, 'POST', '/chat/send', { receiver_id: 10, temp_id: 'hello', content: 'مرحبا' });
  const hana = await visit(site.page(chat(10, 11, 'lang="ar"')), { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  await hana.reads(['مرحبا']);
  assert.ok(!(await hana.page.locator('.sidebar').isVisible()));
  assert.equal(await hana.page.evaluate(() => document.activeElement.localName), 'body');
  await hana.page.screenshot({ path: join(pictures, 'element-phone-ar.png') });
  await hana.page.locator('.back').tap();
  await hana.page.locator('.sidebar').waitFor();
  await hana.page.locator('.bell').tap();
  const panel = await hana.page.locator('.panel').boundingBox();
  assert.ok(panel.x >= 0 && panel.x + panel.width <= 390, JSON.stringify(panel));
  await leave(hana);
});

test('a page of an origin that is not allowed gets no module, and a user who is not signed in is told so', async () => {
  const refused = await fetch(site.module, { headers: { origin: 'https://elsewhere.example' } });
  assert.equal(refused.headers.get('access-control-allow-origin'), null);
  const allowed = await fetch(site.module, { headers: { origin: site.url } });
  assert.equal(allowed.headers.get('access-control-allow-origin'), site.url);
  assert.equal((await fetch(`${site.hub.url}/`)).status, 404);
  const visitor = await visit(site.page('<softadastra-chat token-url="/chat/token"></softadastra-chat>', { scripts }));
  await visitor.page.getByText('Sign in to see your messages.').waitFor();
  assert.deepEqual(await told(visitor, 'chat-error'), ['unauthorized']);
  await visitor.close();
});

test('an address that answers what is no token, and one that is none, are one error with a code', async () => {
  const rubbish = ['{"token"', '{"token": 7}', '{}', 'null', '<!doctype html><title>Sign in</title>'].map(text => [`token-url="${site.raw(text)}"`, 'bad_token']);
  for (const [attributes, code] of [...rubbish, ['token-url="http://["', 'bad_url'], ['token-url="/chat/token?user=1" base="http://["', 'bad_url']]) {
    const visitor = await visit(site.page(`<softadastra-chat ${attributes}></softadastra-chat>`, { scripts }));
    await until(`it is told: ${attributes}`, async () => (await told(visitor, 'chat-error')).length > 0);
    assert.deepEqual(await told(visitor, 'chat-error'), [code], attributes);
    await visitor.page.getByRole('status').waitFor();
    assert.equal(visitor.sockets, 0, 'nothing is tried');
    await visitor.close();
  }
});

test('a page styles the documented parts, and sets the documented colours and sizes', async () => {
  const types = readFileSync(join(web, 'element.d.ts'), 'utf8').replaceAll('\n * ', ' ');
  const named = /Colours and sizes are CSS variables: (.*?)\. Parts: (.*?)\./.exec(types);
  const words = text => [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word);
  const variables = words(named[1]).map(name => name.replace(/^(--softadastra)?-/, '--softadastra-'));
  const parts = words(named[2]);
  assert.ok(variables.length > 8 && parts.length > 4, types);
  await site.hub.ask(18, 'POST', '/chat/send', { receiver_id: 17, temp_id: 'styled', content: 'Hello' });
  const token = 'token-url="/chat/token?user=17"';
  const colour = n => `rgb(${n}, 0, 9)`;
  const size = name => /height|radius/.test(name);
  const styles = `${parts.map((part, n) => `::part(${part}) { outline: 3px solid ${colour(n)} }`).join('\n')}
    softadastra-chat { ${variables.map((name, n) => `${name}: ${size(name) ? `${300 + n}px` : colour(n)};`).join(' ')} }`;
  const kira = await visit(site.page(`${chat(17, 18)}<softadastra-contact user="18" ${token}></softadastra-contact><softadastra-unread ${token}></softadastra-unread>`, { styles }));
  await kira.reads(['Hello']);
  await kira.page.locator('softadastra-unread [part=count]').waitFor({ state: 'attached' });
  const outlines = await kira.page.evaluate(parts => parts.map(part => getComputedStyle(seek(`[part=${part}]`)).outlineColor), parts);
  assert.deepEqual(outlines, parts.map((_, n) => colour(n)));
  await kira.says('Good morning');
  await kira.page.locator('.mine').waitFor();
  // Every one of them is somewhere in what is drawn, as a colour or as a size.
  const drawn = await kira.page.evaluate(() => {
    const styles = seekAll('softadastra-chat, .frame, .frame *').flatMap(element => [getComputedStyle(element), getComputedStyle(element, '::before')]);
    return [...new Set(styles.flatMap(style => [style.color, style.backgroundColor, style.height, style.borderTopLeftRadius]))];
  });
  for (const [n, name] of variables.entries()) if (!/hover/.test(name)) assert.ok(drawn.includes(size(name) ? `${300 + n}px` : colour(n)), name);
  await leave(kira);
});

test('a client of the page\'s own is shared with the elements: one connection for both, and nothing is asked for twice', async () => {
  const liam = await visit(site.page('<div id="app"></div>', { scripts: `import { ChatClient } from '${site.hub.url}/v1/chat-client.js';
    const chat = window.chat = new ChatClient({ url: '${site.hub.url}', getToken: async () => (await (await fetch('/chat/token?user=19')).json()).token });
    window.heard = [];
    chat.on('message', ({ content }) => window.heard.push(content));
    chat.connect();
    const element = Object.assign(document.createElement('softadastra-chat'), { client: chat });
    element.setAttribute('user', '20');
    document.querySelector('#app').append(element, document.createElement('softadastra-unread'));` }));
  await ready(liam);
  await liam.says('from the element');
  await liam.reads(['from the element']);
  await liam.page.evaluate(() => window.chat.send({ user: 20 }, { text: 'from the page' }));
  await liam.reads(['from the element', 'from the page']);
  await site.hub.ask(20, 'POST', '/chat/send', { receiver_id: 19, temp_id: 'both', content: 'for both' });
  await liam.reads(['from the element', 'from the page', 'for both']);
  assert.ok((await liam.page.evaluate(() => window.heard)).includes('for both'));
  assert.equal(liam.sockets, 1);
  await leave(liam);
});

test('what a page puts into the slots stands above and below the list, and without it the title does', async () => {
  const styles = '#own { color: rgb(1, 2, 3) }';
  const mona = await visit(site.page(chat(21, 22).replace('></', '><h2 id="own" slot="head">The shop</h2><p slot="foot">Open until six</p></'), { styles }));
  await ready(mona);
  const top = name => mona.page.getByText(name, { exact: true }).evaluate(element => element.getBoundingClientRect().top);
  const list = await mona.page.locator('.inbox').evaluate(element => element.getBoundingClientRect().top);
  assert.ok((await top('The shop')) < list && list < (await top('Open until six')));
  assert.equal(await mona.page.getByText('The shop').evaluate(element => getComputedStyle(element).color), 'rgb(1, 2, 3)');
  assert.equal(await mona.page.locator('h2', { hasText: 'Messages' }).isVisible(), false);
  await mona.page.evaluate(() => document.querySelector('#own').remove());
  await mona.page.locator('h2', { hasText: 'Messages' }).waitFor();
  await leave(mona);
});

test('with `history` back leads from a conversation to the list, and without it the history is the page\'s', async () => {
  for (const [user, other] of [[23, 24], [23, 25]]) await site.hub.ask(other, 'POST', '/chat/send', { receiver_id: user, temp_id: `h${other}`, content: `from ${other}` });
  const nina = await visit(site.page(chat(23, 0, 'history'), { scripts }));
  await nina.page.locator('.thread', { hasText: 'from 24' }).click();
  await nina.reads(['from 24']);
  await nina.page.locator('.thread', { hasText: 'from 25' }).click();
  await nina.reads(['from 25']);
  assert.deepEqual(await told(nina, 'chat-open'), [24, 25]);
  await nina.page.goBack();
  await nina.reads(['from 24']);
  await nina.page.goBack();
  await nina.page.locator('.conversation.empty').waitFor();
  await nina.page.goForward();
  await nina.reads(['from 24']);
  await nina.page.reload();
  await nina.reads(['from 24']);
  await leave(nina);
});

test('files that are dropped or pasted while no chat is in the page are the page\'s own', async () => {
  const olga = await visit(site.page(`<div id="app">${chat(26, 27)}</div>`));
  await ready(olga);
  const give = () => olga.page.evaluate(() => {
    const data = new DataTransfer();
    data.items.add(new File(['x'], 'one.jpg', { type: 'image/jpeg' }));
    return ['dragover', 'paste'].map(kind => !document.body.dispatchEvent(new (kind === 'paste' ? ClipboardEvent : DragEvent)(kind, { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data })));
  });
  assert.deepEqual(await give(), [true, true]);
  // The sign that says so is drawn by the element's own style.
  assert.equal(await olga.page.evaluate(() => getComputedStyle(seek('.drop')).position), 'fixed');
  await olga.page.evaluate(() => document.querySelector('softadastra-chat').remove());
  assert.deepEqual(await give(), [false, false]);
  await leave(olga);
});

test('the page that the README shows holds all three elements', async () => {
  const [, text] = /```html\n([^]*?)```/.exec(readFileSync(join(web, '../README.md'), 'utf8'));
  await site.hub.ask(7, 'POST', '/chat/send', { receiver_id: 28, temp_id: 'readme', content: 'Bonjour' });
  const paul = await visit(site.raw(text.replaceAll('https://chat.example', site.hub.url).replaceAll('/chat/token', '/chat/token?user=28')));
  await paul.reads(['Bonjour']);
  await paul.page.getByRole('button', { name: 'Message the seller' }).click();
  await until('nothing is unread', async () => (await paul.page.locator('softadastra-unread [part=count]').textContent()) === '');
  assert.equal(paul.sockets, 1);
  await leave(paul);
});

/** The page of its own that the integration guide shows. */
const guide = () => /<!-- a page of its own -->\n```html\n([^]*?)```/.exec(readFileSync(join(web, '../docs/INTEGRATION.md'), 'utf8'))[1];

test('the page that the integration guide shows draws and sends, with the library alone', async () => {
  const url = site.raw(guide().replaceAll('https://chat.example', site.hub.url).replace('/chat/token', '/chat/token?user=12'));
  await site.hub.ask(7, 'POST', '/chat/send', { receiver_id: 12, temp_id: 'guide', content: 'It is.' });
  const ines = await visit(url);
  await ines.page.getByRole('listitem').filter({ hasText: 'It is.' }).waitFor();
  await ines.page.getByRole('textbox', { name: 'Message' }).fill('I take it.');
  await ines.page.keyboard.press('Enter');
  await until('it is stored', async () => (await site.hub.conversation(7, 12)).some(({ content }) => content === 'I take it.'));
  await until('both are drawn', async () => (await ines.page.getByRole('listitem').allTextContents()).join() === 'It is.,I take it.');
  await leave(ines);
});

test('the PHP shop of the examples signs a user in, and holds all three elements in ten lines', async () => {
  const shop = join(web, '../integrations/php/example/shop.php');
  const page = readFileSync(shop, 'utf8').split('?>\n').at(-1).trim().split('\n');
  assert.ok(page[0] === '<!doctype html>' && page.length <= 10, `${page.length} lines`);
  const port = await freePort();
  const hub = await Hub.start({ CHAT_PAGE: 'off', CHAT_ALLOWED_ORIGINS: `http://127.0.0.1:${port}` });
  const secret = readFileSync(join(hub.folder, 'data/development.secret'), 'utf8').trim();
  const php = spawn('php', ['-S', `127.0.0.1:${port}`, shop], { env: { ...process.env, JWT_SECRET: secret, HUB: hub.url }, stdio: 'ignore' });
  try {
    await until('PHP listens', () => fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false));
    await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'php', content: 'Bonjour' });
    const buyer = await visit(`http://127.0.0.1:${port}/desk`);
    await buyer.page.getByText('Connectez-vous pour voir vos messages.').waitFor();
    await buyer.page.goto(`http://127.0.0.1:${port}/desk?sign_in_as=1`);
    await until('one is unread', async () => (await buyer.page.locator('softadastra-unread [part=count]').textContent()) === '1');
    await buyer.page.getByRole('button', { name: 'Écrire au vendeur' }).click();
    await buyer.reads(['Bonjour']);
    await until('nothing is unread', async () => (await buyer.page.locator('softadastra-unread [part=count]').textContent()) === '');
    await buyer.says('Est-il toujours disponible ?');
    await buyer.ticked('Envoyé');
    assert.deepEqual((await hub.conversation(1, 2)).map(({ content }) => content), ['Bonjour', 'Est-il toujours disponible ?']);
    await buyer.page.screenshot({ path: join(pictures, 'element-php.png') });
    assert.equal(buyer.sockets, 1);
    await leave(buyer);
  } finally {
    php.kill();
    await hub.end();
  }
});
