//! Lenient parsing of headers: element by element, as bytes. An invalid element (a city in UTF-8 in another program's cookie)
//! does not hide the others. The crate `headers` would drop the whole line.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// Returns the comma-separated elements of a header, over all of its lines (RFC 9110, 5.6.1): trimmed, without empty elements and
/// without those that are not UTF-8. Quotes have no meaning.
pub fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    headers.get_all(name).into_iter().flat_map(|line| elements(line.as_bytes(), b',', false))
}

/// Returns the cookies of a line (RFC 6265, 5.4). Quotes have no meaning.
pub fn cookies(line: &HeaderValue) -> impl Iterator<Item = (&str, &str)> {
    let pairs = elements(line.as_bytes(), b';', false).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}

/// Returns a media type without its parameters, if it is UTF-8.
#[must_use]
pub fn essence(value: &HeaderValue) -> Option<&str> {
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    text(essence)
}

/// Returns the value of a single-valued header, if it is UTF-8: the first line, trimmed.
#[must_use]
pub fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    text(headers.get(name)?.as_bytes())
}

/// Tells whether `If-None-Match` or a similar header names an entity tag, or `*` (RFC 9110, 13.1.2, weak comparison). A comma in
/// quotes does not separate.
#[must_use]
pub fn has_etag(headers: &HeaderMap, name: &HeaderName, etag: &HeaderValue) -> bool {
    let strong = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes();
    let mut tags = headers.get_all(name).into_iter().flat_map(|line| elements(line.as_bytes(), b',', true));
    tags.any(|tag| tag == "*" || strong(tag))
}

/// Tells whether a list contains a token, ignoring case.
#[must_use]
pub fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    listed(headers, name).any(|listed| listed.eq_ignore_ascii_case(token))
}

fn elements(line: &[u8], separator: u8, quotes: bool) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let divides = move |byte: &u8| {
        quoted ^= quotes && *byte == b'"';
        *byte == separator && !quoted
    };
    line.split(divides).filter_map(text).filter(|element| !element.is_empty())
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use hyper::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, COOKIE, IF_NONE_MATCH};

    use super::*;

    fn bytes(bytes: &[u8]) -> HeaderValue {
        HeaderValue::from_bytes(bytes).expect("a value")
    }

    #[test]
    fn an_invalid_element_does_not_hide_the_others() {
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT_ENCODING, bytes(b"\xff, br ,, gzip"));
        headers.append(ACCEPT_ENCODING, bytes("é, \"x, identity".as_bytes()));
        assert_eq!(listed(&headers, &ACCEPT_ENCODING).collect::<Vec<_>>(), ["br", "gzip", "é", "\"x", "identity"]);
        let cookie = bytes(b"city=\xff; \"x; name = M\xc3\xbcller ;token=a.b.c; alone");
        assert_eq!(cookies(&cookie).collect::<Vec<_>>(), [("name", "Müller"), ("token", "a.b.c")]);
        assert_eq!(essence(&bytes(b"application/json; name=\xff")), Some("application/json"));
        assert_eq!(essence(&bytes(b"\xff; charset=utf-8")), None);
        headers.insert(CONTENT_TYPE, bytes(b" text/plain "));
        assert_eq!(value(&headers, &CONTENT_TYPE), Some("text/plain"));
        headers.insert(CONNECTION, bytes(b"keep-\xff, Upgrade"));
        assert!(lists(&headers, &CONNECTION, "upgrade") && !lists(&headers, &CONNECTION, "keep"));
        assert!(cookies(headers.entry(COOKIE).or_insert(bytes(b""))).next().is_none());
    }

    #[test]
    fn a_comma_in_quotes_does_not_separate() {
        let ours = HeaderValue::from_static("\"ours\"");
        for (tags, held) in [
            (&b"\"ours\""[..], true),
            (b"W/\"ours\"", true),
            (b"\"other\", W/\"ours\"", true),
            (b"\"odd \xff\", \"ours\"", true),
            (b"*", true),
            (b"\"a,*,b\"", false),
            (b"\"a, \"ours", false),
            (b"ours", false),
            (b"W/W/\"ours\"", false),
            (b"", false),
        ] {
            let headers: HeaderMap = [(IF_NONE_MATCH, bytes(tags))].into_iter().collect();
            assert_eq!(has_etag(&headers, &IF_NONE_MATCH, &ours), held, "{tags:?}");
        }
    }
}
