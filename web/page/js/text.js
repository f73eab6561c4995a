// What the hub takes for a text: the same is decided in `actors/src/blank.rs`, and both are held to
// `tests/support/texts.json`.

// White space, control characters, what fonts draw as nothing (joiners, directions, tags, variation selectors, fillers),
// the blanks of braille, Khitan script and music, and the format characters of annotations and of hieroglyphs.
const NOTHING = /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\u{16fe4}\u{1d159}\ufff9-\ufffb\u{13430}-\u{1343f}]*$/u;

/** Tells whether a text has no character that can be seen. @param {string} text */
export const isBlank = text => NOTHING.test(text);

/** Counts characters as the hub does, in Unicode scalar values: an emoji is one, and not two. @param {string} text */
export function characters(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
