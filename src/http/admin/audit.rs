//! `GET /admin/audit`: who did what.

use chat_database::ids::AuditId;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::objects::AuditList;
use super::staff::{NotShown, staff};
use crate::cli::admin::AdminMode;
use crate::http::api::Api;
use crate::http::credentials::{Caller, caller};
use crate::http::error::ApiError;
use crate::http::filters::{get_or_head, with_api};
use crate::http::query::{Query, query};
use crate::http::response;

/// `/admin/audit`
pub(super) fn routes(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("audit")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(get_audit)
        .map(Reply::into_response)
}

/// Reads the audit log, newest first. Reading it is a row of it, too. For staff: role `admin`.
#[utoipa::path(
    get, path = "/admin/audit", tag = "admin",
    params(
        ("before" = Option<AuditId>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "50 if left out"),
    ),
    responses(
        (status = 200, description = "A page", body = AuditList),
        NotShown,
    ),
)]
pub(crate) async fn get_audit(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    let by = staff(&api, &caller, AdminMode::Read)?;
    let (before, limit) = (query.id("before")?, query.limit(200, 50)?);
    let page = api.hub.admin().audit(&by, before, limit).await?;
    let entries = page.entries.into_iter().map(Into::into).collect();
    Ok(response::ok(&AuditList { entries, next: page.next }))
}
