//! Language tags (BCP 47, RFC 5646 section 2.1): their form, and their usual spelling.

/// The maximum length of a tag, in bytes.
const BYTES: usize = 64;

/// Returns a tag in its usual spelling: `fr-cd` is `fr-CD`. `None` if the text does not have the form of a tag, and, unlike
/// in the RFC, for a language of four letters or more (none is registered) and for a tag of private use alone.
pub(super) fn canonical(text: &str) -> Option<String> {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let letters_or_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut parts = text.split('-').peekable();
    let language = parts.next().filter(|part| matches!(part.len(), 2 | 3) && letters(part))?;
    let mut written = vec![language.to_ascii_lowercase()];

    let extended = parts.next_if(|part| part.len() == 3 && letters(part));
    written.extend(extended.map(str::to_ascii_lowercase));
    let script = parts.next_if(|part| part.len() == 4 && letters(part));
    written.extend(script.map(|script| script[..1].to_ascii_uppercase() + &script[1..].to_ascii_lowercase()));
    let region = parts.next_if(|part| part.len() == 2 && letters(part) || part.len() == 3 && digits(part));
    written.extend(region.map(str::to_ascii_uppercase));
    let is_variant = |part: &str| match part.len() {
        4 => part.starts_with(|first: char| first.is_ascii_digit()) && letters_or_digits(part),
        5..=8 => letters_or_digits(part),
        _ => false,
    };
    while let Some(variant) = parts.next_if(|part| is_variant(part)) {
        written.push(variant.to_ascii_lowercase());
    }
    // Extensions: one letter or digit, and at least one part behind it.
    while let Some(singleton) = parts.next_if(|part| part.len() == 1 && letters_or_digits(part)) {
        let least = if singleton.eq_ignore_ascii_case("x") { 1 } else { 2 };
        let fits = |part: &&str| (least..=8).contains(&part.len()) && letters_or_digits(part);
        written.push(singleton.to_ascii_lowercase());
        written.push(parts.next_if(fits)?.to_ascii_lowercase());
        while let Some(part) = parts.next_if(fits) {
            written.push(part.to_ascii_lowercase());
        }
    }
    let ends = parts.next().is_none() && text.len() <= BYTES;
    ends.then(|| written.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_written_in_its_usual_spelling() {
        for (text, written) in [
            ("fr", "fr"),
            ("FR-cd", "fr-CD"),
            ("sw-ug", "sw-UG"),
            ("es-419", "es-419"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("zh-yue-HK", "zh-yue-HK"),
            ("sl-Rozaj-1994", "sl-rozaj-1994"),
            ("ar-u-nu-latn", "ar-u-nu-latn"),
            ("en-x-a", "en-x-a"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn what_does_not_have_the_form_is_no_tag() {
        let long = format!("en-x{}", "-abcdefgh".repeat(8));
        for text in [
            "", "f", "french", "1a", "fr_CD", "fr-", "-fr", "fr--CD", "fr-CD-", "fr-C", "fr-CD-FR", "en-u", "fr CD",
            "fré", "\0\0", &long,
        ] {
            assert_eq!(canonical(text), None, "{text:?}");
        }
    }
}
