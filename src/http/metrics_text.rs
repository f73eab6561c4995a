//! The text of `/metrics`: rendered at most once a second, on the low-priority pool, so that messages do not wait for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_actors::Hub;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Mutex;
use tokio::time::Instant;
use warp::http::header::HeaderValue;

use super::error::ApiError;
use super::prepared::Prepared;

/// The media type of Prometheus' text format.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The age up to which the text is served again.
const MAX_AGE: Duration = Duration::from_secs(1);

/// The metrics recorder and the text that was rendered last. Cheap to clone.
#[derive(Clone)]
pub(super) struct MetricsText {
    recorder: PrometheusHandle,
    last: Arc<Mutex<Option<Rendered>>>,
}

/// A rendered text, and when its rendering began.
struct Rendered {
    at: Instant,
    body: Arc<Prepared>,
}

impl std::fmt::Debug for MetricsText {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("MetricsText")
    }
}

impl MetricsText {
    pub(super) fn new(recorder: PrometheusHandle) -> Self {
        Self { recorder, last: Arc::default() }
    }

    /// Returns the text. Requests that come while it is being rendered wait for that rendering.
    pub(super) async fn text(&self, hub: &Hub) -> Result<Arc<Prepared>, ApiError> {
        let mut last = self.last.lock().await;
        if let Some(rendered) = &*last
            && rendered.at.elapsed() < MAX_AGE
        {
            return Ok(Arc::clone(&rendered.body));
        }
        let (at, recorder) = (Instant::now(), self.recorder.clone());
        let rendering = hub.run_low_priority(async move { Prepared::new(PROMETHEUS, Bytes::from(recorder.render())) });
        let body = Arc::new(rendering.await?);
        *last = Some(Rendered { at, body: Arc::clone(&body) });
        Ok(body)
    }
}
