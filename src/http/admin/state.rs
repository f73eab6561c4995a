//! `GET /admin/state`: the state of a node, of other nodes, consumers and webhooks. `GET /admin/state/stream`: the same,
//! once a second.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use chat_actors::protocol::ErrorCode;
use chat_database::time::Timestamp;
use futures_util::stream::{StreamExt, unfold};
use tokio::time::{MissedTickBehavior, interval};
use warp::http::StatusCode;
use warp::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::staff::{NotShown, staff};
use crate::auth::Identity;
use crate::cli::admin::AdminMode;
use crate::http::api::Api;
use crate::http::credentials::{Caller, caller};
use crate::http::error::ApiError;
use crate::http::filters::{get_or_head, one_of, with_api};
use crate::http::response;
use crate::http::snapshots::Snapshot;

/// The time between two events of the stream.
const PACE: Duration = Duration::from_secs(1);

/// The header that makes nginx pass each event on at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `/admin/state`, `/admin/state/stream`
pub(super) fn routes(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let once = warp::path!("state").and(get_or_head()).and(with_api(api)).and(caller());
    let stream = warp::path!("state" / "stream").and(warp::get()).and(with_api(api)).and(caller());
    one_of![once.then(get_state).map(Reply::into_response), stream.then(stream_state).map(Reply::into_response)]
}

/// Tells how this node, the others, consumers and webhooks stand. For staff: role `admin`.
#[utoipa::path(
    get, path = "/admin/state", tag = "admin",
    responses(
        (status = 200, description = "How everything stands", body = Snapshot),
        NotShown,
    ),
)]
pub(crate) async fn get_state(api: Api, caller: Caller) -> Result<Response, ApiError> {
    staff(&api, &caller, AdminMode::Read)?;
    let snapshot = api.snapshots.present(&api.hub).await?;
    Ok(response::text(StatusCode::OK, response::JSON, snapshot))
}

/// Tells once a second how everything stands, as server-sent events, until the token expires or the node drains. For staff: role
/// `admin`.
#[utoipa::path(
    get, path = "/admin/state/stream", tag = "admin",
    responses(
        (status = 200, description = "Each event's data is how everything stands", content_type = "text/event-stream", body = Snapshot),
        NotShown,
    ),
)]
pub(crate) async fn stream_state(api: Api, caller: Caller) -> Result<Response, ApiError> {
    staff(&api, &caller, AdminMode::Read)?;
    let identity = caller.identity(&api)?;
    let Ok(permit) = std::sync::Arc::clone(&api.streams).try_acquire_owned() else {
        return Err(ApiError::new(ErrorCode::Overloaded, "as many admin views as this node serves are open"));
    };
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let events = unfold((api, pace, permit), move |(api, mut pace, permit)| async move {
        pace.tick().await;
        if !is_good(&api, &identity) {
            return None;
        }
        let event = match api.snapshots.present(&api.hub).await {
            Ok(snapshot) => [&b"data: "[..], &snapshot[..], &b"\n\n"[..]].concat(),
            Err(_) => b": the node is busy\n\n".to_vec(),
        };
        Some((Ok::<_, Infallible>(Bytes::from(event)), (api, pace, permit)))
    });
    let mut response = response::stream(events.boxed());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(UNBUFFERED, HeaderValue::from_static("no"));
    Ok(response)
}

/// Tells whether the stream may go on: the node does not drain, and the caller's token is still accepted.
fn is_good(api: &Api, identity: &Identity) -> bool {
    let Identity { user, issued_at, expires_at, .. } = *identity;
    !api.hub.is_draining() && Timestamp::now() < expires_at && api.hub.check_token(user, issued_at).is_ok()
}
