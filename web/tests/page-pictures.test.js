// Pictures in the page: several at once, by button, paste and drop; blurred first, then there, then in full.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { NARROW, files, paint, wide } from './support/pictures.js';
import { Store } from './support/store.js';
import { chromium, scene } from './support/visitors.js';
import { until } from './support/wait.js';

/** Lets a page think that files are dropped onto it, or pasted. */
async function hand(visitor, kind, bytes) {
  await visitor.page.evaluate(({ kind, bytes }) => {
    const data = new DataTransfer();
    bytes.forEach((buffer, n) => data.items.add(new File([new Uint8Array(buffer)], `${kind} ${n + 1}.jpg`, { type: 'image/jpeg' })));
    const target = kind === 'drop' ? seek('.stage') : seek('.composer-field');
    const event = kind === 'drop' ? DragEvent : ClipboardEvent;
    if (kind === 'drop') target.dispatchEvent(new DragEvent('dragover', { bubbles: true, cancelable: true, composed: true, dataTransfer: data }));
    target.dispatchEvent(new event(kind, { bubbles: true, cancelable: true, composed: true, dataTransfer: data, clipboardData: data }));
  }, { kind, bytes });
}

const loaded = (visitor, count) => until(`${count} pictures are there`, async () => (await visitor.page.locator('button.picture.loaded').count()) === count);

test('three at once, with a text: sent, shown, and looked at', async () => {
  const { hub, alice, bob, end } = await scene();
  await alice.page.locator('input[type=file]').setInputFiles(files(await paint(alice.page, 3)));
  assert.equal(await alice.page.locator('.strip img').count(), 3);
  await alice.says('From all sides');
  await alice.ticked('Seen');
  await Promise.all([loaded(alice, 3), loaded(bob, 3)]);
  assert.equal(await bob.page.locator('.pictures').count(), 1);
  const [message] = await hub.conversation(1, 2);
  assert.deepEqual([message.images.length, message.content], [3, 'From all sides']);
  // Until a picture is here there is its blurhash; it fills its tile.
  assert.equal(await bob.page.locator('.picture canvas').count(), 3);
  const painted = await bob.page.locator('.picture canvas').first().evaluate(canvas => canvas.getContext('2d').getImageData(16, 16, 1, 1).data[3]);
  assert.equal(painted, 255);
  await bob.page.locator('.thread-text', { hasText: 'From all sides' }).waitFor();

  // In full, with the arrow keys.
  await bob.page.getByRole('button', { name: 'Photo 1 of 3: open' }).click();
  const full = bob.page.getByRole('img', { name: 'Photo 1 of 3' });
  await until('it is shown in full', () => full.evaluate(image => image.naturalWidth === 640));
  await bob.page.keyboard.press('ArrowRight');
  await bob.page.keyboard.press('ArrowRight');
  await bob.page.getByRole('img', { name: 'Photo 3 of 3' }).waitFor();
  await bob.page.keyboard.press('Escape');
  await bob.page.getByRole('dialog', { name: 'Photo' }).waitFor({ state: 'hidden' });
  await end();
});

test('how far a picture is uploaded is shown', async () => {
  const { alice, bob, end } = await scene();
  const values = await alice.page.evaluateHandle(() => {
    const seen = [];
    new MutationObserver(() => {
      const bar = seek('.picture.waiting progress:not([hidden])');
      if (bar && seen.at(-1) !== bar.value) seen.push(bar.value);
    }).observe(seek('.log'), { subtree: true, childList: true, attributes: true });
    return seen;
  });
  // Large enough for several reports, on a line that takes a second for it.
  const cdp = await alice.context.newCDPSession(alice.page);
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 400_000 });
  const noise = await alice.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(1200, 900);
    const pixels = new ImageData(1200, 900);
    for (let at = 0; at < pixels.data.length; at += 65_536) crypto.getRandomValues(pixels.data.subarray(at, at + 65_536));
    canvas.getContext('2d').putImageData(pixels, 0, 0);
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.7 })).arrayBuffer())];
  });
  await alice.page.locator('input[type=file]').setInputFiles(files([noise]));
  await alice.field.press('Enter');
  await loaded(bob, 1);
  const seen = await values.jsonValue();
  assert.ok(seen.some(value => value > 0 && value < 1), `${seen}`);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
  await end();
});

