// The page in other languages: which one it speaks, how it says what has numbers in it, and what it looks like from right to
// left. The pictures are kept in tests/pictures.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Hub } from './support/hub.js';
import { looking } from './support/looks.js';
import { NARROW, files, paint, wide } from './support/pictures.js';
import { play } from './support/scene.js';
import { chromium } from './support/visitors.js';

let hub;
before(async () => {
  hub = await Hub.start({ CHAT_EDIT_WINDOW: '1s', ...NARROW }); // so that an edit is refused, and a photo
  await play(hub);
});
after(() => hub.end());

const languageOf = visitor => visitor.page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]);
const inLanguage = (link, language) => link.replace('/#', `/?lang=${language}#`);
const title = { en: 'Messages', fr: 'Messages', sw: 'Ujumbe', ar: 'الرسائل' };
const heading = (visitor, language) => visitor.page.locator('[slot=head] h1', { hasText: title[language] }).waitFor();
const more = { en: 'New conversation', fr: 'Nouvelle discussion', sw: 'Mazungumzo mapya', ar: 'محادثة جديدة' };

for (const [locale, language] of [['fr-CD', 'fr'], ['sw-TZ', 'sw'], ['ar', 'ar'], ['de-DE', 'en']]) {
  test(`a browser in ${locale} is shown the page in ${language}, and loads the words of that alone`, async () => {
    const asked = [];
    const alice = await Visitor.open(chromium, 'about:blank', { locale });
    alice.page.on('request', request => asked.push(new URL(request.url()).pathname));
    await alice.page.goto(hub.link(1, 2));
    await alice.online();
    await heading(alice, language);
    await alice.page.getByRole('button', { name: more[language] }).waitFor();
    assert.deepEqual(await languageOf(alice), [language, language === 'ar' ? 'rtl' : 'ltr']);
    assert.deepEqual(asked.map(path => /^\/assets\/(en|fr|sw|ar)-[\w-]+\.js$/.exec(path)?.[1]).filter(words => words), [language]);
    assert.deepEqual(await alice.violations(), []);
    assert.deepEqual(alice.wrongs, []);
    await alice.close();
  });
}

test('the link names the language, the menu changes it for good, and what was being written stays', async () => {
  const alice = await Visitor.open(chromium, inLanguage(hub.link(1, 2), 'fr'));
  await alice.online();
  assert.deepEqual(await languageOf(alice), ['fr', 'ltr']);
  await alice.page.getByRole('textbox', { name: 'Message' }).fill('à moitié écrit');
  await alice.page.getByRole('button', { name: 'Langue' }).click();
  const items = alice.page.getByRole('menuitemradio');
  assert.deepEqual(await items.allTextContents(), ['English', 'Français', 'Kiswahili', 'العربية']);
  assert.equal(await alice.page.getByRole('menuitemradio', { checked: true }).textContent(), 'Français');
  await items.filter({ hasText: 'Kiswahili' }).click();
  await heading(alice, 'sw');
  await alice.online();
  assert.equal(await alice.page.getByRole('textbox', { name: 'Ujumbe' }).inputValue(), 'à moitié écrit');
  assert.equal(new URL(alice.page.url()).search, '');
  await alice.page.reload();
  await heading(alice, 'sw');
  // A link is newer than a choice; one that names no language that there is does not count.
  await alice.page.goto(inLanguage(hub.link(1, 2), 'ar'));
  await heading(alice, 'ar');
  await alice.page.goto(inLanguage(hub.link(1, 2), 'constructor'));
  await heading(alice, 'sw');
  assert.deepEqual(alice.wrongs, []);
  await alice.close();
});

