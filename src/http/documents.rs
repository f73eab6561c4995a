//! `/openapi.json` and `/asyncapi.json`: this server, described for machines.

use std::sync::OnceLock;

use bytes::Bytes;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, HeaderValue};
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::{Api, answer, given, reading};
use crate::schema;

/// `GET /openapi.json`
pub(super) fn openapi(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("openapi.json").and(reading()).and(given(api)).then(get_openapi)
}

/// `GET /asyncapi.json`
pub(super) fn asyncapi(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("asyncapi.json").and(reading()).and(given(api)).then(get_asyncapi)
}

/// The documents, written when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct Documents {
    openapi: OnceLock<Bytes>,
    asyncapi: OnceLock<Bytes>,
}

/// Describes the REST API: OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "This document", content_type = "application/json", body = Object)),
)]
pub(crate) async fn get_openapi(api: Api) -> Response {
    document(api.documents.openapi.get_or_init(|| schema::openapi::document(&api.base_path).to_string().into()))
}

/// Describes the WebSocket API: AsyncAPI 3.0.
#[utoipa::path(
    get,
    path = "/asyncapi.json",
    tag = "operations",
    security(()),
    responses((status = 200, description = "The document", content_type = "application/json", body = Object)),
)]
pub(crate) async fn get_asyncapi(api: Api) -> Response {
    document(api.documents.asyncapi.get_or_init(|| schema::asyncapi::document(&api.base_path).to_string().into()))
}

fn document(text: &Bytes) -> Response {
    let mut response = answer::text(StatusCode::OK, answer::JSON, text.clone());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
