//! Headers, read leniently: element by element, as bytes. What is odd in one of them (a city in UTF-8 in a cookie of another
//! program) hides none of the others.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// Returns the elements of a list of tokens, over all of its lines, as they stand between commas (RFC 9110, 5.6.1): without the
/// white space around them, without the empty ones, and without those that are no UTF-8. Quotes mean nothing in it.
pub fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    headers.get_all(name).into_iter().flat_map(|line| elements(line.as_bytes(), b',', false))
}

/// Returns a line's elements as they stand between semicolons: cookies (RFC 6265, 5.4), where quotes mean nothing.
pub fn cookies(line: &HeaderValue) -> impl Iterator<Item = (&str, &str)> {
    let pairs = elements(line.as_bytes(), b';', false).filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}

/// Returns a media type without its parameters, if that much of it is text.
#[must_use]
pub fn essence(value: &HeaderValue) -> Option<&str> {
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    text(essence)
}

/// Returns the value of a header of one value, if it is text: the first line's, without the white space around it.
#[must_use]
pub fn value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    text(headers.get(name)?.as_bytes())
}

/// Tells whether `If-None-Match` or the like names an entity's tag, or every one (RFC 9110, 13.1.2: compared weakly). A comma in
/// quotes divides nothing.
#[must_use]
pub fn has_etag(headers: &HeaderMap, name: &HeaderName, etag: &HeaderValue) -> bool {
    let strong = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes();
    let mut tags = headers.get_all(name).into_iter().flat_map(|line| elements(line.as_bytes(), b',', true));
    tags.any(|tag| tag == "*" || strong(tag))
}

/// Tells whether a list names a token, in whichever case.
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
    fn what_is_odd_in_one_element_hides_no_other() {
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
    fn a_comma_in_quotes_divides_nothing() {
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
