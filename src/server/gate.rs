//! The service around warp: it checks every request first, and adds headers to every response last.
//!
//! warp 0.4.3 panics on a target that has no path (`CONNECT x:443`, `OPTIONS *`; warp#1166), and does not check `Host`.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

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

use super::read_flag::ReadFlag;
use crate::http::{self, ApiError};

/// `Strict-Transport-Security` for a year: browsers that used TLS once must use it again (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The service around the routes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Gate(Arc<Shared>);

struct Shared {
    routes: BoxedFilter<(Response,)>,
    base_path: String,
    tls: bool,
    /// Cancelled shortly before the drain's deadline: requests do not wait for their response any longer.
    late: CancellationToken,
}

/// The requests that a connection may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// All requests.
    Full,
    /// `/health/…` and `/metrics` only: all connection permits are taken.
    Operations,
}

impl Gate {
    pub(super) fn new(routes: BoxedFilter<(Response,)>, base_path: &str, tls: bool, late: CancellationToken) -> Self {
        Self(Arc::new(Shared { routes, base_path: base_path.trim_end_matches('/').to_owned(), tls, late }))
    }

    /// Answers a request.
    pub(super) async fn answer(
        self,
        request: Request<Incoming>,
        access: Access,
        read_flag: ReadFlag,
    ) -> Result<Response, Infallible> {
        if !read_flag.take() {
            // Pipelined requests: the task yields before each, so that other connections get their turn.
            tokio::task::yield_now().await;
        }
        let mut response = match self.check(&request, access) {
            Ok(()) => self.routed(request).await,
            Err(error) => {
                let mut response = refused(error);
                // After a malformed request, the beginning of the next one cannot be trusted.
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                response
            }
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            add_hsts(self.0.tls, response.headers_mut());
        }
        Ok(response)
    }

    async fn routed(&self, request: Request<Incoming>) -> Response {
        let routes = TowerToHyperService::new(warp::service(self.0.routes.clone()));
        let answer = AssertUnwindSafe(routes.call(request)).catch_unwind();
        // Requests that still run when the node ends get `shutting_down`, not an internal error.
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

/// Makes a response that no route has made, with the headers that every response has.
pub(super) fn refused(error: ApiError) -> Response {
    let mut response = error.into_response();
    http::add_default_headers(response.headers_mut());
    response
}

/// Adds the header of responses over TLS.
pub(super) fn add_hsts(tls: bool, headers: &mut HeaderMap) {
    if tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

/// Checks `Host` (RFC 9112, 3.2): HTTP/1.1 needs exactly one, HTTP/1.0 at most one.
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
