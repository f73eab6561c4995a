//! Requests that are still under way when the drain's time is over: each is answered, and none with a failure of ours.

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::service::Service;
use tokio_util::sync::CancellationToken;
use warp::http::Request;
use warp::reply::Response;

use crate::http;

/// A service whose requests are answered with `shutting_down` from some moment on.
#[derive(Debug, Clone)]
pub(super) struct Late<S> {
    service: S,
    late: CancellationToken,
}

impl<S> Late<S> {
    /// Wraps a service; `late` is cancelled at that moment.
    pub(super) fn new(service: S, late: CancellationToken) -> Self {
        Self { service, late }
    }
}

impl<S> Service<Request<Incoming>> for Late<S>
where
    S: Service<Request<Incoming>, Response = Response, Future: Send + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (answer, late) = (self.service.call(request), self.late.clone());
        Box::pin(async move {
            tokio::select! {
                biased;
                answer = answer => answer,
                () = late.cancelled() => Ok(http::shutting_down()),
            }
        })
    }
}
