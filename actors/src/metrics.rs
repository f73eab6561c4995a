//! The catalogue of all metrics.
//!
//! Each metric is made once, here, with its name, its unit and what it says; the rest of the code holds the handles.

use std::sync::OnceLock;
use std::time::Duration;

use chat_database::webhooks::Status;
use metrics::{Counter, Gauge, Histogram, Unit};

use crate::protocol::{CloseCode, ErrorCode};
use crate::relay::envelope::Reason;

const HTTP_REQUESTS: &str = "chat_http_requests_total";
const PANICS: &str = "chat_panics_total";
const HTTP_SECONDS: &str = "chat_http_seconds";
const STAGE_SECONDS: &str = "chat_message_stage_seconds";

/// The handles of all metrics.
#[derive(Debug)]
pub struct Metrics {
    /// Open connections.
    pub connections: Gauge,
    /// Connections opened.
    pub connections_opened: Counter,
    /// Connections that came back with a cursor and were served from it.
    pub resumed: Counter,
    /// Connections whose cursor could not be served.
    pub resets: Counter,
    /// Times that the database was found at an earlier state than before.
    pub histories_lost: Counter,
    /// Frames read from clients.
    pub frames_in: Counter,
    /// Frames queued for clients.
    pub frames_out: Counter,
    /// Messages stored.
    pub sends: Counter,
    /// Messages that had been stored before.
    pub duplicates: Counter,
    /// Writes of one group commit.
    pub commit_size: Histogram,
    /// Seconds of one group commit.
    pub commit_seconds: Histogram,
    /// Seconds for which SQLite's write-ahead log was restarted, and no commit could begin.
    pub wal_restarts: Histogram,
    /// Seconds of one checkpoint of SQLite's write-ahead log, beside the commits.
    pub wal_checkpoints: Histogram,
    /// Seconds that the oldest write of a commit has waited when the commit begins.
    pub stage_queue: Histogram,
    /// Seconds of one group commit that stood.
    pub stage_commit: Histogram,
    /// Seconds from a commit until the last of its threads has delivered.
    pub stage_deliver: Histogram,
    /// Group commits that failed.
    pub commit_failures: Counter,
    /// Writes that wait for storage.
    pub storage_queue: Gauge,
    /// Threads that are running.
    pub threads_awake: Gauge,
    /// Notification streams that are running.
    pub streams_awake: Gauge,
    /// Users who are online on this node.
    pub users_online: Gauge,
    /// Nodes that live, this one among them, as far as it knows.
    pub nodes: Gauge,
    /// Users who are online on other nodes.
    pub presence_remote: Gauge,
    /// Outboxes that were closed because they were full.
    pub outbox_overflows: Counter,
    /// Times that a connection fell behind: its outbox kept no durable events, which are read from the database later.
    pub fell_behind: Counter,
    /// Commits of other nodes that came over the relay.
    pub commits_heard: Counter,
    /// Commits of other nodes (or of ours, after a failure) that were found in the database and delivered.
    pub commits_followed: Counter,
    /// Times that the database was asked for commits of other nodes, or for what they did.
    pub follower_reads: Counter,
    /// The newest commit up to which every commit has been delivered on this node.
    pub released: Gauge,
    /// Messages between nodes.
    pub relay: RelayMetrics,
    /// Webhooks.
    pub webhooks: WebhookMetrics,
    /// Requests that upload.
    pub uploads: Gauge,
    /// Bytes of files that came to be made into images.
    pub upload_bytes: Counter,
    /// Images made.
    pub images_made: Counter,
    /// Seconds of work on one image, taken or not.
    pub image_seconds: Histogram,
    /// Renditions served.
    pub images_served: Counter,
    /// Images swept.
    pub images_swept: Counter,
    /// Sweeps of images that stopped half-way.
    pub sweep_failures: Counter,
    /// Panics of actors and of image decoders.
    pub panics: Counter,
    errors: Vec<Counter>,
    closes: Vec<Counter>,
    /// Connections that their clients have ended, with or without a close frame.
    pub left: Counter,
}

/// The handles of webhooks.
#[derive(Debug)]
pub struct WebhookMetrics {
    /// Attempts, by the status of the delivery afterwards: pending, ok, failed.
    deliveries: [Counter; 3],
    /// Seconds since the oldest event happened that waits.
    pub lag_seconds: Gauge,
    /// Endpoints that the hub has disabled.
    pub disabled: Gauge,
}

impl WebhookMetrics {
    /// Counts an attempt by the status of its delivery afterwards.
    pub(crate) fn delivered(&self, status: Status) {
        let [retry, ok, failed] = &self.deliveries;
        match status {
            Status::Pending => retry.increment(1),
            Status::Ok => ok.increment(1),
            Status::Failed => failed.increment(1),
        }
    }
}

