//! `GET /internal/events`: the event feed, for the marketplace's core.

use std::time::Duration;

use chat_actors::events::{Answer, Event, EventType, FeedCursor, Page, Wanted};
use chat_database::audit::Act;
use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::{get_or_head, with_api};
use super::query::{Query, query};
use super::response;

/// The longest that a request waits for an event, in seconds.
const LONGEST_WAIT: u64 = 30;

/// A page of the event feed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// What has happened, in the order of commits; within a thread in the order of `rev`.
    events: Vec<Event>,
    /// Pass it as `after` the next time.
    cursor: FeedCursor,
    /// Whether there is more.
    has_more: bool,
}

/// `GET /internal/events`
pub(super) fn feed(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("events")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(get_events)
        .map(Reply::into_response)
}

/// Reads what has happened since a cursor. For the marketplace's core: role `service`.
///
/// Each event is told at least once; the same event has the same id each time. Without `after`: an empty page, and the present cursor.
#[utoipa::path(
    get,
    path = "/internal/events",
    tag = "events",
    params(
        ("after" = Option<String>, Query, description = "Opaque: the cursor of the page before"),
        ("types" = Option<String>, Query, description = "Types with commas between them; all that are kept if left out"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "100 if left out"),
        ("wait" = Option<u32>, Query, minimum = 0, maximum = 30, description = "How many seconds to wait for an event if there is none"),
    ),
    responses(
        (status = 200, description = "A page", body = EventPage),
        (status = 403, description = "`forbidden`: not the role `service`", body = ErrorBody),
        (status = 410, description = "`gone_cursor`: too old, or of another history; `oldest` is where to go on", body = ErrorBody),
    ),
)]
pub(crate) async fn get_events(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.service(&api)?;
    let after = query.text("after")?.map(cursor).transpose()?;
    let wanted = query.text("types")?.map_or_else(|| Ok(Wanted::all()), types)?;
    let limit = usize::try_from(query.limit(500, 100)?).unwrap_or(usize::MAX);
    let wait = Duration::from_secs(query.whole("wait", 0..=LONGEST_WAIT)?.unwrap_or_default());
    match api.hub.events(after, wanted, limit, wait).await? {
        Answer::Page(Page { events, cursor, has_more }) => {
            caller.note_read(&api, Act::EventsRead, events.len())?;
            Ok(response::ok(&EventPage { events, cursor, has_more }))
        }
        Answer::Gone(oldest) => Err(ApiError::gone_cursor(oldest.to_string())),
    }
}

fn cursor(text: &str) -> Result<FeedCursor, ApiError> {
    let malformed =
        || ApiError::bad_request("after is no cursor of this feed; leave it out to begin with what happens now");
    FeedCursor::parse(text).ok_or_else(malformed)
}

fn types(text: &str) -> Result<Wanted, ApiError> {
    let kinds = text.split(',').map(|name| name.trim().parse::<EventType>());
    let kinds =
        kinds.collect::<Result<Vec<_>, _>>().map_err(|error| ApiError::bad_request(format!("types: {error}")))?;
    Ok(Wanted::of(kinds))
}
