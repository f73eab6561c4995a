//! Replaces hyper's own error responses by ours, with our headers and body.
//!
//! hyper answers requests that it cannot parse (400, 414, 431) before any service sees them, without a body, and has no hook for
//! it. That response is the last that it writes on a connection, so it is recognized there by its exact form, which no response
//! of ours has.

use futures_util::FutureExt;
use http_body_util::BodyExt;
use warp::http::StatusCode;
use warp::http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderValue};

use super::gate;
use crate::http::ApiError;

/// The maximum length of such a response.
const MAX_LENGTH: usize = 256;

/// Finds hyper's own error response at the end of the bytes to be written. Returns its offset, and the bytes to write instead.
pub(super) fn replacement(bytes: &[u8], tls: bool) -> Option<(usize, Vec<u8>)> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let from = bytes.len().saturating_sub(MAX_LENGTH);
    let start = from + bytes[from..].windows(7).rposition(|window| window == b"HTTP/1.")?;
    let (status, date) = parse(std::str::from_utf8(&bytes[start..]).ok()?)?;
    Some((start, ours(status, date, tls)))
}

/// Parses an error response of hyper: these headers and no others, and no body.
fn parse(head: &str) -> Option<(StatusCode, Option<HeaderValue>)> {
    let mut lines = head.strip_suffix("\r\n\r\n")?.split("\r\n");
    let status: StatusCode = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let (mut empty, mut date) = (false, None);
    for line in lines {
        match line.split_once(": ")? {
            ("connection", "close") => {}
            ("content-length", "0") => empty = true,
            ("date", when) => date = HeaderValue::from_str(when).ok(),
            _ => return None,
        }
    }
    (empty && status.is_client_error()).then_some((status, date))
}

fn ours(status: StatusCode, date: Option<HeaderValue>, tls: bool) -> Vec<u8> {
    let mut response = gate::refused(ApiError::unreadable(status));
    // The body is in memory, so it is ready at once.
    let body = response.body_mut().collect().now_or_never().and_then(Result::ok).map(|body| body.to_bytes());
    let body = body.unwrap_or_default();
    let headers = response.headers_mut();
    gate::add_hsts(tls, headers);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.extend(date.map(|date| (DATE, date)));
    let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in &*headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes.extend(&body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYPERS: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
                          date: Sun, 29 Nov 2026 10:00:00 GMT\r\n\r\n";

    #[test]
    fn an_error_response_of_hyper_is_replaced_by_ours() {
        let before = b"the end of an answer before";
        let (start, ours) = replacement(&[before, HYPERS.as_bytes()].concat(), true).expect("it is hyper's");
        assert_eq!(start, before.len());
        let ours = String::from_utf8(ours).expect("text");
        let (head, body) = ours.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{head}");
        for line in [
            "connection: close",
            "content-type: application/json",
            "date: Sun, 29 Nov 2026 10:00:00 GMT",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "strict-transport-security: max-age=31536000",
            &format!("content-length: {}", body.len()),
        ] {
            assert!(head.split("\r\n").any(|said| said == line), "{line:?} is not in {head}");
        }
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["error"]["code"], "bad_request");
    }

    #[test]
    fn other_responses_are_left_alone() {
        for other in [
            String::new(),
            "a body that ends so\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 204 No Content\r\nx-content-type-options: nosniff\r\n\r\n".to_owned(),
            HYPERS.replace("content-length: 0", "content-length: 7"),
            HYPERS.replace("connection", "x-content-type-options"),
            HYPERS.replace("\r\n\r\n", "\r\n\r\n{}"),
        ] {
            assert!(replacement(other.as_bytes(), false).is_none(), "{other}");
        }
    }
}
