//! Which texts show nothing. `web/page/js/text.js` decides the same, and both are held to
//! `web/tests/support/texts.json`.

use icu_properties::props::DefaultIgnorableCodePoint;
use icu_properties::{CodePointSetData, CodePointSetDataBorrowed};

/// What fonts draw as nothing: joiners, directions, tags, variation selectors, fillers, the soft hyphen (Unicode,
/// DerivedCoreProperties.txt).
const IGNORABLE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<DefaultIgnorableCodePoint>();

/// Tells whether a text has no character that can be seen: it is empty, or made of white space, control and format
/// characters, and letters that are drawn as nothing.
///
/// A combining mark alone can be seen, for it is drawn on a space or on a dotted circle.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(shows_nothing)
}

fn shows_nothing(character: char) -> bool {
    // Most texts begin with a letter.
    !character.is_ascii_graphic()
        && (character.is_whitespace()
            || character.is_control()
            || matches!(
                character,
                // The braille pattern without dots, the filler of Khitan script, the note without a head.
                '\u{2800}' | '\u{16fe4}' | '\u{1d159}'
                // Format characters that are not ignorable: of annotations, and of hieroglyphs. (The number signs of
                // Arabic, Syriac and Kaithi, which are format characters, too, are drawn.)
                | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}'
            )
            || IGNORABLE.contains(character))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Texts {
        blank: Vec<String>,
        shown: Vec<String>,
    }

    #[test]
    fn what_shows_nothing_is_blank_and_what_merely_contains_such_is_not() {
        let texts: Texts = serde_json::from_str(include_str!("../../web/tests/support/texts.json")).expect("texts");
        assert!(texts.blank.len() > 30 && texts.shown.len() > 20);
        for text in &texts.blank {
            assert!(is_blank(text), "{text:?}");
        }
        for text in &texts.shown {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
