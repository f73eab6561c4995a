//! What every request passes before it comes to a route, and every answer on its way out.
//!
//! warp 0.4.3 panics on a target that has no path (`CONNECT x:443`, `OPTIONS *`; warp#1166), and looks at no `Host`.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_actors::Error;
use chat_actors::protocol::ErrorCode;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::service::Service;
use hyper::{HeaderMap, Request, Version};
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use warp::Reply;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::http::header::{CONNECTION, HOST, HeaderValue, STRICT_TRANSPORT_SECURITY};
use warp::http::uri::Authority;
use warp::reply::Response;

use crate::http::{self, ApiError};

/// For a year: who has come by TLS once does not come without (RFC 6797).
const BY_TLS_ALONE: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What stands before the routes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Gate(Arc<Shared>);

struct Shared {
    routes: BoxedFilter<(Response,)>,
    base_path: String,
    tls: bool,
    /// Cancelled when the node is about to end: nothing is waited for any more.
    late: CancellationToken,
}

/// Tells whether anything has been read from a connection since its last request.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<AtomicBool>);

impl Arrivals {
    /// Says that something has been read.
    pub(super) fn seen(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether something has been read since this was asked last.
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// What a connection may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everything.
    Full,
    /// `/health/…` and `/metrics`: all places are taken.
    Operations,
}

impl Gate {
    pub(super) fn new(routes: BoxedFilter<(Response,)>, base_path: &str, tls: bool, late: CancellationToken) -> Self {
        Self(Arc::new(Shared { routes, base_path: base_path.trim_end_matches('/').to_owned(), tls, late }))
    }

    /// Answers a request, whatever it is.
    pub(super) async fn answer(
        self,
        request: Request<Incoming>,
        access: Access,
        arrivals: Arrivals,
    ) -> Result<Response, Infallible> {
        if !arrivals.take() {
            // A client that asks without waiting for answers has a turn for each, as everybody else has.
            tokio::task::yield_now().await;
        }
        let mut response = match self.check(&request, access) {
            Ok(()) => self.routed(request).await,
            Err(error) => {
                let mut response = refused(error);
                // Where one request ends and another one begins is not for such a client to say.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                response
            }
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            secure(self.0.tls, response.headers_mut());
        }
        Ok(response)
    }

    async fn routed(&self, request: Request<Incoming>) -> Response {
        let routes = TowerToHyperService::new(warp::service(self.0.routes.clone()));
        let answer = AssertUnwindSafe(routes.call(request)).catch_unwind();
        // What is under way when a node ends is answered, and not with a failure of ours.
        match self.0.late.run_until_cancelled(answer).await {
            Some(Ok(Ok(response))) => response,
            // The panic itself is logged where it happens: see `telemetry::watch_panics`.
            Some(Err(_panic)) => refused(Error::internal().into()),
            None => refused(Error::shutting_down().into()),
        }
    }

    fn check(&self, request: &Request<Incoming>, access: Access) -> Result<(), ApiError> {
        let path = request.uri().path();
        if !path.starts_with('/') {
            return Err(ApiError::bad_request("the request must name a path that begins with `/`"));
        }
        must_name_its_host(request.version(), request.headers())?;
        if access == Access::Operations && !self.is_operations(path) {
            let full = "this node has no room for another connection; try again shortly";
            return Err(ApiError::new(ErrorCode::Overloaded, full));
        }
        Ok(())
    }

    fn is_operations(&self, path: &str) -> bool {
        let path = path.strip_prefix(self.0.base_path.as_str()).unwrap_or_default();
        path.starts_with("/health/") || matches!(path, "/metrics" | "/metrics/")
    }
}

/// Makes an answer that no route has made, with what every answer has.
pub(super) fn refused(error: ApiError) -> Response {
    let mut response = error.into_response();
    http::dress(response.headers_mut());
    response
}

/// Adds what an answer has that goes by TLS.
pub(super) fn secure(tls: bool, headers: &mut HeaderMap) {
    if tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, BY_TLS_ALONE);
    }
}

/// Holds a request against RFC 9112, 3.2: HTTP/1.1 names one host, and no version names two.
fn must_name_its_host(version: Version, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(HOST).iter();
    let wrong = match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => None,
        (None, _) => Some("the request has no header Host"),
        (Some(_), Some(_)) => Some("the request has more than one header Host"),
        (Some(host), None) if names_a_host(host) => None,
        (Some(_), None) => Some("the header Host names no host"),
    };
    wrong.map_or(Ok(()), |wrong| Err(ApiError::bad_request(wrong)))
}

/// Tells whether a value is `uri-host [ ":" port ]`; it may be empty, where the target names no host.
fn names_a_host(host: &HeaderValue) -> bool {
    let host = host.as_bytes();
    host.is_empty() || !host.contains(&b'@') && Authority::try_from(host).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (HOST, HeaderValue::from_str(value).expect("a value"))).collect()
    }

    #[test]
    fn a_request_names_one_host() {
        for (version, values) in [
            (Version::HTTP_11, &["shop.example"][..]),
            (Version::HTTP_11, &["shop.example:8080"]),
            (Version::HTTP_11, &["[::1]:8080"]),
            (Version::HTTP_11, &[""]),
            (Version::HTTP_10, &[]),
            (Version::HTTP_10, &["shop.example"]),
        ] {
            assert_eq!(must_name_its_host(version, &hosts(values)), Ok(()), "{version:?} {values:?}");
        }
        for (version, values) in [
            (Version::HTTP_11, &[][..]),
            (Version::HTTP_11, &["shop.example", "shop.example"]),
            (Version::HTTP_10, &["shop.example", "evil.example"]),
            (Version::HTTP_11, &["shop.example/x"]),
            (Version::HTTP_11, &["me@shop.example"]),
            (Version::HTTP_11, &["shop.example, evil.example"]),
        ] {
            must_name_its_host(version, &hosts(values)).expect_err(&format!("{version:?} {values:?}"));
        }
    }
}
