//! `/admin/users`: what the marketplace's staff sees of one user, and how it restricts the user.

use chat_database::ids::UserId;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::objects::{NewSuspension, Reason, RestrictionObject, UserObject};
use super::staff::{NotShown, Restricted, staff};
use crate::cli::admin::AdminMode;
use crate::http::api::Api;
use crate::http::body::{Body, body};
use crate::http::credentials::{Caller, caller};
use crate::http::error::ApiError;
use crate::http::filters::{get_or_head, one_of, with_api};
use crate::http::query::id;
use crate::http::response;

/// `/admin/users/{id}`
pub(super) fn routes(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let common = |api: &Api| with_api(api).and(caller());
    let show = warp::path!("users" / String).and(get_or_head()).and(common(api));
    let suspend = warp::path!("users" / String / "suspend").and(warp::post()).and(common(api)).and(body());
    let restore = warp::path!("users" / String / "restore").and(warp::post()).and(common(api)).and(body());
    let end = warp::path!("users" / String / "end-sessions").and(warp::post()).and(common(api)).and(body());
    one_of![
        show.then(get_user).map(Reply::into_response),
        suspend.then(suspend_user).map(Reply::into_response),
        restore.then(restore_user).map(Reply::into_response),
        end.then(end_sessions).map(Reply::into_response),
    ]
}

/// Shows a user: profile, connections, threads without their messages, restrictions. For staff: role `admin`.
#[utoipa::path(
    get, path = "/admin/users/{id}", tag = "admin",
    params(("id" = UserId, Path, description = "The user: any id, for the core alone knows which there are")),
    responses(
        (status = 200, description = "The user", body = UserObject),
        NotShown,
    ),
)]
pub(crate) async fn get_user(user: String, api: Api, caller: Caller) -> Result<Response, ApiError> {
    let by = staff(&api, &caller, AdminMode::Read)?;
    let record = api.hub.admin().user(&by, id("id", &user)?).await?;
    let whereabouts = api.hub.whereabouts(record.user);
    Ok(response::ok(&UserObject::new(record, Some(whereabouts))))
}

/// Suspends a user: until a time, the user sends nothing. For staff: role `admin`, and `CHAT_ADMIN=write`.
#[utoipa::path(
    post, path = "/admin/users/{id}/suspend", tag = "admin", request_body = NewSuspension,
    params(("id" = UserId, Path, description = "The user")),
    responses(Restricted),
)]
pub(crate) async fn suspend_user(user: String, api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let by = staff(&api, &caller, AdminMode::Write)?;
    let NewSuspension { until, reason } = body.json().await?;
    let restriction = api.hub.admin().suspend(&by, id("id", &user)?, until, &reason).await?;
    Ok(response::ok(&RestrictionObject::from(restriction)))
}

/// Lifts a suspension. For staff: role `admin`, and `CHAT_ADMIN=write`.
#[utoipa::path(
    post, path = "/admin/users/{id}/restore", tag = "admin", request_body = Reason,
    params(("id" = UserId, Path, description = "The user")),
    responses(Restricted),
)]
pub(crate) async fn restore_user(user: String, api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let by = staff(&api, &caller, AdminMode::Write)?;
    let Reason { reason } = body.json().await?;
    let restriction = api.hub.admin().restore(&by, id("id", &user)?, &reason).await?;
    Ok(response::ok(&RestrictionObject::from(restriction)))
}

/// Closes a user's connections, and takes no token any more that was issued up to now. For staff: role `admin`, and
/// `CHAT_ADMIN=write`.
#[utoipa::path(
    post, path = "/admin/users/{id}/end-sessions", tag = "admin", request_body = Reason,
    params(("id" = UserId, Path, description = "The user")),
    responses(Restricted),
)]
pub(crate) async fn end_sessions(user: String, api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let by = staff(&api, &caller, AdminMode::Write)?;
    let Reason { reason } = body.json().await?;
    let restriction = api.hub.admin().end_sessions(&by, id("id", &user)?, &reason).await?;
    Ok(response::ok(&RestrictionObject::from(restriction)))
}
