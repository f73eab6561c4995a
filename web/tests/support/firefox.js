// Debian's Firefox, held in the hand: fingers are all that it is pointed at with. Playwright drives it by WebDriver BiDi.

import { existsSync } from 'node:fs';
import { firefox } from 'playwright-core';
import { Visitor } from './browser.js';

/** What makes a Firefox of a desktop that of a phone: it is told of fingers, and believes that there is no mouse. */
const HAND = { 'dom.w3c_touch_events.enabled': 1, 'dom.w3c_touch_events.legacy_apis.enabled': true, 'ui.primaryPointerCapabilities': 1, 'ui.allPointerCapabilities': 1 };

/** The window of a phone. */
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true };

/** Starts the browser: `FIREFOX`, or what Debian installs. */
export function firefoxOfPhone() {
  const executablePath = [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox'].find(path => path && existsSync(path));
  if (!executablePath) throw new Error('there is no Firefox: apt-get install firefox-esr, or name one in FIREFOX');
  return firefox.launch({ channel: 'moz-firefox', executablePath, firefoxUserPrefs: HAND });
}

/** Opens a link for a user whose fingers touch the page. */
export async function holding(browser, link, options = {}) {
  const visitor = await Visitor.open(browser, link, { ...PHONE, ...options });
  touching(visitor.page);
  return visitor;
}

/**
 * Lets `tap` reach the page. Playwright takes a finger no further than to Chromium yet, so what the protocol has for it is said
 * here by way of Playwright's own session; `held` is how long the finger stays, in ms.
 */
function touching(page) {
  const { delegate } = page._connection.toImpl(page);
  const session = delegate._session;
  page.touch = (x, y, held = 20) => session.send('input.performActions', { context: session.sessionId, actions: [{
    type: 'pointer', id: 'finger', parameters: { pointerType: 'touch' }, actions: [
      { type: 'pointerMove', x: Math.round(x), y: Math.round(y) }, { type: 'pointerDown', button: 0 }, { type: 'pause', duration: held }, { type: 'pointerUp', button: 0 },
    ],
  }] });
  delegate.rawTouchscreen.tap = (_, x, y) => page.touch(x, y);
}