/// The handles of the relay.
#[derive(Debug)]
pub struct RelayMetrics {
    /// Whether the other nodes can be reached: 0 or 1.
    pub up: Gauge,
    /// Messages sent to other nodes.
    pub sent: Counter,
    /// Messages that were not sent: there was no connection, or no room.
    pub dropped: Counter,
    /// Messages that wait to be sent.
    pub queue: Gauge,
    /// Messages of other nodes that were verified.
    pub heard: Counter,
    /// Times that messages of another node were found missing.
    pub gaps: Counter,
    ignored: Vec<Counter>,
}

impl RelayMetrics {
    /// Returns the counter of messages that are ignored for a reason.
    pub(crate) fn ignored(&self, reason: Reason) -> &Counter {
        &self.ignored[reason as usize]
    }
}

impl Metrics {
    /// Returns the counter of one error code.
    pub fn error(&self, code: ErrorCode) -> &Counter {
        let place = ErrorCode::ALL.iter().position(|known| *known == code).unwrap_or_default();
        &self.errors[place]
    }

    /// Returns the counter of the connections that we have closed with a code.
    pub fn close(&self, code: CloseCode) -> &Counter {
        let place = CloseCode::ALL.iter().position(|known| *known == code).unwrap_or_default();
        &self.closes[place]
    }
}

/// Counts a request over HTTP. `method` and `route` come from the table of routes: their number is bounded.
pub fn http(method: &'static str, route: &'static str, status: u16, took: Duration) {
    let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
    metrics::counter!(HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(HTTP_SECONDS, "method" => method, "route" => route).record(took);
}

/// Counts a panic, whatever panicked. May be called before a recorder is installed, and does not bind the handles.
pub fn panicked() {
    metrics::counter!(PANICS).increment(1);
}

/// Returns the handles. The first call binds them to the recorder that is installed then.
pub fn get() -> &'static Metrics {
    static METRICS: OnceLock<Metrics> = OnceLock::new();
    METRICS.get_or_init(describe)
}

/// Sets a gauge to a count.
pub(crate) fn set(gauge: &Gauge, count: usize) {
    gauge.set(as_f64(count));
}

/// Records a count.
pub(crate) fn record(histogram: &Histogram, count: usize) {
    histogram.record(as_f64(count));
}

#[expect(clippy::cast_precision_loss, reason = "counts of things in memory stay far below 2^53")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

macro_rules! gauge {
    ($name:literal, $unit:ident, $help:literal) => {{
        metrics::describe_gauge!($name, Unit::$unit, $help);
        metrics::gauge!($name)
    }};
}

macro_rules! counter {
    ($name:literal, $help:literal) => {{
        metrics::describe_counter!($name, Unit::Count, $help);
        metrics::counter!($name)
    }};
}

macro_rules! histogram {
    ($name:literal, $unit:ident, $help:literal) => {{
        metrics::describe_histogram!($name, Unit::$unit, $help);
        metrics::histogram!($name)
    }};
}

fn describe_relay() -> RelayMetrics {
    const IGNORED: &str = "chat_relay_ignored_total";
    metrics::describe_counter!(IGNORED, Unit::Count, "Messages of other nodes that were not believed, by reason");
    RelayMetrics {
        up: gauge!("chat_relay_up", Count, "Whether NATS can be reached: 1, or 0 (also without NATS)"),
        sent: counter!("chat_relay_sent_total", "Messages sent to other nodes"),
        dropped: counter!("chat_relay_dropped_total", "Messages to other nodes that were not sent"),
        queue: gauge!("chat_relay_queue", Count, "Messages to other nodes that wait to be sent"),
        heard: counter!("chat_relay_heard_total", "Messages of other nodes that were believed"),
        gaps: counter!("chat_relay_gaps_total", "Times that messages of another node were found missing"),
        ignored: Reason::ALL.iter().map(|reason| metrics::counter!(IGNORED, "reason" => reason.as_str())).collect(),
    }
}

fn describe_webhooks() -> WebhookMetrics {
    const DELIVERIES: &str = "chat_webhook_deliveries_total";
    metrics::describe_counter!(DELIVERIES, Unit::Count, "Attempts to deliver an event to a webhook, by result");
    WebhookMetrics {
        deliveries: ["retry", "ok", "failed"].map(|result| metrics::counter!(DELIVERIES, "result" => result)),
        lag_seconds: gauge!("chat_webhook_lag_seconds", Seconds, "Age of the oldest event that a webhook waits for"),
        disabled: gauge!("chat_webhook_disabled", Count, "Webhooks that the hub has disabled"),
    }
}

