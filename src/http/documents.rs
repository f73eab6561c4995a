//! `/openapi.json` and `/asyncapi.json`: this server, described for machines.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;
use warp::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::ApiError;
use super::prepared::Prepared;
use super::{Api, answer, given, reading};
use crate::schema;

/// `GET /openapi.json`
pub(super) fn openapi(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("openapi.json")
        .and(reading())
        .and(given(api))
        .and(warp::header::headers_cloned())
        .then(get_openapi)
        .map(Reply::into_response)
}

/// `GET /asyncapi.json`
pub(super) fn asyncapi(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("asyncapi.json")
        .and(reading())
        .and(given(api))
        .and(warp::header::headers_cloned())
        .then(get_asyncapi)
        .map(Reply::into_response)
}

/// The documents: written and packed once, when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct Documents {
    openapi: OnceCell<Prepared>,
    asyncapi: OnceCell<Prepared>,
}

/// Describes the REST API: OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "This document", content_type = "application/json", body = Object)),
)]
pub(crate) async fn get_openapi(api: Api, headers: HeaderMap) -> Result<Response, ApiError> {
    document(&api, &api.documents.openapi, schema::openapi::document, &headers).await
}

/// Describes the WebSocket API: AsyncAPI 3.0.
#[utoipa::path(
    get,
    path = "/asyncapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "The document", content_type = "application/json", body = Object)),
)]
pub(crate) async fn get_asyncapi(api: Api, headers: HeaderMap) -> Result<Response, ApiError> {
    document(&api, &api.documents.asyncapi, schema::asyncapi::document, &headers).await
}

/// Answers with a document. It is made where messages do not wait for it.
async fn document(
    api: &Api,
    made: &OnceCell<Prepared>,
    make: fn(&str) -> Value,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let base_path = Arc::clone(&api.base_path);
    let making = async {
        api.hub.run_low_priority(async move { Prepared::new(answer::JSON, make(&base_path).to_string().into()) }).await
    };
    let mut response = made.get_or_try_init(|| making).await?.answer(headers);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}
