//! `GET /chat/unread`: the unread totals, for badges.

use std::collections::BTreeMap;

use chat_database::ids::UserId;
use chat_database::queries::unread::{by_counterpart, totals};
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

/// The unread totals.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unread {
    /// Unread messages in all threads.
    messages: u64,
    /// Unread notifications, including those of type `chat`.
    notifications: u64,
    /// Unread messages by sender; senders without any are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    by_user: BTreeMap<UserId, u64>,
}

/// `GET /chat/unread`
pub(super) fn count(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("unread")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_unread))
}

/// Counts what is unread.
#[utoipa::path(
    get,
    path = "/chat/unread",
    tag = "threads",
    responses((status = 200, description = "The numbers", body = Unread)),
)]
pub(crate) async fn get_unread(api: Api, caller: Caller, _query: Query) -> Result<Response, ApiError> {
    let reader = caller.reader(&api)?;
    let database = api.hub.database();
    let (totals, by_user) = tokio::try_join!(totals(database, reader), by_counterpart(database, reader))?;
    let by_user: BTreeMap<_, _> = by_user.into_iter().collect();
    // Two reads may see two moments: the answer must not contradict itself.
    let messages = by_user.values().sum();
    Ok(response::ok(&Unread { messages, notifications: totals.notifications, by_user }))
}
