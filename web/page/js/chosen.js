// The language of the page: the link's (`?lang=fr`), or the one that the user has chosen, or the first of the browser's that the
// page has. Its texts load while the rest of the page still loads.

import { direction, languageOf, speak } from './language.js';

/** @typedef {import('./language.js').Language} Language */

const KEY = `softadastra-chat ${location.pathname} language`;

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // The browser allows no storage.
  }
}

/** The language of the page. */
export const chosen = [new URLSearchParams(location.search).get('lang'), remembered(), ...navigator.languages].map(tag => languageOf(tag)).find(language => language) ?? 'en';

// The element uses it.
document.documentElement.lang = chosen;

/** Resolves when the texts are loaded. */
export const spoken = speak(chosen, navigator.languages.find(tag => languageOf(tag) === chosen)).then(() => {
  document.documentElement.dir = direction();
});

/** Changes the language of the page, and reloads it. @param {Language} language */
export function choose(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // The link has it instead.
  }
  const url = new URL(location.href);
  if (remembered() === language) url.searchParams.delete('lang');
  else url.searchParams.set('lang', language);
  history.replaceState(history.state, '', url);
  location.reload();
}
