//! Warp filters that several routes use, and the low-priority pool for handlers that read whole pages.

use std::convert::Infallible;

use warp::http::Method;
use warp::http::header::{HeaderMap, UPGRADE};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::compression;
use super::credentials::Caller;
use super::error::ApiError;
use super::query::Query;
use crate::headers;

/// Joins routes into one; the first route that matches answers.
macro_rules! one_of {
    ($first:expr $(, $rest:expr)* $(,)?) => { $first$(.or($rest).unify())* };
}
pub(super) use one_of;

/// Passes the shared state to a route's handler.
pub(super) fn with_api(api: &Api) -> impl Filter<Extract = (Api,), Error = Infallible> + Clone + use<> {
    let api = api.clone();
    warp::any().map(move || api.clone())
}

/// Accepts GET and HEAD; hyper drops the body of the answer to HEAD.
pub(super) fn get_or_head() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::get().or(warp::head()).unify()
}

/// Accepts OPTIONS. `warp::options` would answer 405 on every path of another method.
pub(super) fn options_method() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::method()
        .and_then(async |method: Method| if method == Method::OPTIONS { Ok(()) } else { Err(warp::reject()) })
        .untuple_one()
}

/// Rejects requests for a WebSocket: the WebSocket half of the edge answers them.
pub(super) fn without_upgrade() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::header::headers_cloned()
        .and_then(
            async |headers: HeaderMap| {
                if headers::lists(&headers, &UPGRADE, "websocket") { Err(warp::reject()) } else { Ok(()) }
            },
        )
        .untuple_one()
}

/// Runs a handler that reads a page of its caller's data, and compresses the page, on the low-priority pool, so that messages
/// do not wait for it. Each user has a few permits for pages. The handler is not cancelled when its client disconnects: it may
/// read in a transaction, and dropping one half-way would harm its database connection.
pub(super) async fn on_low_priority<Made>(
    api: Api,
    caller: Caller,
    query: Query,
    handler: impl FnOnce(Api, Caller, Query) -> Made,
) -> Response
where
    Made: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    let permit = async { api.page_permits.acquire(caller.user(&api)?).await };
    let permit = match Box::pin(permit).await {
        Ok(permit) => permit,
        Err(error) => return error.into_response(),
    };
    let (hub, gzip) = (api.hub.clone(), caller.accepts_gzip());
    let made = handler(api, caller, query);
    // Boxed: each future that passes it on would reserve memory for it.
    let made =
        Box::pin(
            async move { permit.attach_to(compression::compress_now(gzip, made.await.into_response()).await).await },
        );
    hub.run_low_priority(made).await.unwrap_or_else(|refused| ApiError::from(refused).into_response())
}
