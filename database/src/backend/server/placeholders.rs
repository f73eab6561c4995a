//! The places of a text's parameters, as a server wants them.

use std::borrow::Cow;

/// Numbers the parameters of a text, `?` outside quotes, as PostgreSQL wants them: `$1`, `$2`. No text of ours uses an operator
/// with a question mark, and sea-query's have numbers already.
pub(super) fn numbered(text: &str) -> Cow<'_, str> {
    if !text.contains('?') {
        return Cow::Borrowed(text);
    }
    debug_assert!(!text.contains('$'), "parameters of two kinds: {text}");
    let (mut numbered, mut quote, mut parameters) = (String::with_capacity(text.len() + 16), None, 0);
    for character in text.chars() {
        match (quote, character) {
            (None, '?') => {
                parameters += 1;
                numbered.push('$');
                numbered.push_str(&parameters.to_string());
                continue;
            }
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
        numbered.push(character);
    }
    Cow::Owned(numbered)
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_are_numbered_and_quotes_are_left_alone() {
        for (text, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("a = ? AND b IN (?, ?)", "a = $1 AND b IN ($2, $3)"),
            (
                "a = '?' AND \"b?\" = ? AND c = 'it''s ?' AND d = ?",
                "a = '?' AND \"b?\" = $1 AND c = 'it''s ?' AND d = $2",
            ),
            ("'\"' || ? || \"'\" || ?", "'\"' || $1 || \"'\" || $2"),
            ("\"a\" = $1", "\"a\" = $1"),
        ] {
            assert_eq!(numbered(text), expected);
        }
    }
}
