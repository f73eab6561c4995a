// The text of a message: addresses become links, a few emoji alone are large, and a long text is folded.

import { characters } from '../../client/draft.js';
import { h, lazily, set, write } from './dom.js';
import { t } from './language.js';

/** A text with more characters or lines is folded. */
const LONG = { characters: 1000, lines: 16 };
/** Up to how many emoji alone are large. */
const FEW = 3;

// An emoji is a keycap, a flag, a picture by itself, or a character that a selector or modifier makes a picture.
const EMOJI = /^(?:[\d#*]\uFE0F?\u20E3|\p{Regional_Indicator}{2}|\p{Emoji_Presentation}|\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier}))/u;

/** Texts that may have a link or a telephone number: the module that finds them is loaded with the first. */
const LINKABLE = /[.:]\S|@|\d{3}/;
const finder = lazily(() => import('./links.js'));

/** Turns the addresses in a text into links. @param {HTMLElement} paragraph @param {string} text */
async function link(paragraph, text) {
  if (!LINKABLE.test(text)) return;
  const { links } = await finder();
  paragraph.replaceChildren(...links(text));
}

/** Tells whether a text is a few emoji, and nothing else. @param {string} text */
export function isEmoji(text) {
  if (text.length > 80 || !Intl.Segmenter) return false;
  const graphemes = [...new Intl.Segmenter().segment(text.replace(/\s/g, ''))];
  return graphemes.length > 0 && graphemes.length <= FEW && graphemes.every(({ segment }) => EMOJI.test(segment));
}

/** Tells whether a text is folded. @param {string} text */
export const isLong = text => characters(text) > LONG.characters || text.split('\n').length > LONG.lines;

/** Makes a message's text, and the button that unfolds it. @param {string} text @param {{unfolded?: boolean}} row remembers whether it is unfolded */
export function messageText(text, row) {
  const paragraph = h('p', { class: isEmoji(text) ? 'text emoji' : 'text', dir: 'auto' }, text);
  link(paragraph, text).catch(() => {}); // without a network it stays plain text
  if (!isLong(text)) return [paragraph];
  const more = h('button', { class: 'fold', onclick: () => {
    row.unfolded = !row.unfolded;
    fold();
    paragraph.scrollIntoView({ block: 'nearest' });
  } });
  const fold = () => {
    paragraph.classList.toggle('folded', !row.unfolded);
    write(more, t(row.unfolded ? 'message.less' : 'message.all'));
    set(more, 'aria-expanded', String(Boolean(row.unfolded)));
  };
  fold();
  return [paragraph, more];
}
