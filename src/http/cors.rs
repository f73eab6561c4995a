//! CORS: pages of the allowed origins may read responses, with cookies. An origin that is not on the list is never reflected; a
//! page of the hub's own origin needs no permission.

use warp::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use warp::reply::Response;

use crate::auth::origin::Policy;

/// The request headers that a page may send.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Chat-User, Content-Type, Idempotency-Key, If-None-Match, Range");

/// The response headers that a page may read.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, ETag, Accept-Ranges, Content-Range, Content-Length, \
     WWW-Authenticate, Allow",
);

/// How long a browser may cache a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Tells whether a request is a preflight.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Adds the CORS headers to a response.
pub(super) fn add_headers(policy: &Policy, request: &HeaderMap, response: &mut Response) {
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = request.get(ORIGIN).filter(|_| policy.may_read(request)) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
}

/// Adds the CORS headers to the response to a preflight.
pub(super) fn add_preflight_headers(methods: HeaderValue, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}
