//! The opening handshake of a WebSocket (RFC 6455, 4.2.1): validation, and the 101 response.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};

use crate::auth::request::SUBPROTOCOL;
use crate::headers::lists;

/// Why a request is not a valid handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Error {
    /// The version is not 13.
    Version,
    /// Another part of the handshake is missing or malformed; the text says which.
    Malformed(&'static str),
}

/// Tells whether a request asks for a WebSocket at all.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    lists(headers, &UPGRADE, "websocket")
}

/// Checks the handshake; returns the value of `Sec-WebSocket-Accept`.
pub(super) fn check(headers: &HeaderMap) -> Result<String, Error> {
    if !lists(headers, &CONNECTION, "upgrade") {
        return Err(Error::Malformed("the header `Connection: Upgrade` is missing"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Error::Version);
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err(Error::Malformed("one header `Sec-WebSocket-Key` is needed"));
    };
    let sixteen = STANDARD.decode(key.as_bytes()).is_ok_and(|key| key.len() == 16);
    if !sixteen {
        return Err(Error::Malformed("`Sec-WebSocket-Key` must be 16 bytes in base64"));
    }
    Ok(derive_accept_key(key.as_bytes()))
}

/// Makes the 101 response that turns the connection into a WebSocket.
pub(super) fn switching(accept: &str, subprotocol: bool) -> Response {
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderName;

    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("upgrade", "websocket"),
        ("connection", "keep-alive, Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn with(name: &'static str, value: Option<&'static str>) -> HeaderMap {
        let mut headers = headers(GOOD);
        headers.remove(name);
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_example_of_the_rfc() {
        assert!(is_upgrade(&headers(GOOD)));
        assert_eq!(check(&headers(GOOD)).as_deref(), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn what_is_no_handshake() {
        assert!(!is_upgrade(&with("upgrade", None)));
        assert!(!is_upgrade(&with("upgrade", Some("h2c"))));
        assert!(is_upgrade(&with("upgrade", Some("WebSocket"))));
        for version in [None, Some("8"), Some("13, 8")] {
            assert_eq!(check(&with("sec-websocket-version", version)), Err(Error::Version));
        }
        for wrong in [
            with("connection", None),
            with("connection", Some("keep-alive")),
            with("sec-websocket-key", None),
            with("sec-websocket-key", Some("c2hvcnQ=")),
            with("sec-websocket-key", Some("not base64")),
        ] {
            assert!(matches!(check(&wrong), Err(Error::Malformed(_))), "{wrong:?}");
        }
    }
}
