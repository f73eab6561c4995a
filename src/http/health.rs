//! `/health` and `/metrics`: for operators and their monitoring.

use serde::Serialize;
use utoipa::ToSchema;
use warp::http::header::HeaderMap;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::api::Api;
use super::error::{ApiError, ErrorBody};
use super::filters::{get_or_head, with_api};
use super::response;

/// The state of the node.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    status: &'static str,
    /// Of a node that is ready: whether it reaches NATS, `up` or `down`. Left out without NATS.
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<&'static str>,
}

/// `GET /health/live`
pub(super) fn live() -> impl Filter<Extract = (Response,), Error = Rejection> + Copy {
    warp::path!("live").and(get_or_head()).then(get_live)
}

/// `GET /health/ready`
pub(super) fn ready(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("ready").and(get_or_head()).and(with_api(api)).then(get_ready).map(Reply::into_response)
}

/// `GET /metrics`
pub(super) fn metrics(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("metrics")
        .and(get_or_head())
        .and(with_api(api))
        .and(warp::header::headers_cloned())
        .then(get_metrics)
        .map(Reply::into_response)
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
    response::ok(&Health { status: "live", relay: None })
}

/// Tells whether the node can do its work: if not, send it no new connections.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "It can, with or without the relay to other nodes", body = Health),
        (status = 503, description = "`unavailable`: the database is away or takes no writes; `shutting_down`: it drains", body = ErrorBody),
    ),
)]
pub(crate) async fn get_ready(api: Api) -> Result<Response, ApiError> {
    let ready = api.hub.ready().await?;
    let relay = ready.relay.map(|up| if up { "up" } else { "down" });
    Ok(response::ok(&Health { status: "ready", relay }))
}

/// Counts everything, for Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    security(()),
    responses((status = 200, description = "Prometheus' text format", content_type = "text/plain", body = String)),
)]
pub(crate) async fn get_metrics(api: Api, headers: HeaderMap) -> Result<Response, ApiError> {
    let text = api.metrics.text(&api.hub).await?;
    Ok(text.answer(&headers))
}
