// The language that the page speaks: its words, from one catalogue in `languages/`, and how it writes numbers and times. The
// tests see to it that every catalogue has every word.

/** The languages that there are, as each calls itself. */
export const LANGUAGES = { en: 'English', fr: 'Français', sw: 'Kiswahili', ar: 'العربية' };

/** @typedef {keyof typeof LANGUAGES} Language */

const AS_JSON = /** @type {const} */ ({ with: { type: 'json' } });

/** What loads the words of each: a browser loads those of one. @type {Record<Language, () => Promise<{default: typeof words}>>} */
const CATALOGUES = {
  en: () => import('../languages/en.json', AS_JSON),
  fr: () => import('../languages/fr.json', AS_JSON),
  sw: () => import('../languages/sw.json', AS_JSON),
  ar: () => import('../languages/ar.json', AS_JSON),
};

const RIGHT_TO_LEFT = ['ar'];
const RTL_LETTER = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** What the page says: a text, or one for each plural of the language. @type {Record<string, string | Record<string, string>>} */
let words = {};
/** @type {Language} */ let spoken = 'en';
let locale = 'en';
/** @type {'ltr' | 'rtl'} */ let dir = 'ltr';
/** The formats of `Intl` that were used. @type {Map<string, any>} */
const formats = new Map();

/**
 * Loads a language; what is drawn afterwards speaks it.
 * @param {Language} language @param {string} region the same language as a region writes its numbers and times, like `en-GB`
 */
export async function speak(language, region = language) {
  ({ default: words } = await CATALOGUES[language]());
  [spoken, locale] = [language, region];
  dir = RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr';
  formats.clear();
}

/** Finds the language of a tag like `fr-CD`, if it is one of ours. @param {string | null | undefined} tag @returns {Language | undefined} */
export function languageOf(tag) {
  const [language] = (tag ?? '').toLowerCase().split('-');
  return Object.hasOwn(CATALOGUES, language) ? /** @type {Language} */ (language) : undefined;
}

/** Which language is spoken. */
export const language = () => spoken;

/** In which direction the language is written. */
export const direction = () => dir;

/** Whether there are words for something. @param {string} key */
export const has = key => Object.hasOwn(words, key);

/**
 * Says something: `t('photos', { count: 3 })`. Where a text has plurals, `count` chooses; numbers are written as the language
 * writes them, and numbers that are names (of a user, of an order) are handed over as texts.
 * @param {string} key @param {Record<string, string | number>} [values] what stands for `{name}` in the text
 */
export const t = (key, values) => pieces(key, values).join('');

/**
 * Says something in which elements stand. @param {string} key @param {Record<string, string | number | Node>} [values]
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
  // A name in letters of the other direction must not turn what stands around it.
  return typeof value === 'string' && (dir === 'rtl' || RTL_LETTER.test(value)) ? `\u2068${value}\u2069` : value;
}

/** @param {number} value */
export const number = value => intl(Intl.NumberFormat).format(value);

/** Names several things: "a, b". @param {string[]} names */
export const listed = names => intl(Intl.ListFormat, { type: 'unit', style: 'short' }).format(names);

/** Names several things, the last of them with "and". @param {string[]} names */
export const joined = names => intl(Intl.ListFormat, { type: 'conjunction' }).format(names);

/**
 * Returns a format in the language that is spoken. It is kept, for to make one takes long.
 * @template T @param {new (locale: string, options?: any) => T} Format @param {object} [options] @returns {T}
 */
export function intl(Format, options) {
  const key = `${Format.name} ${JSON.stringify(options)}`;
  const format = formats.get(key) ?? new Format(locale, options);
  formats.set(key, format);
  return format;
}

/** Begins a line with a word as the language does: "yesterday" with a capital. @param {string} text */
export const capital = text => text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
