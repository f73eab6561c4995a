// Text is text, wherever it comes from: nothing of it runs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { chromium } from './support/visitors.js';
import { until } from './support/wait.js';

/** What has worked against pages somewhere. Each would call `pwned`. */
export const PAYLOADS = [
  '<script>pwned()</script>',
  '<img src=x onerror=pwned()>',
  '<svg onload=pwned()>',
  '<svg><script>pwned()</script></svg>',
  '<iframe src="javascript:parent.pwned()"></iframe>',
  '<iframe srcdoc="<script>parent.pwned()</script>"></iframe>',
  '<body onload=pwned()>',
  '<details open ontoggle=pwned()>',
  '<input autofocus onfocus=pwned()>',
  '<video><source onerror=pwned()></video>',
  '<audio src=x onerror=pwned()>',
  '<math><mtext><table><mglyph><style><img src=x onerror=pwned()>',
  '<a href="javascript:pwned()">click</a>',
  'javascript:pwned()',
  '"><script>pwned()</script>',
  "'><img src=x onerror=pwned()>",
  '" onmouseover="pwned()" x="',
  "' onfocus='pwned()' autofocus='",
  '</textarea><script>pwned()</script>',
  '</title><script>pwned()</script>',
  '<!--<img src="--><img src=x onerror=pwned()>">',
  '<noscript><p title="</noscript><img src=x onerror=pwned()>">',
  '<template><img src=x onerror=pwned()></template>',
  '<object data="javascript:pwned()"></object>',
  '<embed src="data:text/html,<script>parent.pwned()</script>">',
  '<meta http-equiv="refresh" content="0;url=javascript:pwned()">',
  '<link rel=stylesheet href="data:text/css,*{background:url(javascript:pwned())}">',
  '<base href="//evil.example/"><script src=x></script>',
  '{{constructor.constructor("pwned()")()}}',
  '${pwned()}',
  '<scr\u0000ipt>pwned()</scr\u0000ipt>'.replaceAll('\u0000', '\u200b'),
  '\u202e<script>pwned()</script>',
];

async function hostile() {
  const hub = await Hub.start();
  const alice = await Visitor.open(chromium, 'about:blank');
  await alice.context.addInitScript(() => {
    window.calls = 0;
    window.pwned = () => window.calls++;
  });
  await alice.page.close();
  alice.page = await alice.tab(hub.link(1, 2));
  await alice.online();
  return { hub, alice, async end() {
    await alice.page.mouse.move(600, 400);
    assert.equal(await alice.page.evaluate(() => window.calls), 0);
    assert.deepEqual(await alice.violations(), []);
    assert.deepEqual(alice.wrongs, []);
    await alice.close();
    await hub.end();
  } };
}

test('texts of messages, of previews, of answers and of notifications', async () => {
  assert.ok(PAYLOADS.length >= 30);
  const { hub, alice, end } = await hostile();
  for (const [n, content] of PAYLOADS.entries()) {
    const { message } = await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: `x-${n}`, content });
    await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: `r-${n}`, content: `answer ${n}`, reply_to: message.id });
    // As the newest text of a conversation, of which a preview and a notification are made.
    await hub.ask(3, 'POST', '/chat/send', { receiver_id: 1, temp_id: `p-${n}`, content });
    await alice.page.locator('.thread', { hasText: 'Carol' }).locator('.thread-text', { hasText: content }).waitFor();
    await hub.ask(1, 'POST', '/internal/notifications', { user_id: 1, type: 'order', title: content.slice(0, 100), body: content }, { role: 'service' });
  }
  await alice.reads(PAYLOADS.flatMap((content, n) => [content, `answer ${n}`]));
  const quotes = await alice.page.locator('.quote span').allTextContents();
  assert.deepEqual(quotes, PAYLOADS);
  await alice.page.getByRole('button', { name: /^Notifications/ }).click();
  await until('all notifications are here', async () => (await alice.page.locator('.note').count()) >= 30);
  assert.ok((await alice.page.locator('.note-body').allTextContents()).includes(PAYLOADS[0]));
  await alice.page.keyboard.press('Escape');
  // What one types oneself, and edits, too.
  await alice.says(PAYLOADS[1]);
  await alice.ticked('Sent');
  await alice.field.press('ArrowUp');
  await alice.page.locator('.composer-notice', { hasText: PAYLOADS[1] }).waitFor();
  await end();
});

test('names of files', async () => {
  const { alice, end } = await hostile();
  const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  await alice.goes(false);
  for (let at = 0; at < PAYLOADS.length; at += 8) {
    const files = PAYLOADS.slice(at, at + 8).map(name => ({ name: `${name}.png`.replaceAll('/', '∕'), mimeType: 'image/png', buffer: png }));
    await alice.page.locator('input[type=file]').setInputFiles(files);
    const names = await alice.page.locator('.strip img').evaluateAll(all => all.map(image => image.alt));
    assert.deepEqual(names, files.map(file => file.name));
    await alice.field.press('Enter');
    await until('they wait', async () => (await alice.page.locator('.picture.waiting').count()) === Math.min(at + 8, PAYLOADS.length));
  }
  await end();
});

test('product data, as a server would never send it', async () => {
  const { hub, alice, end } = await hostile();
  // The hub takes numbers alone: what it says is changed on its way to the page.
  await alice.page.route('**/chat/messages?**', async route => {
    const answer = await route.fetch();
    const body = await answer.json();
    for (const [n, message] of body.messages.entries()) {
      message.extra_data = { product_id: PAYLOADS[n % PAYLOADS.length] };
      message.images = [{ id: PAYLOADS[n % PAYLOADS.length], url: 'javascript:pwned()', thumb_url: 'javascript:pwned()', width: '"><script>', height: 1, blurhash: PAYLOADS[n % PAYLOADS.length] }];
    }
    await route.fulfill({ response: answer, json: body });
  });
  for (const n of PAYLOADS.keys()) await hub.ask(5, 'POST', '/chat/send', { receiver_id: 1, temp_id: `d-${n}`, content: `line ${n}` });
  await alice.page.reload();
  await alice.page.locator('.thread', { hasText: 'Erin' }).click();
  await until('products are drawn', async () => (await alice.page.locator('.product').count()) >= 30);
  const products = await alice.page.locator('.product').allTextContents();
  assert.ok(products.includes(`Product ${PAYLOADS[0]}`), products[0]);
  // The pictures cannot be fetched, which is said, and is all.
  alice.wrongs = alice.wrongs.filter(wrong => !/URL scheme|Failed to fetch|javascript:pwned\(\)['.].*(Refused to connect|connect-src)/.test(wrong));
  await alice.page.evaluate(() => (window.violations = window.violations.filter(violation => !violation.startsWith('connect-src'))));
  await end();
});
