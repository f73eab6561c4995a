//! The text of `/metrics`: rendered at most once a second, on the low-priority pool, so that messages do not wait for it.

use std::collections::BTreeMap;
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

    /// Returns the values by their names and labels. To be called on the low-priority pool.
    pub(super) fn values(&self) -> BTreeMap<String, f64> {
        values(&self.recorder.render())
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

/// Reads Prometheus' text format: a name, labels if there are any, a space, a number.
fn values(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_labels() {
        let text = "# TYPE a counter\na_total{code=\"x y\",b=\"c\"} 7\n\nb_seconds_bucket{le=\"+Inf\"} 1.5\n";
        let read = values(text);
        assert_eq!(read.get("a_total{code=\"x y\",b=\"c\"}"), Some(&7.0));
        assert_eq!(read.get("b_seconds_bucket{le=\"+Inf\"}"), Some(&1.5));
        assert_eq!(read.len(), 2);
    }
}
