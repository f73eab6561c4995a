//! `/health` and `/metrics`: for those who run the thing.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_actors::Hub;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use utoipa::ToSchema;
use warp::http::header::{HeaderMap, HeaderValue};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::{ApiError, ErrorBody};
use super::prepared::Prepared;
use super::{Api, answer, given, reading};

/// The media type of Prometheus' text format.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// How old an answer of `/metrics` may be.
const FRESH: Duration = Duration::from_secs(1);

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
    warp::path!("metrics")
        .and(reading())
        .and(given(api))
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
        (status = 503, description = "`unavailable`: the database is away or takes no writes, or the relay is away; `shutting_down`: it drains", body = ErrorBody),
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
pub(crate) async fn get_metrics(api: Api, headers: HeaderMap) -> Result<Response, ApiError> {
    let text = api.metrics.text(&api.hub).await?;
    Ok(text.answer(&headers))
}

/// What has been counted, written down at most once a second, where messages do not wait for it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Written {
    counted: PrometheusHandle,
    last: Arc<Mutex<Option<Text>>>,
}

/// What was written, and when that was begun.
struct Text {
    at: Instant,
    body: Arc<Prepared>,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Written")
    }
}

impl Written {
    pub(super) fn new(counted: PrometheusHandle) -> Self {
        Self { counted, last: Arc::default() }
    }

    /// Returns what was written last, if that is not longer ago than [`FRESH`]. Those who ask meanwhile wait for the one who
    /// has it written.
    async fn text(&self, hub: &Hub) -> Result<Arc<Prepared>, ApiError> {
        let mut last = self.last.lock().await;
        if let Some(text) = &*last
            && text.at.elapsed() < FRESH
        {
            return Ok(Arc::clone(&text.body));
        }
        let (at, counted) = (Instant::now(), self.counted.clone());
        let writing = hub.run_low_priority(async move { Prepared::new(PROMETHEUS, Bytes::from(counted.render())) });
        let body = Arc::new(writing.await?);
        *last = Some(Text { at, body: Arc::clone(&body) });
        Ok(body)
    }
}
