//! `/admin/webhooks`: the marketplace's endpoints, for its staff.

pub(crate) mod objects;

use std::time::Duration;

use chat_actors::webhooks::admin::{LONGEST_OVERLAP, Only, Tested};
use chat_database::audit::{Act, NewEntry};
use chat_database::ids::{Count, DeliveryId, WebhookId};
use chat_database::webhooks::{Status, WebhookEdit};
use utoipa::IntoResponses;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::body::{Body, body};
use super::credentials::{Caller, caller};
use super::error::{ApiError, ErrorBody};
use super::filters::{get_or_head, one_of, with_api};
use super::query::{Query, id, query};
use super::response;
use objects::{
    ChangedWebhook, CreatedWebhook, DeliveryList, NewSecret, NewWebhook, OnlyWhich, Overlap, Replay, Replayed,
    TestAnswer, WebhookList, WebhookObject,
};

/// The errors that every request about a webhook may be answered with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes the answers, which are made of an `ApiError`")]
pub(crate) enum ErrorResponses {
    /// `forbidden`: not the role `admin`
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `not_found`
    #[response(status = 404)]
    NotFound(ErrorBody),
}

/// `/admin/webhooks`
pub(super) fn routes(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let common = |api: &Api| with_api(api).and(caller());
    let add = warp::path!("webhooks").and(warp::post()).and(common(api)).and(body());
    let list = warp::path!("webhooks").and(get_or_head()).and(common(api));
    let edit = warp::path!("webhooks" / String).and(warp::patch()).and(common(api)).and(body());
    let remove = warp::path!("webhooks" / String).and(warp::delete()).and(common(api));
    let secret = warp::path!("webhooks" / String / "secret").and(warp::post()).and(common(api)).and(body());
    let test = warp::path!("webhooks" / String / "test").and(warp::post()).and(common(api));
    let deliveries = warp::path!("webhooks" / String / "deliveries").and(get_or_head()).and(common(api)).and(query());
    let retry = warp::path!("webhooks" / String / "deliveries" / String / "retry").and(warp::post()).and(common(api));
    let replay = warp::path!("webhooks" / String / "replay").and(warp::post()).and(common(api)).and(body());
    one_of![
        add.then(add_webhook).map(Reply::into_response),
        list.then(get_webhooks).map(Reply::into_response),
        edit.then(patch_webhook).map(Reply::into_response),
        remove.then(delete_webhook).map(Reply::into_response),
        secret.then(rotate_secret).map(Reply::into_response),
        test.then(test_webhook).map(Reply::into_response),
        deliveries.then(get_deliveries).map(Reply::into_response),
        retry.then(retry_delivery).map(Reply::into_response),
        replay.then(replay_deliveries).map(Reply::into_response),
    ]
}

/// Makes a webhook. For staff: role `admin`.
#[utoipa::path(
    post, path = "/admin/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses(
        (status = 201, description = "It is made", body = CreatedWebhook),
        (status = 403, description = "`forbidden`: not the role `admin`", body = ErrorBody),
    ),
)]
pub(crate) async fn add_webhook(api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let NewWebhook { url, types, description, enabled } = body.json().await?;
    // A URL with a login is refused before it stands in the audit log, from which nothing is ever taken out.
    api.hub.webhooks().check(Some(&url), Some(&types), description.as_deref()).await?;
    let mut entry = caller.by(&api)?.entry(Act::WebhookAdd, None, None);
    entry.detail = Some(serde_json::json!({"url": url, "types": types}).to_string());
    api.hub.admin().note(entry).await?;
    let added = api.hub.webhooks().add(url, types, description.unwrap_or_default(), enabled.unwrap_or(true));
    let (webhook, secret) = added.await?;
    Ok(response::json(StatusCode::CREATED, &CreatedWebhook { webhook: webhook.into(), secret }))
}

/// Lists the webhooks. For staff: role `admin`.
#[utoipa::path(
    get, path = "/admin/webhooks", tag = "webhooks",
    responses(
        (status = 200, description = "All of them", body = WebhookList),
        (status = 403, description = "`forbidden`: not the role `admin`", body = ErrorBody),
    ),
)]
pub(crate) async fn get_webhooks(api: Api, caller: Caller) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let webhooks = api.hub.webhooks().all().await?.into_iter().map(Into::into).collect();
    Ok(response::ok(&WebhookList { webhooks }))
}

/// Changes a webhook. For staff: role `admin`.
#[utoipa::path(
    patch, path = "/admin/webhooks/{id}", tag = "webhooks", request_body = ChangedWebhook,
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 200, description = "As it is now", body = WebhookObject),
        ErrorResponses,
    ),
)]
pub(crate) async fn patch_webhook(webhook: String, api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let changed: ChangedWebhook = body.json().await?;
    // Before the audit log, as in `add_webhook`.
    let (types, description) = (changed.types.as_deref(), changed.description.as_deref());
    api.hub.webhooks().check(changed.url.as_deref(), types, description).await?;
    let detail = serde_json::to_string(&changed).ok();
    let ChangedWebhook { url, types, description, enabled } = changed;
    let edit = WebhookEdit { url, types, description, enabled };
    let webhook = noted(&api, &caller, Act::WebhookEdit, &webhook, detail).await?;
    let webhook: WebhookObject = api.hub.webhooks().edit(webhook, edit).await?.into();
    Ok(response::ok(&webhook))
}

