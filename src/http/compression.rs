//! gzip, for responses that gain by it and clients that accept it.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use hyper::body::Body;
use warp::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, VARY,
};
use warp::reply::Response;

use super::error::ApiError;
use crate::headers;

/// Responses below this many bytes are not compressed.
const MIN_BYTES: u64 = 1_024;

/// Responses from this many bytes on are compressed on a blocking OS thread, so that they do not delay other tasks.
const LARGE_BYTES: usize = 64 * 1_024;

/// Marks a response whose content encoding is chosen already.
#[derive(Debug, Clone, Copy)]
struct Encoded;

/// Compresses a response as [`negotiate`] does, and marks it, so that it is not looked at again on its way out.
pub(super) async fn compress_now(gzip: bool, response: Response) -> Response {
    mark_encoded(negotiate(gzip, response).await)
}

/// Marks a response as one whose content encoding is chosen.
pub(super) fn mark_encoded(mut response: Response) -> Response {
    response.extensions_mut().insert(Encoded);
    response
}

/// Compresses a response, if it is a text in memory that is long enough and the client accepts gzip.
pub(super) async fn negotiate(gzip: bool, mut response: Response) -> Response {
    if response.extensions().get::<Encoded>().is_some() {
        return response;
    }
    let length = response.body().size_hint().exact().unwrap_or_default();
    if length < MIN_BYTES || !is_text(response.headers()) || response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
    if !gzip {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return warp::Reply::into_response(unreadable()) };
    let plain = body.to_bytes();
    let gzipped = if plain.len() < LARGE_BYTES {
        gzip_at(Compression::fast(), &plain)
    } else {
        let plain = plain.clone();
        tokio::task::spawn_blocking(move || gzip_at(Compression::fast(), &plain)).await.ok().flatten()
    };
    let body = match gzipped {
        Some(gzipped) => {
            head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            head.headers.remove(CONTENT_LENGTH);
            gzipped
        }
        None => plain,
    };
    Response::from_parts(head, body.into())
}

fn unreadable() -> ApiError {
    chat_actors::Error::internal().into()
}

/// Compresses at the best level: for bodies that are made once and sent often.
pub(super) fn gzip_best(plain: &[u8]) -> Option<Bytes> {
    gzip_at(Compression::best(), plain)
}

fn gzip_at(level: Compression, plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), level);
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn is_text(answer: &HeaderMap) -> bool {
    let kind = answer.get(CONTENT_TYPE).and_then(headers::essence).unwrap_or_default();
    kind.starts_with("application/json") || kind.starts_with("text/")
}

/// Reads `Accept-Encoding` (RFC 9110, 12.5.3): gzip by name, else by `*`, unless its weight is zero.
pub(super) fn accepts_gzip(request: &HeaderMap) -> bool {
    let mut any = false;
    for coding in headers::listed(request, &ACCEPT_ENCODING) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts
            .filter_map(|part| part.split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .any(|(_, weight)| weight.trim().parse().is_ok_and(|weight: f32| weight <= 0.0));
        if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            return !refused;
        }
        any |= name == "*" && !refused;
    }
    any
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use warp::http::StatusCode;

    use super::super::response;
    use super::*;

    fn asking(encodings: &[&'static str]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a value");
        encodings.iter().map(|text| (ACCEPT_ENCODING, value(text))).collect()
    }

    #[test]
    fn gzip_is_accepted_by_name_or_by_star_unless_its_weight_is_zero() {
        for taken in
            [&["gzip"][..], &["br, gzip;q=0.5"], &["br", "GZIP"], &["*"], &["*;q=0.1"], &["deflate, *"], &["é, gzip"]]
        {
            assert!(accepts_gzip(&asking(taken)), "{taken:?}");
        }
        for refused in
            [&[][..], &[""], &["br"], &["identity"], &["gzip;q=0"], &["gzip; Q = 0"], &["*, gzip; q=0.0"], &["*;q=0"]]
        {
            assert!(!accepts_gzip(&asking(refused)), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn a_compressed_response_decompresses_to_the_original() {
        for size in [10, 2_000, 100_000] {
            let text = "[]".repeat(size / 2);
            let response = response::text(StatusCode::OK, response::JSON, Bytes::from(text.clone()));
            let response = negotiate(true, response).await;
            let gzipped = response.headers().get(CONTENT_ENCODING).is_some();
            assert_eq!(gzipped, size > 1_024);
            let bytes = response.into_body().collect().await.expect("a body in memory").to_bytes();
            let mut read = String::new();
            if gzipped {
                flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut read).expect("gzip");
            } else {
                read.push_str(std::str::from_utf8(&bytes).expect("text"));
            }
            assert_eq!(read, text);
        }
    }
}
