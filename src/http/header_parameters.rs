//! Headers of a value and parameters: `Content-Type`, `Content-Disposition`.
//!
//! They are parsed as bytes: clients write file names into them in any encoding, and an invalid byte must not hide the other
//! parameters. Quotes and escapes are parsed (RFC 9110, 5.6.6); so is `name*=charset''%XX` (RFC 8187), which has precedence
//! over `name=`. Names are compared without case. Of a repeated parameter the first counts.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// A header's value and its parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// The text before the first semicolon, in lower case.
    pub(super) value: String,
    all: Vec<(String, Vec<u8>)>,
}

impl Parameters {
    /// Reads a header. Reading never fails: malformed parts are left out.
    pub(super) fn read(header: &[u8]) -> Self {
        let end = header.iter().position(|byte| *byte == b';').unwrap_or(header.len());
        let (value, mut rest) = header.split_at(end);
        let mut all = Vec::new();
        while let Some((b';', after)) = rest.split_first() {
            let end = after.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(after.len());
            let name = small(&after[..end]);
            rest = &after[end..];
            if let Some((b'=', after)) = rest.split_first() {
                let (value, after) = parameter(after);
                all.push((name, value));
                rest = after;
            }
        }
        Self { value: small(value), all }
    }

    /// Returns a parameter's bytes.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.all.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_slice())
    }

    /// Returns a parameter as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let extended = self.get(&format!("{name}*")).and_then(extended);
        extended.or_else(|| self.get(name).map(guessed))
    }

    /// Tells whether a parameter is there, and not empty: as it is, in a charset (`*`), or in pieces (RFC 2231: `*0`, `*0*`).
    pub(super) fn has(&self, name: &str) -> bool {
        let pieces =
            |found: &str| found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('*'));
        self.all.iter().any(|(found, value)| pieces(found) && !value.is_empty())
    }
}

fn small(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).to_ascii_lowercase()
}

/// Splits off a parameter's value, up to the next semicolon that does not stand in quotes.
fn parameter(bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let bytes = bytes.trim_ascii_start();
    let Some((b'"', quoted)) = bytes.split_first() else {
        let (value, rest) = bytes.split_at(semicolon(bytes));
        return (value.trim_ascii().to_vec(), rest);
    };
    let (mut value, mut at) = (Vec::new(), 0);
    while let Some(byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => break,
            (b'\\', Some(escaped @ (b'"' | b'\\'))) => {
                value.push(*escaped);
                at += 1;
            }
            // Before any other byte a backslash stands for itself: some browsers write a path without escapes.
            (byte, _) => value.push(*byte),
        }
        at += 1;
    }
    let rest = quoted.get(at + 1..).unwrap_or_default();
    (value, &rest[semicolon(rest)..])
}

fn semicolon(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b';').unwrap_or(bytes.len())
}

/// Reads `charset'language'text`, the text with `%XX` for what is not plain.
fn extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    let encoding = Encoding::for_label(charset)?;
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        let (byte, after) = match hex {
            Some(escaped) if *byte == b'%' => (escaped, &after[2..]),
            _ => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    encoding.decode_without_bom_handling_and_without_replacement(&bytes).map(|text| text.into_owned())
}

/// Reads bytes whose charset is not named: as UTF-8, which nearly all clients write, or else as Windows-1252.
fn guessed(bytes: &[u8]) -> String {
    let text = UTF_8.decode_without_bom_handling_and_without_replacement(bytes);
    text.unwrap_or_else(|| WINDOWS_1252.decode_without_bom_handling(bytes).0).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_however_it_is_written() {
        for header in [
            &b"form-data; name=\"images[]\""[..],
            b"form-data;name=images[]",
            b"form-data; name=images[]; filename=x.jpg",
            b"FORM-DATA ; NAME = \"images[]\" ; filename=\"x\"",
            b"form-data; filename=\"a; name=\\\"avatar\\\"; b.jpg\"; name=\"images[]\"",
            b"form-data; filename=\"x; name=avatar\"; name=\"images[]\"",
            b"form-data; filename*=UTF-8''x%3B%20name%3Davatar; name=\"images[]\"",
            b"form-data; filename=\"caf\xe9.jpg\"; name=\"images[]\"",
            b"form-data; filename=\"C:\\photos\\x.jpg\"; name=\"images[]\"",
            b"form-data; filename=\"\xf0\x9f\x93\xb7.jpg\"; name=\"images[]\"",
            b"form-data; name*=utf-8''images%5B%5D",
            b"form-data; name=\"other\"; name*=iso-8859-1'en'images[]",
            b"form-data; name*=no-such-charset''x; name=\"images[]\"",
            b"form-data; filename; ; =; x=y; name=\"images[]\"; name=\"avatar\"",
            b"form-data; name=\"images[]",
        ] {
            let read = Parameters::read(header);
            let shown = String::from_utf8_lossy(header);
            assert_eq!(read.text("name").as_deref(), Some("images[]"), "{shown}");
            assert_eq!(read.value, "form-data", "{shown}");
        }
        assert_eq!(Parameters::read(b"form-data; name=\"a\\\"b\\\\c\"").text("name").as_deref(), Some("a\"b\\c"));
        assert_eq!(Parameters::read(b"form-data; name*=utf-8''pr%C3%A9nom").text("name").as_deref(), Some("prénom"));
        assert_eq!(Parameters::read(b"form-data; name*=iso-8859-1''pr%E9nom").text("name").as_deref(), Some("prénom"));
        assert_eq!(Parameters::read("form-data; name=\"prénom\"".as_bytes()).text("name").as_deref(), Some("prénom"));
        assert_eq!(Parameters::read(b"form-data; name=\"pr\xe9nom\"").text("name").as_deref(), Some("prénom"));
        for none in
            [&b""[..], b"form-data", b"form-data; filename=\"name=images\"", b"form-data; nickname=\"images[]\""]
        {
            assert_eq!(Parameters::read(none).text("name"), None, "{}", String::from_utf8_lossy(none));
        }
    }

    #[test]
    fn a_file_name_is_there_in_whatever_way() {
        for header in [
            &b"form-data; name=\"images[]\"; filename=\"x.jpg\""[..],
            b"form-data; name=\"images[]\"; filename*=UTF-8''%e2%82%ac.jpg",
            b"form-data; name=\"images[]\"; filename*0=\"holiday\"; filename*1=\".jpg\"",
            b"form-data; name=\"images[]\"; FileName=x",
            b"form-data; filename=\"\"; filename*=utf-8''x; name=\"images[]\"",
        ] {
            assert!(Parameters::read(header).has("filename"), "{}", String::from_utf8_lossy(header));
        }
        for header in [
            &b"form-data; name=\"images[]\""[..],
            b"form-data; name=\"images[]\"; filename=\"\"",
            b"form-data; name=\"; filename=x\"",
            b"form-data; name=\"images[]\"; filenames=x",
        ] {
            assert!(!Parameters::read(header).has("filename"), "{}", String::from_utf8_lossy(header));
        }
    }

    #[test]
    fn a_boundary_is_read_with_and_without_quotes() {
        for (header, boundary) in [
            (&b"multipart/form-data; boundary=abc"[..], &b"abc"[..]),
            (b"Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b:c\"", b"a b:c"),
            (b"multipart/form-data; boundary=----=_Part_1_2.3", b"----=_Part_1_2.3"),
            (b"multipart/form-data; note=\"caf\xe9\"; boundary=abc ", b"abc"),
        ] {
            let read = Parameters::read(header);
            assert_eq!((read.value.as_str(), read.get("boundary")), ("multipart/form-data", Some(boundary)));
        }
    }
}
