//! `GET /chat/presence`: who is online.

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
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

/// The maximum number of users of a request.
const MAX_USERS: usize = 1_000;

/// The presence of those users who share a thread with the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct People {
    /// The users; those without a common thread are left out.
    users: Vec<Person>,
}

/// A user's presence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Person {
    /// The user.
    user_id: UserId,
    /// Whether they are connected.
    online: bool,
    /// When they were last connected.
    last_seen: Option<Timestamp>,
}

/// `GET /chat/presence`
pub(super) fn ask(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("presence")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_presence))
}

/// Tells who is online, among the users who share a thread with the caller.
#[utoipa::path(
    get,
    path = "/chat/presence",
    tag = "presence",
    params(("user_ids" = String, Query, description = "Ids with commas between them, at most 1,000", example = "1,2")),
    responses((status = 200, description = "Who is there", body = People)),
)]
pub(crate) async fn get_presence(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let asker = caller.reader(&api)?;
    let asked = query.ids("user_ids", MAX_USERS)?;
    let known = api.hub.presence(asker, asked).await?;
    let users = known.into_iter().map(|known| Person {
        user_id: known.user_id,
        online: known.online,
        last_seen: known.last_seen,
    });
    Ok(response::ok(&People { users: users.collect() }))
}
