//! The path of a URL that names something on this machine: one rule for `sqlite:` and for `file:`.
//!
//! `%41` is `A` (RFC 3986, 2.1), so that a path may hold what means something in a URL: `%3F` is a question mark. A `%` that
//! begins no escape stays as it is, as does everything else: a path is written as in a shell.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// Decodes a path.
///
/// # Errors
/// If it is not UTF-8 when it is decoded, or holds a NUL.
pub(crate) fn decode(text: &str) -> Result<PathBuf, String> {
    match percent_decode_str(text).decode_utf8() {
        Ok(path) if !path.contains('\0') => Ok(PathBuf::from(path.into_owned())),
        _ => Err("its path holds a NUL, or is not UTF-8".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_what_is_none_stays() {
        for (text, plain) in [
            ("data/media", "data/media"),
            ("/srv/%41", "/srv/A"),
            ("my%20media", "my media"),
            ("my media", "my media"),
            ("a+b", "a+b"),
            ("100%", "100%"),
            ("%zz/%4", "%zz/%4"),
            ("%25zz", "%zz"),
            ("caf%C3%A9", "café"),
            ("what%3F", "what?"),
        ] {
            assert_eq!(decode(text), Ok(PathBuf::from(plain)), "{text}");
        }
        for text in ["%ff", "a%00b"] {
            decode(text).expect_err(text);
        }
    }
}
