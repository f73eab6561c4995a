//! Logs and metrics.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How often histograms are folded.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Sends logs to stderr: as text to a terminal, as JSON elsewhere. `RUST_LOG` says what (default: `info`). Where nobody takes them
/// any more, as behind a terminal that was closed, they are lost; there is nowhere to say so.
///
/// # Errors
/// If something else takes the logs already.
pub fn init_logs() -> Result<(), TryInitError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sea_orm_migration=warn"));
    let terminal = std::io::stderr().is_terminal();
    let layer = || tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(std::io::stderr);
    let text = terminal.then(layer);
    let json = (!terminal).then(|| layer().json().flatten_event(true).with_span_list(false));
    tracing_subscriber::registry().with(filter).with(text).with(json).try_init()
}

/// What has been counted. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Metrics")
    }
}

impl Metrics {
    /// Starts to count; later calls return what the first one has made. To be called before anything is counted.
    ///
    /// # Errors
    /// If something else counts already.
    pub fn install() -> Result<Self, BuildError> {
        static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*installed {
            return Ok(Self(handle.clone()));
        }
        let seconds = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
        let writes = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0];
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)?
            .set_buckets_for_metric(Matcher::Full("chat_commit_writes".to_owned()), &writes)?
            .install_recorder()?;
        // Binds the catalogue to this recorder.
        chat_actors::metrics::get();
        Ok(Self(installed.insert(handle).clone()))
    }

    /// Returns the exporter's own handle.
    #[must_use]
    pub fn handle(&self) -> PrometheusHandle {
        self.0.clone()
    }

    /// Writes everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds histograms; to be called every few seconds.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
