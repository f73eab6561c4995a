//! Logs and metrics.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How often the recorder folds the samples of histograms.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// Sends logs to stderr: as text to a terminal, as JSON elsewhere. `RUST_LOG` selects levels (default: `info`). Lines that cannot be
/// written, as after the terminal was closed, are lost without an error.
///
/// # Errors
/// If another subscriber is installed.
pub fn init_logs() -> Result<(), TryInitError> {
    // The pool has a line for each query that waited for its turn: thousands when all users come back at once.
    let mut filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sea_orm_migration=warn,sqlx::pool::acquire=error"));
    if !std::env::var(EnvFilter::DEFAULT_ENV).is_ok_and(|levels| levels.contains("async_nats")) {
        // The relay says in one line what the client library says in many.
        filter = filter.add_directive("async_nats=off".parse().unwrap_or_else(|_| LevelFilter::WARN.into()));
    }
    let terminal = std::io::stderr().is_terminal();
    let text =
        terminal.then(|| tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(std::io::stderr));
    let json = (!terminal).then(|| {
        let layer = tracing_subscriber::fmt::layer().log_internal_errors(false).with_writer(std::io::stderr);
        layer.json().flatten_event(true).with_span_list(false)
    });
    tracing_subscriber::registry().with(filter).with(text).with(json).try_init()
}

/// The maximum number of characters of a panic's message in the log.
const PANIC_CHARS: usize = 300;

/// Installs the hook that counts every panic (`chat_panics_total`) and logs it as one line. To be called after [`init_logs`].
pub fn watch_panics() {
    std::panic::set_hook(Box::new(report));
}

fn report(panic: &PanicHookInfo<'_>) {
    chat_actors::metrics::panicked();
    let current = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    let (thread, location) = (current.name().unwrap_or("unnamed"), panic.location().map(ToString::to_string));
    tracing::error!(thread, location, panic = said(panic), backtrace, "a thread panicked");
}

/// Returns the message of a panic. Quoted parts of a formatted message are left out: they may be a client's text, as in the
/// panic about a text that is cut inside a character.
fn said(panic: &PanicHookInfo<'_>) -> String {
    let text = match (panic.payload().downcast_ref::<&'static str>(), panic.payload().downcast_ref::<String>()) {
        (Some(fixed), _) => (*fixed).to_owned(),
        (None, Some(made)) => without_quotes(made),
        (None, None) => "something that is no text".to_owned(),
    };
    text.chars().take(PANIC_CHARS).collect()
}

fn without_quotes(text: &str) -> String {
    const QUOTES: [char; 3] = ['"', '\'', '`'];
    match (text.find(QUOTES), text.rfind(QUOTES)) {
        (Some(first), Some(last)) => format!("{}\u{2026}{}", &text[..first], &text[last + 1..]),
        _ => text.to_owned(),
    }
}

/// The metrics recorder. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Metrics")
    }
}

impl Metrics {
    /// Installs the recorder; later calls return the same one. To be called before anything is counted.
    ///
    /// # Errors
    /// If another recorder is installed.
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
        // Binds the catalogue of metrics to this recorder.
        chat_actors::metrics::get();
        Ok(Self(installed.insert(handle).clone()))
    }

    /// Returns the exporter's own handle.
    #[must_use]
    pub fn handle(&self) -> PrometheusHandle {
        self.0.clone()
    }

    /// Renders all metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds the samples of histograms; to be called every few seconds.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use super::*;

    /// Where a test's logs go.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics while it writes").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_and_is_counted_and_tells_no_texts() {
        let metrics = Metrics::install().expect("nothing else counts");
        let log = Log::default();
        let writer = log.clone();
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        let before = std::panic::take_hook();
        watch_panics();
        let secret = "\u{e9}t\u{e9} at home";
        let panicked = tracing::subscriber::with_default(subscriber, || {
            std::panic::catch_unwind(|| secret[..1].to_owned()).expect_err("the cut is in the middle of a character");
            let none = std::hint::black_box(None::<u8>);
            std::panic::catch_unwind(|| none.expect("a number")).expect_err("there is none")
        });
        std::panic::set_hook(before);
        assert!(panicked.is::<&'static str>() || panicked.is::<String>());
        let log = String::from_utf8(log.0.lock().expect("all is written").clone()).expect("text");
        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
        assert_eq!(lines.len(), 2, "{log}");
        for line in &lines {
            assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"a thread panicked".into()));
            assert!(line["location"].as_str().is_some_and(|place| place.contains("telemetry.rs:")), "{line}");
        }
        assert!(!log.contains("at home"), "{log}");
        assert_eq!(lines[1]["panic"], "a number");
        let counted = metrics.render().lines().any(|line| {
            line.strip_prefix("chat_panics_total ")
                .is_some_and(|count| count.parse().is_ok_and(|count: u64| count >= 2))
        });
        assert!(counted, "{}", metrics.render());
    }
}
