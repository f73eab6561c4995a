//! Pages of other origins: those of the allow-list may read our answers, with cookies. No origin is ever reflected
//! that is not on it; a page of our own origin needs no leave.

use warp::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use warp::reply::Response;

use crate::auth::origin::Policy;

/// What a page may send.
const TAKEN: HeaderValue =
    HeaderValue::from_static("Authorization, Chat-User, Content-Type, Idempotency-Key, If-None-Match, Range");

/// What a page may read.
const SHOWN: HeaderValue = HeaderValue::from_static(
    "Retry-After, ETag, Accept-Ranges, Content-Range, Content-Length, WWW-Authenticate, Allow",
);

/// How long a browser may remember, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// Tells whether a browser asks what a page may do.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Says on an answer which page may read it.
pub(super) fn admit(policy: &Policy, request: &HeaderMap, response: &mut Response) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = request.get(ORIGIN).filter(|_| policy.may_read(request)) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
    }
}

/// Says on the answer to a preflight what the page may do.
pub(super) fn permit(methods: HeaderValue, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, TAKEN);
    headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
}
