// Which language the page speaks: what the link asks for (`?lang=fr`), or what the user has chosen, or the first of the
// browser's languages that there is. Its words are on their way while the rest of the page still loads.

import { direction, languageOf, speak } from './language.js';

/** @typedef {import('./language.js').Language} Language */

const KEY = `softadastra-chat ${location.pathname} language`;

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // The browser keeps nothing.
  }
}

/** The language that is spoken. */
export const chosen = [new URLSearchParams(location.search).get('lang'), remembered(), ...navigator.languages].map(tag => languageOf(tag)).find(language => language) ?? 'en';

// The element goes by it.
document.documentElement.lang = chosen;

/** When there are words. */
export const spoken = speak(chosen, navigator.languages.find(tag => languageOf(tag) === chosen)).then(() => {
  document.documentElement.dir = direction();
});

/** Has the page speak another language from now on. @param {Language} language */
export function choose(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // The link keeps it.
  }
  const url = new URL(location.href);
  if (remembered() === language) url.searchParams.delete('lang');
  else url.searchParams.set('lang', language);
  history.replaceState(history.state, '', url);
  location.reload();
}
