// What counts as a text: the hub decides the same in `actors/src/blank.rs`, and `tests/support/texts.json` tests both.

// White space, control characters, characters without a glyph (joiners, directions, tags, variation selectors, fillers),
// the blanks of braille, Khitan script and music, and the format characters of annotations and of hieroglyphs.
const NOTHING = /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\u{16fe4}\u{1d159}\ufff9-\ufffb\u{13430}-\u{1343f}]*$/u;

/** Tells whether a text has no visible character. @param {string} text */
export const isBlank = text => NOTHING.test(text);
