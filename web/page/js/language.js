// The language of the page: its texts, from one catalogue in `languages/`, and its formats of numbers and times. The tests check
// that every catalogue has every text.

/** The languages of the page, each with its own name for itself. */
export const LANGUAGES = { en: 'English', fr: 'Français', sw: 'Kiswahili', ar: 'العربية' };

/** @typedef {keyof typeof LANGUAGES} Language */

const AS_JSON = /** @type {const} */ ({ with: { type: 'json' } });

/** Functions that load the texts of each language: a browser loads only one. @type {Record<Language, () => Promise<{default: typeof words}>>} */
const CATALOGUES = {
  en: () => import('../languages/en.json', AS_JSON),
  fr: () => import('../languages/fr.json', AS_JSON),
  sw: () => import('../languages/sw.json', AS_JSON),
  ar: () => import('../languages/ar.json', AS_JSON),
};

const RIGHT_TO_LEFT = ['ar'];
const RTL_LETTER = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** The texts by key: a string, or one for each plural category of the language. @type {Record<string, string | Record<string, string>>} */
let words = {};
/** @type {Language} */ let spoken = 'en';
let locale = 'en';
/** @type {'ltr' | 'rtl'} */ let dir = 'ltr';
/** The `Intl` formats that were made. @type {Map<string, any>} */
const formats = new Map();

/**
 * Loads a language; everything drawn afterwards uses it.
 * @param {Language} language @param {string} region the locale for numbers and times, like `en-GB`
 */
export async function speak(language, region = language) {
  ({ default: words } = await CATALOGUES[language]());
  [spoken, locale] = [language, region];
  dir = RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr';
  formats.clear();
}

/** Returns the language of a tag like `fr-CD`; undefined if the page does not have it. @param {string | null | undefined} tag @returns {Language | undefined} */
export function languageOf(tag) {
  const [language] = (tag ?? '').toLowerCase().split('-');
  return Object.hasOwn(CATALOGUES, language) ? /** @type {Language} */ (language) : undefined;
}

/** The language that is loaded. */
export const language = () => spoken;

/** The direction in which the language is written. */
export const direction = () => dir;

/** Whether there is a text of this key. @param {string} key */
export const has = key => Object.hasOwn(words, key);

/**
 * Returns a text: `t('photos', { count: 3 })`. If it has plurals, `count` chooses one. Numbers are formatted for the language;
 * pass numbers that are names (of a user, of an order) as strings.
 * @param {string} key @param {Record<string, string | number>} [values] the values for `{name}` in the text
 */
export const t = (key, values) => pieces(key, values).join('');

/**
 * Returns a text with elements in it, as its parts. @param {string} key @param {Record<string, string | number | Node>} [values]
 * @returns {(string | Node)[]}
 */
export function pieces(key, values = {}) {
  const entry = words[key] ?? key;
  const text = typeof entry === 'string' ? entry : entry[intl(Intl.PluralRules).select(/** @type {number} */ (values.count))];
  return text.split(/\{(\w+)\}/).map((part, index) => (index % 2 ? piece(values[part]) : part));
}

/** @param {string | number | Node} value */
function piece(value) {
  if (typeof value === 'number') return number(value);
  // Isolate a text that may have the other direction, so that it does not reorder the text around it.
  return typeof value === 'string' && (dir === 'rtl' || RTL_LETTER.test(value)) ? `\u2068${value}\u2069` : value;
}

/** @param {number} value */
export const number = value => intl(Intl.NumberFormat).format(value);

/** Joins names: "a, b". @param {string[]} names */
export const listed = names => intl(Intl.ListFormat, { type: 'unit', style: 'short' }).format(names);

/** Joins names, the last with "and". @param {string[]} names */
export const joined = names => intl(Intl.ListFormat, { type: 'conjunction' }).format(names);

/**
 * Returns an `Intl` format for the language. Formats are cached, because making one is slow.
 * @template T @param {new (locale: string, options?: any) => T} Format @param {object} [options] @returns {T}
 */
export function intl(Format, options) {
  const key = `${Format.name} ${JSON.stringify(options)}`;
  const format = formats.get(key) ?? new Format(locale, options);
  formats.set(key, format);
  return format;
}

/** Capitalises the first letter of a line, as of "yesterday". @param {string} text */
export const capital = text => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
