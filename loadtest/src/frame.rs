//! Reads single fields of a frame without parsing all of it, because the generator shares the machine with the server.
//!
//! JSON escapes a quote inside a string as `\"`, so `"name":` occurs in a frame only as the name of a field. The first such
//! field counts: the hub writes a frame's own fields before those of nested objects.

use memchr::memmem;

/// Returns the frame's type.
#[must_use]
pub fn kind(frame: &str) -> Option<&str> {
    const FIRST: &str = r#"{"type":""#;
    let rest = match frame.strip_prefix(FIRST) {
        Some(rest) => rest,
        None => value(frame, r#""type":"#)?.strip_prefix('"')?,
    };
    until_quote(rest)
}

/// Returns a string field without escapes. `needle` is the quoted name with its colon: `"temp_id":`.
#[must_use]
pub fn text<'a>(frame: &'a str, needle: &str) -> Option<&'a str> {
    until_quote(value(frame, needle)?.strip_prefix('"')?)
}

/// Returns an integer field. `needle` is the quoted name with its colon: `"seq":`.
#[must_use]
pub fn number(frame: &str, needle: &str) -> Option<u64> {
    let value = value(frame, needle)?;
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    value.get(..digits)?.parse().ok()
}

fn value<'a>(frame: &'a str, needle: &str) -> Option<&'a str> {
    let at = memmem::find(frame.as_bytes(), needle.as_bytes())?;
    frame.get(at + needle.len()..).map(str::trim_ascii_start)
}

fn until_quote(text: &str) -> Option<&str> {
    text.get(..memchr::memchr(b'"', text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &str = r#"{"type":"new_message","id":901,"thread_id":77,"seq":12,"temp_id":"c-1","content":"say \"type\":\"ping\", \"seq\":9"}"#;

    #[test]
    fn fields_are_found_at_any_place() {
        assert_eq!(kind(FRAME), Some("new_message"));
        assert_eq!(kind(r#"{"seq":1, "type": "pong"}"#), Some("pong"));
        assert_eq!(text(FRAME, r#""temp_id":"#), Some("c-1"));
        assert_eq!(number(FRAME, r#""seq":"#), Some(12));
    }

    #[test]
    fn the_content_of_a_message_is_not_read_as_a_field() {
        let frame = r#"{"type":"new_message","content":"\"temp_id\":\"stolen\""}"#;
        assert_eq!(text(frame, r#""temp_id":"#), None);
        assert_eq!(kind(r#"{"content":"\"type\":\"ping\"","type":"new_message"}"#), Some("new_message"));
    }

    #[test]
    fn a_field_of_another_type_is_none() {
        assert_eq!(number(FRAME, r#""temp_id":"#), None);
        assert_eq!(text(FRAME, r#""seq":"#), None);
        assert_eq!(kind("[]"), None);
    }
}