test('dropped and pasted', async () => {
  const { alice, bob, end } = await scene();
  await hand(alice, 'drop', await paint(alice.page, 2));
  await hand(alice, 'paste', await paint(alice.page, 1));
  assert.deepEqual(await alice.page.locator('.strip img').evaluateAll(all => all.map(image => image.alt)), ['drop 1.jpg', 'drop 2.jpg', 'paste 1.jpg']);
  await alice.page.getByRole('button', { name: 'Remove drop 2.jpg' }).click();
  await alice.page.getByRole('button', { name: 'Send' }).click();
  await loaded(bob, 2);
  // Without a text the list says what it was.
  await bob.page.locator('.thread-text', { hasText: '2 photos' }).waitFor();
  await end();
});

test('written offline, sent on return, the text first; what the hub refuses says so', async () => {
  const { hub, alice, bob, end } = await scene(NARROW);
  let through;
  const asked = new Promise(done => alice.page.route('**/chat/upload', route => {
    through ??= route;
    if (through === route) done();
    else route.continue();
  }));
  await alice.goes(false);
  await alice.page.locator('input[type=file]').setInputFiles(files(await paint(alice.page, 2)));
  await alice.says('with photos');
  await alice.says('and a text after it');
  await until('they wait', async () => (await alice.page.locator('.picture.waiting').count()) === 2);
  await alice.goes(true);
  await asked;
  await bob.reads(['and a text after it']);
  await alice.reads(['and a text after it', 'with photos']);
  await through.continue();
  await loaded(bob, 2);
  await bob.reads(['and a text after it', 'with photos']);
  await alice.reads(['and a text after it', 'with photos']);
  // A picture that the hub refuses fails alone, and can be given up.
  await alice.page.locator('input[type=file]').setInputFiles([await wide(alice.page)]);
  await alice.field.press('Enter');
  await alice.page.locator('.failure', { hasText: 'Not sent' }).waitFor();
  await alice.says('this goes out');
  await bob.reads(['and a text after it', 'with photos', 'this goes out']);
  await alice.page.getByRole('button', { name: 'Discard' }).click();
  await until('it is gone', async () => (await alice.page.locator('.row.failed').count()) === 0);
  assert.equal((await hub.conversation(1, 2)).length, 3);
  // The browser notes the refusal, too.
  alice.wrongs = alice.wrongs.filter(wrong => !/status of 413/.test(wrong));
  await end();
});

test('one picture of two is refused: trying again sends that one alone', async () => {
  const { hub, alice, bob, end } = await scene();
  let uploads = 0;
  await alice.page.route('**/chat/upload', route => ++uploads === 2
    ? route.fulfill({ status: 422, json: { error: { code: 'image_invalid', message: 'no', temporary: false } } })
    : route.continue());
  await alice.page.locator('input[type=file]').setInputFiles(files(await paint(alice.page, 2)));
  await alice.says('both of them');
  await alice.page.locator('.failure', { hasText: 'a picture cannot be read' }).waitFor();
  // Which one it was is seen.
  assert.deepEqual(await alice.page.locator('.picture.waiting').evaluateAll(all => all.map(tile => tile.querySelector('.picture-broken') !== null)), [false, true]);
  await alice.page.getByRole('button', { name: 'Try again' }).click();
  await loaded(bob, 2);
  assert.equal(uploads, 3);
  assert.equal((await hub.conversation(1, 2)).length, 1);
  alice.wrongs = alice.wrongs.filter(wrong => !/status of 422/.test(wrong));
  await end();
});

test('a reload finds pictures that have not been sent', async () => {
  const { hub, alice, bob, end } = await scene();
  await alice.goes(false);
  await alice.page.locator('input[type=file]').setInputFiles(files(await paint(alice.page, 2)));
  await alice.says('kept');
  await until('it is on disk', async () => (await alice.unsentOnDisk()) === 1);
  await alice.page.reload();
  await alice.online('paused'); // the switch stays as it was
  await until('they wait', async () => (await alice.page.locator('.picture.waiting').count()) === 2);
  await alice.goes(true);
  await loaded(bob, 2);
  await alice.ticked('Seen');
  assert.equal((await hub.conversation(1, 2)).length, 1);
  await end();
});

/** Paints drawings on nothing, one black and one white. */
const drawings = page => page.evaluate(async () => {
  const all = [];
  for (const colour of ['black', 'white']) {
    const canvas = new OffscreenCanvas(400, 300);
    const context = canvas.getContext('2d');
    context.fillStyle = colour;
    context.fillRect(100, 75, 200, 150);
    all.push([...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer())]);
  }
  return all;
});