test('numbers, plurals, days and reasons are those of the language', async () => {
  const [one, other] = [31, 32];
  const say = content => hub.ask(other, 'POST', '/chat/send', { receiver_id: one, temp_id: content, content });
  for (const content of ['un', 'deux', 'trois']) await say(content);
  const alice = await Visitor.open(chromium, inLanguage(hub.link(one, 33), 'ar'), { locale: 'fr-FR' });
  await alice.online();
  const unread = alice.page.locator('.thread-unread[role="img"]');
  await unread.waitFor();
  assert.equal(await unread.getAttribute('aria-label'), '3 رسائل غير مقروءة');
  await alice.page.goto(inLanguage(hub.link(one, other), 'fr'));
  await alice.online();
  await alice.page.locator('.divider span', { hasText: 'Aujourd’hui' }).first().waitFor();
  const field = alice.page.getByRole('textbox', { name: 'Message' });
  await field.fill('x'.repeat(4002));
  await alice.page.getByText('4\u202f002 caractères sur 4\u202f000\u00a0: 2 de trop').waitFor();
  await field.fill('quatre');
  await field.press('Enter');
  await alice.ticked('Envoyé');
  await alice.page.locator('input[type=file]').setInputFiles([...files(await paint(alice.page, 1)), await wide(alice.page, 'large.jpg')]);
  await field.press('Enter');
  await alice.page.getByText(/^Non envoyé\u00a0: une photo est trop .*«\u00a0large\.jpg\u00a0»\)\.$/).waitFor();
  await alice.page.getByRole('button', { name: 'Envoyer sans elle' }).waitFor();
  await alice.page.locator('.status').getByRole('switch', { name: 'En ligne' }).click();
  await alice.online('paused');
  await field.fill('cinq');
  await field.press('Enter');
  await alice.page.locator('.banner', { hasText: 'Vous êtes hors ligne. Gardé pour l’envoi\u00a0: 1 message.' }).waitFor();
  assert.deepEqual(alice.wrongs.filter(wrong => !/status of 413/.test(wrong)), []);
  await alice.close();
});

test('without a session, one chooses the language as well', async () => {
  const stranger = await Visitor.open(chromium, hub.url, { locale: 'sw-KE' });
  await stranger.page.getByText('Fungua kiungo kimoja').waitFor();
  await stranger.page.getByRole('button', { name: 'Français' }).click();
  await stranger.page.getByText('Ouvrez l’un des deux liens').waitFor();
  await stranger.close();
});

for (const [language, width, height, colorScheme] of [['ar', 1280, 800, 'light'], ['ar', 390, 844, 'dark'], ['ar', 320, 760, 'light'], ['fr', 1280, 800, 'dark'], ['fr', 320, 760, 'light'], ['sw', 390, 844, 'light']]) {
  test(`${language}, ${width} wide, ${colorScheme}: every part is in its place`, async () => {
    const { alice, page, narrow, look: pictured } = await looking(chromium, inLanguage(hub.link(1, 2), language), width, height, colorScheme);
    const look = name => pictured(`${language}-${name}`);
    await alice.online();
    await page.locator('.row', { hasText: 'with a van' }).waitFor();
    await look('conversation');
    const row = page.locator('.row', { hasText: 'Lovely' });
    await row.hover();
    await row.locator('.bubble-more').click();
    const menu = await page.locator('.menu').boundingBox();
    assert.ok(menu.x >= 0 && menu.x + menu.width <= width, JSON.stringify(menu));
    const more = await row.locator('.bubble-more').boundingBox();
    assert.ok(menu.x < more.x + more.width + 8 && menu.x + menu.width > more.x - 8, 'the menu is beside what opens it');
    await look('menu');
    await page.locator('.menu .danger').click();
    await look('question');
    await page.keyboard.press('Escape');
    // Own messages stand at the end of the line.
    const sides = await page.locator('.row.mine .bubble').first().evaluate(bubble => [bubble.getBoundingClientRect().left, bubble.closest('.log').getBoundingClientRect().left, bubble.getBoundingClientRect().right, bubble.closest('.log').getBoundingClientRect().right]);
    if (language === 'ar') assert.ok(Math.abs(sides[0] - sides[1]) < 2, sides.join());
    else assert.ok(Math.abs(sides[2] - sides[3]) < 2, sides.join());
    if (narrow) await page.locator('.back').click();
    await page.locator('.search').waitFor();
    await page.locator('.language').click();
    await look('languages');
    await page.keyboard.press('Escape');
    await page.locator('.bell').click();
    await page.locator('.note').first().waitFor();
    const panel = await page.locator('.panel').boundingBox();
    assert.ok(panel.x >= 0 && panel.x + panel.width <= width, JSON.stringify(panel));
    await look('notifications');
    await page.keyboard.press('Escape');
    if (!narrow) {
      await page.locator('.search').focus();
      await page.locator('.log').focus();
      await page.keyboard.press('?');
      await page.locator('.keys').waitFor();
      await look('keys');
    }
    assert.deepEqual(alice.wrongs, []);
    await alice.close();
  });
}
