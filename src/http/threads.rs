//! `/chat/threads`: the inbox.

use chat_actors::Error;
use chat_database::ids::{Seq, ThreadId, place_or_none};
use chat_database::objects::Thread;
use chat_database::queries::Position;
use chat_database::queries::inbox::{one, page};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::body::{Body, body};
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::{get_or_head, on_low_priority, with_api};
use super::query::{Query, id, query, write_position};
use super::{images, response};

/// A page of the inbox.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThreadPage {
    /// The threads, the most recently active first.
    threads: Vec<Thread>,
    /// Pass it as `before` for the page after; null on the last one.
    next: Option<String>,
}

/// How far the caller has read.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ReadUpTo {
    /// The `seq` of the last message that was read; without it, the newest.
    #[serde(default, deserialize_with = "place_or_none")]
    up_to: Option<Seq>,
}

/// The caller's read watermark.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReadState {
    /// The `seq` of the last message that was read.
    read_seq: Seq,
    /// The number of messages of the other member above it.
    unread: u64,
}

/// `GET /chat/threads`
pub(super) fn list(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("threads")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_threads))
}

/// `GET /chat/threads/{id}`
pub(super) fn show(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("threads" / String).and(get_or_head()).and(with_api(api)).and(caller()).then(|thread, api, caller| {
        on_low_priority(api, caller, Query::default(), |api, caller, _| get_thread(thread, api, caller))
    })
}

/// `POST /chat/threads/{id}/read`
pub(super) fn read(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("threads" / String / "read")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .and(body())
        .then(read_thread)
        .map(Reply::into_response)
}

/// Reads a page of the caller's inbox.
#[utoipa::path(
    get,
    path = "/chat/threads",
    tag = "threads",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "30 if left out"),
        ("before" = Option<String>, Query, description = "Opaque: `next` of the page before"),
        ("unread" = Option<bool>, Query, description = "Only threads with unread messages"),
    ),
    responses((status = 200, description = "A page", body = ThreadPage)),
)]
pub(crate) async fn get_threads(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let reader = caller.reader(&api)?;
    let before = query.position("before")?.map(|(updated_at, id)| Position { updated_at, id });
    let (unread, limit) = (query.flag("unread")?, query.limit(100, 30)?);
    let mut inbox = page(api.hub.database(), reader, before, unread, limit).await?;
    for thread in &mut inbox.threads {
        thread.other_online = api.hub.is_online(thread.other_user_id);
    }
    images::add_links_to_threads(&api, &mut inbox.threads, reader);
    let next = inbox.next.map(|end| write_position(end.updated_at, end.id));
    Ok(response::ok(&ThreadPage { threads: inbox.threads, next }))
}

/// Reads one of the caller's threads: for a client that hears of one that it does not hold.
#[utoipa::path(
    get,
    path = "/chat/threads/{id}",
    tag = "threads",
    params(("id" = ThreadId, Path, description = "The thread")),
    responses(
        (status = 200, description = "The thread", body = Thread),
        (status = 404, description = "`not_found`", body = ErrorBody),
    ),
)]
pub(crate) async fn get_thread(thread: String, api: Api, caller: Caller) -> Result<Response, ApiError> {
    let reader = caller.reader(&api)?;
    let found = one(api.hub.database(), reader, id("the thread's id", &thread)?).await?;
    let mut thread = found.ok_or_else(|| Error::not_found("thread"))?;
    thread.other_online = api.hub.is_online(thread.other_user_id);
    images::add_links_to_threads(&api, std::slice::from_mut(&mut thread), reader);
    Ok(response::ok(&thread))
}

/// Moves the caller's read watermark; it never goes back.
#[utoipa::path(
    post,
    path = "/chat/threads/{id}/read",
    tag = "threads",
    params(("id" = ThreadId, Path, description = "The thread")),
    request_body = inline(Option<ReadUpTo>),
    responses(
        (status = 200, description = "Where it stands", body = ReadState),
        (status = 404, description = "`not_found`", body = ErrorBody),
    ),
)]
pub(crate) async fn read_thread(thread: String, api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let reader = caller.user(&api)?;
    let thread: ThreadId = id("the thread's id", &thread)?;
    let read: ReadUpTo = body.json_of_or_default(reader).await?;
    let (read_seq, unread) = api.hub.mark_read(reader, thread, read.up_to).await?;
    Ok(response::ok(&ReadState { read_seq, unread }))
}