/** How much the middle of what is shown stands out from its edge, where nothing was drawn: from 1 to 21. */
async function standsOut(page, shown) {
  const picture = (await shown.screenshot()).toString('base64');
  return page.evaluate(async picture => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(picture), letter => letter.charCodeAt(0))]));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const light = (x, y) => [...context.getImageData(bitmap.width * x, bitmap.height * y, 1, 1).data.slice(0, 3)]
      .map(part => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, part, n) => sum + part * [0.2126, 0.7152, 0.0722][n], 0);
    const middle = light(0.5, 0.5);
    const edges = [0.06, 0.08, 0.1, 0.12].flatMap(a => [light(0.5, a), light(0.5, 1 - a)]);
    return Math.min(...edges.map(edge => (Math.max(edge, middle) + 0.05) / (Math.min(edge, middle) + 0.05)));
  }, picture);
}

for (const colorScheme of ['light', 'dark']) {
  test(`drawings on nothing are seen, black ones and white ones, in the strip, in the bubble and in full: ${colorScheme}`, async () => {
    const hub = await Hub.start();
    const [alice, bob] = await Promise.all([[1, 2], [2, 1]].map(people => Visitor.open(chromium, hub.link(...people), { colorScheme })));
    await Promise.all([alice.online(), bob.online()]);
    const pair = (await drawings(alice.page)).map((bytes, n) => ({ name: `${n}.png`, mimeType: 'image/png', buffer: Buffer.from(bytes) }));
    const seen = async (visitor, shown, what) => {
      await until(`${what} is seen`, async () => (await standsOut(visitor.page, shown)) > 2.9, 10_000);
    };
    for (const [n, file] of pair.entries()) {
      await alice.page.locator('input[type=file]').setInputFiles([file]);
      await seen(alice, alice.page.locator('.strip img'), `${file.name} in the strip`);
      await alice.field.press('Enter');
      for (const [name, visitor] of [['Alice', alice], ['Bob', bob]]) {
        await loaded(visitor, n + 1);
        await seen(visitor, visitor.page.locator('button.picture').nth(n), `${file.name} in ${name}'s bubble`);
        await visitor.page.locator('button.picture').nth(n).click();
        await visitor.page.locator('.lightbox-picture[src]').waitFor();
        await seen(visitor, visitor.page.locator('.lightbox-picture'), `${file.name} before ${name} in full`);
        await visitor.page.keyboard.press('Escape');
      }
    }
    for (const visitor of [alice, bob]) {
      assert.deepEqual(visitor.wrongs, []);
      await visitor.close();
    }
    await hub.end();
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`drawings on nothing are seen as the pictures of users and of cards: ${colorScheme}`, async () => {
    const hub = await Hub.start();
    const at = colour => `https://pictures.example/${colour}.png`;
    const colours = ['black', 'white'];
    await hub.puts('profiles', colours.map((colour, n) => ({ user_id: 2 + n, name: `User of ${colour}`, avatar_url: at(colour) })));
    await hub.puts('cards', colours.map(colour => ({ kind: 'shop', id: colour, version: 1, title: `Shop of ${colour}`, image_url: at(colour), url: 'https://shop.example/' })));
    for (const colour of colours) await hub.ask(2, 'POST', '/chat/send', { receiver_id: 1, temp_id: colour, card: { kind: 'shop', id: colour } });
    await hub.ask(3, 'POST', '/chat/send', { receiver_id: 1, temp_id: 'hello', content: 'hello' });
    const alice = await Visitor.open(chromium, 'about:blank', { colorScheme });
    const drawn = await drawings(alice.page);
    await alice.context.route(/pictures\.example/, route => route.fulfill({ status: 200, contentType: 'image/png', body: Buffer.from(drawn[colours.findIndex(colour => route.request().url() === at(colour))]) }));
    await alice.page.goto(hub.link(1, 2));
    await alice.online();
    for (const colour of colours) {
      for (const place of [`.thread:has-text("User of ${colour}") .avatar`, `.row .card:has-text("Shop of ${colour}") .card-face`]) {
        await alice.page.locator(`${place} img.loaded`).waitFor();
        await until(`${place} is seen`, async () => (await standsOut(alice.page, alice.page.locator(place))) > 2.9, 10_000);
      }
    }
    await alice.close();
    await hub.end();
  });
}

test('where the hub sends readers on to its store, they see the pictures, and the policy lets them', async () => {
  const store = await Store.start();
  const { alice, bob, end } = await scene(store.settings);
  await alice.page.locator('input[type=file]').setInputFiles(files(await paint(alice.page, 2)));
  await alice.says('from elsewhere');
  await Promise.all([loaded(alice, 2), loaded(bob, 2)]);
  await bob.page.getByRole('button', { name: 'Photo 2 of 2: open' }).click();
  const full = bob.page.getByRole('img', { name: 'Photo 2 of 2' });
  await until('it is shown in full', () => full.evaluate(image => image.naturalWidth === 640));
  assert.ok(store.read.some(path => path.startsWith('/pictures/web/')), store.read.join());
  await end();
  await store.end();
});
