//! `/health` and `/metrics`: for those who run the thing.

use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use warp::http::StatusCode;
use warp::http::header::HeaderValue;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::{ApiError, ErrorBody};
use super::{Api, answer, given, reading};

/// The media type of Prometheus' text format.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// How the node is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// `GET /health/live`
pub(super) fn live() -> impl Filter<Extract = (Response,), Error = Rejection> + Copy {
    warp::path!("live").and(reading()).then(get_live)
}

/// `GET /health/ready`
pub(super) fn ready(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("ready").and(reading()).and(given(api)).then(get_ready).map(Reply::into_response)
}

/// `GET /metrics`
pub(super) fn metrics(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("metrics").and(reading()).and(given(api)).then(get_metrics)
}

/// Tells whether the process answers: if not, start it again.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "operations",
    security(()),
    responses((status = 200, description = "It does", body = Health)),
)]
pub(crate) async fn get_live() -> Response {
    answer::ok(&Health { status: "live" })
}

/// Tells whether the node can do its work: if not, send it no new connections.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "`unavailable`: the database or the relay is away; `shutting_down`: it drains", body = ErrorBody),
    ),
)]
pub(crate) async fn get_ready(api: Api) -> Result<Response, ApiError> {
    api.hub.ready().await?;
    Ok(answer::ok(&Health { status: "ready" }))
}

/// Counts everything, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    security(()),
    responses((status = 200, description = "Prometheus' text format", content_type = "text/plain", body = String)),
)]
pub(crate) async fn get_metrics(api: Api) -> Response {
    answer::text(StatusCode::OK, PROMETHEUS, Bytes::from(api.metrics.render()))
}