fn describe() -> Metrics {
    metrics::describe_counter!("chat_errors_total", Unit::Count, "Refusals, by error code");
    metrics::describe_counter!("chat_closes_total", Unit::Count, "Connections that were closed here, by close code");
    metrics::describe_histogram!(STAGE_SECONDS, Unit::Seconds, "Time of a message in each stage of its way, by stage");
    let stage = |stage: &'static str| metrics::histogram!(STAGE_SECONDS, "stage" => stage);
    metrics::describe_counter!(PANICS, Unit::Count, "Panics, whatever panicked, on whatever thread");
    // The counter exists from the start, so that it can be watched.
    metrics::counter!(PANICS).absolute(0);
    metrics::describe_counter!(HTTP_REQUESTS, Unit::Count, "Requests over HTTP, by method, route and status");
    metrics::describe_histogram!(HTTP_SECONDS, Unit::Seconds, "Time of a request over HTTP, by method and route");
    Metrics {
        connections: gauge!("chat_connections", Count, "Open WebSocket connections"),
        connections_opened: counter!("chat_connections_opened_total", "WebSocket connections opened"),
        resumed: counter!("chat_connections_resumed_total", "Connections served from their cursor"),
        resets: counter!("chat_connections_reset_total", "Connections whose cursor could not be served"),
        histories_lost: counter!(
            "chat_histories_lost_total",
            "Times that the database had gone back to an earlier state"
        ),
        frames_in: counter!("chat_frames_in_total", "Frames read from clients"),
        frames_out: counter!("chat_frames_out_total", "Frames put in line for clients"),
        sends: counter!("chat_messages_stored_total", "Messages stored"),
        duplicates: counter!("chat_messages_duplicate_total", "Messages that had been stored before"),
        commit_size: histogram!("chat_commit_writes", Count, "Writes of one group commit"),
        commit_seconds: histogram!("chat_commit_seconds", Seconds, "Time of one group commit"),
        wal_restarts: histogram!("chat_wal_restart_seconds", Seconds, "Time without commits, as the WAL is restarted"),
        wal_checkpoints: histogram!(
            "chat_wal_checkpoint_seconds",
            Seconds,
            "Time of one WAL checkpoint, beside commits"
        ),
        stage_queue: stage("queue"),
        stage_commit: stage("commit"),
        stage_deliver: stage("deliver"),
        commit_failures: counter!("chat_commit_failures_total", "Group commits that failed"),
        storage_queue: gauge!("chat_storage_queue", Count, "Writes that wait for storage"),
        threads_awake: gauge!("chat_threads_awake", Count, "Threads that are running"),
        streams_awake: gauge!("chat_streams_awake", Count, "Notification streams that are running"),
        users_online: gauge!("chat_users_online", Count, "Users who are online on this node"),
        nodes: gauge!("chat_nodes", Count, "Nodes that live, this one among them, as far as it knows"),
        presence_remote: gauge!("chat_presence_remote", Count, "Users who are online on other nodes"),
        outbox_overflows: counter!("chat_outbox_overflows_total", "Connections closed because their outbox was full"),
        fell_behind: counter!("chat_outbox_fell_behind_total", "Times that a connection fell behind, to be caught up"),
        commits_heard: counter!("chat_commits_heard_total", "Commits of other nodes that came over the relay"),
        commits_followed: counter!("chat_commits_followed_total", "Commits delivered from the database"),
        follower_reads: counter!("chat_follower_reads_total", "Reads of the database for commits of other nodes"),
        released: gauge!("chat_released_commit", Count, "Newest commit up to which all are delivered on this node"),
        relay: describe_relay(),
        webhooks: describe_webhooks(),
        uploads: gauge!("chat_uploads", Count, "Requests with files that are under way"),
        upload_bytes: counter!("chat_upload_bytes_total", "Bytes of files that came to be made into images"),
        images_made: counter!("chat_images_made_total", "Images made"),
        image_seconds: histogram!("chat_image_seconds", Seconds, "Time of work on one image, taken or not"),
        images_served: counter!("chat_images_served_total", "Renditions served"),
        images_swept: counter!("chat_images_swept_total", "Images swept from store and table"),
        sweep_failures: counter!("chat_image_sweep_failures_total", "Sweeps of images that stopped half-way"),
        panics: counter!("chat_actor_panics_total", "Actors, and decoders of images, that panicked"),
        errors: ErrorCode::ALL
            .iter()
            .map(|code| metrics::counter!("chat_errors_total", "code" => code.as_str()))
            .collect(),
        closes: CloseCode::ALL
            .iter()
            .map(|code| metrics::counter!("chat_closes_total", "code" => code.code().to_string()))
            .collect(),
        left: counter!("chat_connections_left_total", "Connections that their clients have ended"),
    }
}
