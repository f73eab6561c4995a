//! `/notifications`: the marketplace's notifications, and one for each unread thread.

use chat_database::ids::NotificationId;
use chat_database::objects::Notification;
use chat_database::queries::Position;
use chat_database::queries::notifications::page;
use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::{get_or_head, on_low_priority, with_api, without_upgrade};
use super::query::{Query, id, query, write_position};
use super::response;

/// A page of notifications.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationPage {
    /// The notifications, newest first.
    notifications: Vec<Notification>,
    /// Pass it as `before` for the page after; null on the last one.
    next: Option<String>,
}

/// `GET /notifications`, unless a WebSocket is asked for
pub(super) fn list(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path::end()
        .and(get_or_head())
        .and(without_upgrade())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_notifications))
}

/// `POST /notifications/{id}/read`
pub(super) fn read(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!(String / "read")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .then(read_notification)
        .map(Reply::into_response)
}

/// `POST /notifications/read-all`
pub(super) fn read_all(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("read-all")
        .and(warp::post())
        .and(with_api(api))
        .and(caller())
        .then(read_notifications)
        .map(Reply::into_response)
}

/// `DELETE /notifications/{id}`
pub(super) fn delete(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!(String)
        .and(warp::delete())
        .and(with_api(api))
        .and(caller())
        .then(delete_notification)
        .map(Reply::into_response)
}

/// Reads a page of the caller's notifications.
#[utoipa::path(
    get,
    path = "/notifications",
    tag = "notifications",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "30 if left out"),
        ("before" = Option<String>, Query, description = "Opaque: `next` of the page before"),
        ("unread" = Option<bool>, Query, description = "Only those that are not read"),
    ),
    responses((status = 200, description = "A page", body = NotificationPage)),
)]
pub(crate) async fn get_notifications(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let reader = caller.reader(&api)?;
    let before = query.position("before")?.map(|(updated_at, id)| Position { updated_at, id });
    let (unread, limit) = (query.flag("unread")?, query.limit(100, 30)?);
    let stream = page(api.hub.database(), reader, before, unread, limit).await?;
    let next = stream.next.map(|end| write_position(end.updated_at, end.id));
    Ok(response::ok(&NotificationPage { notifications: stream.notifications, next }))
}

/// Marks a notification as read.
#[utoipa::path(
    post,
    path = "/notifications/{id}/read",
    tag = "notifications",
    params(("id" = NotificationId, Path, description = "The notification")),
    responses(
        (status = 204, description = "It is read"),
        (status = 404, description = "`not_found`", body = ErrorBody),
    ),
)]
pub(crate) async fn read_notification(notification: String, api: Api, caller: Caller) -> Result<Response, ApiError> {
    let user = caller.user(&api)?;
    api.hub.read_notification(user, id("the notification's id", &notification)?).await?;
    Ok(response::done())
}

/// Marks all of the caller's notifications as read.
#[utoipa::path(
    post,
    path = "/notifications/read-all",
    tag = "notifications",
    responses((status = 204, description = "They are read")),
)]
pub(crate) async fn read_notifications(api: Api, caller: Caller) -> Result<Response, ApiError> {
    let user = caller.user(&api)?;
    api.hub.read_all_notifications(user).await?;
    Ok(response::done())
}

/// Deletes a notification.
#[utoipa::path(
    delete,
    path = "/notifications/{id}",
    tag = "notifications",
    params(("id" = NotificationId, Path, description = "The notification")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 404, description = "`not_found`", body = ErrorBody),
    ),
)]
pub(crate) async fn delete_notification(notification: String, api: Api, caller: Caller) -> Result<Response, ApiError> {
    let user = caller.user(&api)?;
    api.hub.delete_notification(user, id("the notification's id", &notification)?).await?;
    Ok(response::done())
}
