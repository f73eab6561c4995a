// A seller in French, with a Firefox as wide as a phone and a slow line, under a bridge: what both sides have in the end.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { firefoxOfPhone, holding } from './support/firefox.js';
import { Hub } from './support/hub.js';
import { pictures } from './support/looks.js';
import { camera, fitted } from './support/pictures.js';
import { Proxy } from './support/proxy.js';
import { until } from './support/wait.js';

const [SELLER, BUYER] = [1, 2];

test('a seller answers with two photos from a slow line, goes under a bridge, writes on, comes back, and both sides are right', async () => {
  mkdirSync(pictures, { recursive: true });
  const hub = await Hub.start();
  const line = await Proxy.before(hub.port);
  // The hub is asked at the address of the line, from now on.
  hub.settings.CHAT_ALLOWED_ORIGINS = line.url;
  await hub.kill();
  await hub.run();
  const firefox = await firefoxOfPhone();
  const buyer = await Visitor.open(firefox, hub.link(BUYER, SELLER), { locale: 'fr-FR' });
  await buyer.says('Bonjour, avez-vous des photos du bureau ?');
  await buyer.ticked('Envoyé');

  // 50 KB a second, and 400 ms there and back.
  Object.assign(line, { rate: 50_000, delay: 200 });
  const seller = await holding(firefox, `${line.url}/#token=${hub.token(SELLER)}`, { locale: 'fr-FR' });
  const { page } = seller;
  // A picture that hides no caret needs no style that the page's policy refuses.
  const keep = name => page.screenshot({ path: join(pictures, `${name}.png`), caret: 'initial' });
  await page.locator('.thread', { hasText: 'Bob' }).tap();
  await seller.reads(['Bonjour, avez-vous des photos du bureau ?']);
  await buyer.ticked('Lu');

  await page.locator('input[type=file]').setInputFiles([await camera(page, 2600, 1950), { ...(await camera(page, 2400, 1800)), name: 'IMG_2.jpg' }]);
  await page.locator('.strip-item').nth(1).waitFor();
  await fitted(page);
  await seller.field.fill('Les voici');
  await page.getByRole('button', { name: 'Envoyer', exact: true }).tap();
  // Firefox counts what it has handed to the system; the line needs some four seconds more for it.
  await until('the first is on its way', () => page.locator('.picture.waiting progress').first().evaluate(bar => bar.value > 0.3));

  // The bridge. What is written under it is seen to wait.
  line.network(false);
  await page.locator('.banner', { hasText: 'Connexion perdue' }).waitFor();
  for (const text of ['Il est en très bon état.', 'Je peux livrer vendredi.']) {
    await seller.field.fill(text);
    await page.getByRole('button', { name: 'Envoyer', exact: true }).tap();
  }
  const waiting = page.locator('.row.mine').filter({ has: page.getByLabel('En attente d’envoi') });
  await until('all three wait', async () => (await waiting.count()) === 3);
  await page.locator('.banner', { hasText: 'Gardés pour l’envoi : 3 messages.' }).waitFor();
  await keep('firefox-bridge');
  await buyer.says('Et le prix ?');
  await buyer.ticked('Envoyé');
  await buyer.reads(['Bonjour, avez-vous des photos du bureau ?', 'Et le prix ?']);

  // Behind it everything goes out once: the texts first, for they do not wait for the photos.
  line.network(true);
  const all = ['Bonjour, avez-vous des photos du bureau ?', 'Et le prix ?', 'Il est en très bon état.', 'Je peux livrer vendredi.', 'Les voici'];
  await Promise.all([seller.reads(all), buyer.reads(all)]);
  const stored = await hub.conversation(SELLER, BUYER);
  assert.deepEqual(stored.map(({ content, images }) => [content, images.length]), all.map(text => [text, text === 'Les voici' ? 2 : 0]));
  for (const visitor of [seller, buyer]) await until('both photos are there', async () => (await visitor.page.locator('button.picture.loaded').count()) === 2);
  const ticks = visitor => visitor.page.locator('.row.mine .tick').evaluateAll(all => all.map(tick => tick.getAttribute('aria-label')));
  for (const [visitor, count] of [[seller, 3], [buyer, 2]]) {
    await until('all of it is seen', async () => JSON.stringify(await ticks(visitor)) === JSON.stringify(Array(count).fill('Lu')));
  }
  assert.equal(await seller.unsentOnDisk(), 0);
  await page.locator('.banner').waitFor({ state: 'hidden' });
  await keep('firefox-story');
  // Firefox says that there was no network, and that the page refuses the style that Playwright takes pictures with.
  const expected = /^(The connection to ws:.* was interrupted|Firefox can’t establish a connection|Content-Security-Policy:.*style-src-elem)/;
  assert.deepEqual(seller.wrongs.filter(wrong => !expected.test(wrong)), []);
  assert.deepEqual(buyer.wrongs, []);
  for (const visitor of [seller, buyer]) await visitor.close();
  await firefox.close();
  await line.end();
  await hub.end();
});
