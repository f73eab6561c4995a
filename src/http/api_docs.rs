//! `/openapi.json` and `/asyncapi.json`: machine-readable descriptions of the API.

use warp::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::ApiError;
use super::filters::{get_or_head, with_api};
use super::prepared::Document;

/// `GET /openapi.json`
pub(super) fn openapi(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("openapi.json")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(warp::header::headers_cloned())
        .then(get_openapi)
        .map(Reply::into_response)
}

/// `GET /asyncapi.json`
pub(super) fn asyncapi(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("asyncapi.json")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(warp::header::headers_cloned())
        .then(get_asyncapi)
        .map(Reply::into_response)
}

/// Describes the REST API: OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "This document", content_type = "application/json", body = Object)),
)]
pub(crate) async fn get_openapi(api: Api, caller: Caller, headers: HeaderMap) -> Result<Response, ApiError> {
    caller.check_address_rate(&api)?;
    document(&api, &api.docs.openapi, &headers).await
}

/// Describes the WebSocket API: AsyncAPI 3.0.
#[utoipa::path(
    get,
    path = "/asyncapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "The document", content_type = "application/json", body = Object)),
)]
pub(crate) async fn get_asyncapi(api: Api, caller: Caller, headers: HeaderMap) -> Result<Response, ApiError> {
    caller.check_address_rate(&api)?;
    document(&api, &api.docs.asyncapi, &headers).await
}

/// Answers with a description, which is written on the low-priority pool when it is first requested.
async fn document(api: &Api, document: &Document, headers: &HeaderMap) -> Result<Response, ApiError> {
    let mut response = document.get(&api.hub, &api.base_path).await?.answer(headers);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}
