//! `/chat/messages`: a thread's history; editing and deleting a message.

use chat_actors::Error;
use chat_actors::protocol::ErrorCode;
use chat_database::ids::{MessageId, Pair, Rev, Seq, ThreadId, UserId};
use chat_database::objects::Message;
use chat_database::queries::messages::{Page, ThreadRef, page};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::body::{Body, body};
use super::credentials::{Caller, caller};
use super::error::ApiError;
use super::filters::{get_or_head, on_low_priority, with_api};
use super::query::{Query, id, query};
use super::{images, response};

/// A page of a thread.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessagePage {
    /// The thread; null for two users who have none.
    thread_id: Option<ThreadId>,
    /// With `after_rev`: the change up to which the gap is closed. Otherwise the thread's change counter.
    rev: Rev,
    /// Ascending by `seq`; with `after_rev` by `rev`.
    messages: Vec<Message>,
    /// Whether there is more in the page's direction.
    has_more: bool,
}

/// A message's new text.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewText {
    /// The text.
    content: String,
}

/// `GET /chat/messages`
pub(super) fn list(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("messages")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_messages))
}

/// `PATCH /chat/messages/{id}`
pub(super) fn edit(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("messages" / String)
        .and(warp::patch())
        .and(with_api(api))
        .and(caller())
        .and(body())
        .then(patch_message)
        .map(Reply::into_response)
}

/// `DELETE /chat/messages/{id}`
pub(super) fn delete(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("messages" / String)
        .and(warp::delete())
        .and(with_api(api))
        .and(caller())
        .then(delete_message)
        .map(Reply::into_response)
}

/// Reads a page of a thread.
///
/// Which thread: `thread_id`, or `with`. Which page: the newest messages, or those next to `before_seq`, `after_seq`
/// or `after_rev`, of which at most one may be given.
#[utoipa::path(
    get,
    path = "/chat/messages",
    tag = "messages",
    params(
        ("thread_id" = Option<ThreadId>, Query, description = "The thread; or `with`"),
        ("with" = Option<UserId>, Query, description = "The other member; two who have no thread get an empty page"),
        ("before_seq" = Option<Seq>, Query, description = "The messages right before this one"),
        ("after_seq" = Option<Seq>, Query, description = "The messages right after this one"),
        ("after_rev" = Option<Rev>, Query, description = "Every message changed after this change, once, as it is now"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "50 if left out"),
    ),
    responses((status = 200, description = "A page", body = MessagePage)),
)]
pub(crate) async fn get_messages(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let reader = caller.reader(&api)?;
    let (which, limit) = (page_of(&query)?, query.limit(200, 50)?);
    let thread = thread_of(reader, &query)?;
    let Some(mut history) = page(api.hub.database(), reader, thread, which, limit).await? else {
        return match thread {
            ThreadRef::Thread(_) => Err(Error::not_found("thread").into()),
            ThreadRef::Pair(_) => {
                let nothing = MessagePage { thread_id: None, rev: Rev(0), messages: Vec::new(), has_more: false };
                Ok(response::ok(&nothing))
            }
        };
    };
    images::add_links_to_all(&api, &mut history.messages, reader);
    Ok(response::ok(&MessagePage {
        thread_id: Some(history.thread_id),
        rev: history.rev,
        messages: history.messages,
        has_more: history.has_more,
    }))
}

/// Changes a message's text: its author, within the edit window.
#[utoipa::path(
    patch,
    path = "/chat/messages/{id}",
    tag = "messages",
    params(("id" = MessageId, Path, description = "The message")),
    request_body = NewText,
    responses(
        (status = 200, description = "The message as it is now", body = Message),
        (status = 403, description = "`not_author`, `edit_window_closed`", body = super::error::ErrorBody),
        (status = 404, description = "`not_found`", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn patch_message(message: String, api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let user = caller.user(&api)?;
    let message: MessageId = id("the message's id", &message)?;
    let text: NewText = body.json_of(user).await?;
    let mut edited = api.hub.edit(user, message, text.content).await?;
    images::add_links(&api, &mut edited, user);
    Ok(response::ok(&edited))
}

/// Deletes a message: its author, at any time. Its place in the thread remains.
#[utoipa::path(
    delete,
    path = "/chat/messages/{id}",
    tag = "messages",
    params(("id" = MessageId, Path, description = "The message")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 403, description = "`not_author`", body = super::error::ErrorBody),
        (status = 404, description = "`not_found`", body = super::error::ErrorBody),
    ),
)]
pub(crate) async fn delete_message(message: String, api: Api, caller: Caller) -> Result<Response, ApiError> {
    let user = caller.user(&api)?;
    api.hub.delete(user, id("the message's id", &message)?).await?;
    Ok(response::done())
}

fn page_of(query: &Query) -> Result<Page, ApiError> {
    let before = query.counter("before_seq")?.map(|seq| Page::BeforeSeq(Seq(seq)));
    let after = query.counter("after_seq")?.map(|seq| Page::AfterSeq(Seq(seq)));
    let changed = query.counter("after_rev")?.map(|rev| Page::AfterRev(Rev(rev)));
    let mut given = [before, after, changed].into_iter().flatten();
    let page = given.next().unwrap_or(Page::Newest);
    match given.next() {
        None => Ok(page),
        Some(_) => Err(ApiError::bad_request("before_seq, after_seq and after_rev exclude each other")),
    }
}

fn thread_of(reader: UserId, query: &Query) -> Result<ThreadRef, ApiError> {
    match (query.id::<ThreadId>("thread_id")?, query.id::<UserId>("with")?) {
        (Some(thread), None) => Ok(ThreadRef::Thread(thread)),
        (None, Some(other)) => match Pair::new(reader, other) {
            Some(pair) => Ok(ThreadRef::Pair(pair)),
            None => Err(ApiError::new(ErrorCode::SelfMessage, "you have no thread with yourself")),
        },
        _ => Err(ApiError::bad_request("say which thread: either thread_id or with")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_lies_in_one_direction() {
        let page = |text| page_of(&Query::parse(text));
        assert_eq!(page(""), Ok(Page::Newest));
        assert_eq!(page("before_seq=9"), Ok(Page::BeforeSeq(Seq(9))));
        assert_eq!(page("after_seq=0"), Ok(Page::AfterSeq(Seq(0))));
        assert_eq!(page("after_rev=3"), Ok(Page::AfterRev(Rev(3))));
        for text in [
            "before_seq=1&after_seq=1",
            "after_seq=1&after_rev=1",
            "before_seq=1&after_rev=1",
            "before_seq=-1",
            "after_rev=x",
        ] {
            assert_eq!(page(text).expect_err(text).code(), ErrorCode::BadRequest);
        }
    }
}