/// Removes a webhook. For staff: role `admin`.
#[utoipa::path(
    delete, path = "/admin/webhooks/{id}", tag = "webhooks",
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 204, description = "It is gone"),
        ErrorResponses,
    ),
)]
pub(crate) async fn delete_webhook(webhook: String, api: Api, caller: Caller) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let webhook = noted(&api, &caller, Act::WebhookRemove, &webhook, None).await?;
    api.hub.webhooks().remove(webhook).await?;
    Ok(response::done())
}

/// Gives a webhook another secret. For staff: role `admin`.
#[utoipa::path(
    post, path = "/admin/webhooks/{id}/secret", tag = "webhooks", request_body = Overlap,
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 200, description = "The new secret", body = NewSecret),
        ErrorResponses,
    ),
)]
pub(crate) async fn rotate_secret(webhook: String, api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let Overlap { overlap_hours } = body.json().await?;
    let most = LONGEST_OVERLAP.as_secs() / 3_600;
    let hours = overlap_hours.map_or(24, |Count(hours)| hours);
    if hours > most {
        return Err(ApiError::bad_request(format!("overlap_hours is from 0 to {most}")));
    }
    let webhook = noted(&api, &caller, Act::WebhookSecret, &webhook, None).await?;
    let secret = api.hub.webhooks().rotate_secret(webhook, Duration::from_secs(hours * 3_600)).await?;
    Ok(response::ok(&NewSecret { secret }))
}

/// Sends an event `webhook.test` and returns what the receiver answers. For staff: role `admin`.
#[utoipa::path(
    post, path = "/admin/webhooks/{id}/test", tag = "webhooks",
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 200, description = "What the receiver answered", body = TestAnswer),
        ErrorResponses,
    ),
)]
pub(crate) async fn test_webhook(webhook: String, api: Api, caller: Caller) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let webhook = noted(&api, &caller, Act::WebhookTest, &webhook, None).await?;
    let Tested { status, ms, body } = api.hub.webhooks().test(webhook).await?;
    Ok(response::ok(&TestAnswer { status, ms, body }))
}

/// Lists deliveries to a webhook, newest first; they are kept for 30 days. For staff: role `admin`.
#[utoipa::path(
    get, path = "/admin/webhooks/{id}/deliveries", tag = "webhooks",
    params(
        ("id" = WebhookId, Path, description = "The webhook"),
        ("status" = Option<String>, Query, description = "`pending`, `failed` or `ok`; all if left out"),
        ("before" = Option<DeliveryId>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "50 if left out"),
    ),
    responses(
        (status = 200, description = "A page", body = DeliveryList),
        ErrorResponses,
    ),
)]
pub(crate) async fn get_deliveries(
    webhook: String,
    api: Api,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let status = match query.text("status")? {
        None => None,
        Some("pending") => Some(Status::Pending),
        Some("failed") => Some(Status::Failed),
        Some("ok") => Some(Status::Ok),
        Some(_) => return Err(ApiError::bad_request("status is pending, failed or ok")),
    };
    let (before, limit) = (query.id("before")?, query.limit(200, 50)?);
    let page = api.hub.webhooks().deliveries(id("id", &webhook)?, status, before, limit).await?;
    let deliveries = page.deliveries.into_iter().map(Into::into).collect();
    Ok(response::ok(&DeliveryList { deliveries, next: page.next }))
}

/// Has a delivery tried again, as if it had never been. For staff: role `admin`.
#[utoipa::path(
    post, path = "/admin/webhooks/{id}/deliveries/{delivery}/retry", tag = "webhooks",
    params(
        ("id" = WebhookId, Path, description = "The webhook"),
        ("delivery" = DeliveryId, Path, description = "The delivery"),
    ),
    responses(
        (status = 202, description = "It is tried again", body = Replayed),
        ErrorResponses,
    ),
)]
pub(crate) async fn retry_delivery(
    webhook: String,
    delivery: String,
    api: Api,
    caller: Caller,
) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let webhook = noted(&api, &caller, Act::WebhookRetry, &webhook, None).await?;
    api.hub.webhooks().retry(webhook, id("delivery", &delivery)?).await?;
    Ok(response::json(StatusCode::ACCEPTED, &Replayed { count: 1 }))
}

/// Has deliveries of a time sent again, oldest first. For staff: role `admin`.
#[utoipa::path(
    post, path = "/admin/webhooks/{id}/replay", tag = "webhooks", request_body = Replay,
    params(("id" = WebhookId, Path, description = "The webhook")),
    responses(
        (status = 202, description = "They are sent again", body = Replayed),
        ErrorResponses,
    ),
)]
pub(crate) async fn replay_deliveries(
    webhook: String,
    api: Api,
    caller: Caller,
    body: Body,
) -> Result<Response, ApiError> {
    caller.admin(&api)?;
    let Replay { since, until, only } = body.json().await?;
    let only = match only {
        OnlyWhich::Failed => Only::Failed,
        OnlyWhich::All => Only::All,
    };
    let webhook = noted(&api, &caller, Act::WebhookReplay, &webhook, None).await?;
    let count = api.hub.webhooks().replay(webhook, since, until, only).await?;
    Ok(response::json(StatusCode::ACCEPTED, &Replayed { count }))
}

/// Writes into the audit log what the caller is about to do with a webhook; returns the webhook's id.
async fn noted(
    api: &Api,
    caller: &Caller,
    what: Act,
    webhook: &str,
    detail: Option<String>,
) -> Result<WebhookId, ApiError> {
    let webhook: WebhookId = id("id", webhook)?;
    let entry = caller.by(api)?.entry(what, Some(format!("webhook:{webhook}")), None);
    api.hub.admin().note(NewEntry { detail, ..entry }).await?;
    Ok(webhook)
}
