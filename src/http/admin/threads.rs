//! `/admin/threads`: one conversation, which the marketplace's staff reads only with a reason.

use chat_database::ids::{Seq, ThreadId};
use chat_database::queries::messages::Page;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::objects::Conversation;
use super::staff::staff;
use crate::cli::admin::AdminMode;
use crate::http::api::Api;
use crate::http::credentials::{Caller, caller};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::filters::{get_or_head, with_api};
use crate::http::query::{Query, id, query};
use crate::http::response;

/// `/admin/threads/{id}`
pub(super) fn routes(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("threads" / String)
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(get_thread)
        .map(Reply::into_response)
}

/// Reads a page of a conversation. The reason goes into the audit log before anything is read. For staff: role `admin`.
#[utoipa::path(
    get, path = "/admin/threads/{id}", tag = "admin",
    operation_id = "get_conversation",
    params(
        ("id" = ThreadId, Path, description = "The thread"),
        ("reason" = String, Query, min_length = 1, max_length = 500, description = "Why it is read"),
        ("before_seq" = Option<Seq>, Query, description = "The messages right before this one; the newest if left out"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "50 if left out"),
    ),
    responses(
        (status = 200, description = "A page", body = Conversation),
        (status = 403, description = "`forbidden`: not the role `admin`", body = ErrorBody),
        (status = 404, description = "`not_found`", body = ErrorBody),
    ),
)]
pub(crate) async fn get_thread(thread: String, api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let by = staff(&api, &caller, AdminMode::Read)?;
    let thread: ThreadId = id("id", &thread)?;
    let reason = query.text("reason")?.unwrap_or_default();
    let page = query.counter("before_seq")?.map_or(Page::Newest, |seq| Page::BeforeSeq(Seq(seq)));
    let (pair, mut history) = api.hub.admin().thread(&by, thread, reason, page, query.limit(200, 50)?).await?;
    for message in &mut history.messages {
        message.image_urls.clear();
        for image in &mut message.images {
            (image.url, image.thumb_url) = (String::new(), String::new());
        }
    }
    Ok(response::ok(&Conversation {
        thread_id: history.thread_id,
        user_ids: pair.members(),
        rev: history.rev,
        messages: history.messages,
        has_more: history.has_more,
    }))
}
