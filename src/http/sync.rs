//! `GET /chat/sync`: the changes since a cursor, for clients without a WebSocket.

use chat_actors::protocol::{Cursor, ServerFrame};
use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::ApiError;
use super::filters::{get_or_head, on_low_priority, with_api};
use super::query::{Query, query};
use super::response;

/// A page of what has changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SyncAnswer {
    /// What changed, as the frames of the socket; they carry no cursors here.
    events: Vec<ServerFrame>,
    /// Pass it as `cursor` the next time.
    cursor: Cursor,
    /// Whether there is more.
    has_more: bool,
    /// Whether the cursor could not be served: reload, and go on from this answer's cursor.
    reset: bool,
}

/// `GET /chat/sync`
pub(super) fn catch_up(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("sync")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_changes))
}

/// Reads what has changed since a cursor.
///
/// A cursor that is unknown, malformed, another user's, too old or left out is answered with `reset: true` and the present cursor.
#[utoipa::path(
    get,
    path = "/chat/sync",
    tag = "sync",
    params(
        ("cursor" = Option<String>, Query, description = "Opaque: the newest one that was received"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "200 if left out"),
    ),
    responses((status = 200, description = "A page", body = SyncAnswer)),
)]
pub(crate) async fn get_changes(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let reader = caller.reader(&api)?;
    let cursor = query.text("cursor")?.unwrap_or_default().to_owned();
    let limit = usize::try_from(query.limit(1_000, 200)?).unwrap_or(usize::MAX);
    let page = api.hub.sync(reader, &cursor, limit).await?;
    Ok(response::ok(&SyncAnswer {
        events: page.events,
        cursor: page.cursor,
        has_more: page.has_more,
        reset: page.reset,
    }))
}
