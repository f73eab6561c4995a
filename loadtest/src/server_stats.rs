//! What a run costs the server: its process as `/proc` shows it, and the metrics that it publishes under `/metrics`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use prometheus_parse::{Scrape, Value};

use crate::http;
use crate::result::{HubMetrics, OsThreadShare, ProcessCosts, ProcessKind, ServerCosts};
use crate::server_latency::{self, ServerLatency};
use crate::services::ServiceUsage;
use crate::target::Target;
use crate::usage::{self, IdleTime, OsThread, Usage};

/// The least share of the time with which an OS thread is reported.
const REPORTED: f64 = 0.01;

/// The hub refreshes `/metrics` once a second at most; a little longer than that.
const REFRESH_INTERVAL: Duration = Duration::from_millis(1_050);

/// The metrics that a report uses.
const METRICS: [&str; 7] = [
    "chat_connections",
    "chat_commit_writes",
    "chat_commit_seconds",
    STORAGE_QUEUE,
    WAL_CHECKPOINT,
    WAL_RESTART,
    server_latency::METRIC,
];
const STORAGE_QUEUE: &str = "chat_storage_queue";
const WAL_CHECKPOINT: &str = "chat_wal_checkpoint_seconds";
const WAL_RESTART: &str = "chat_wal_restart_seconds";

/// Samples the server.
#[derive(Debug)]
pub struct Sampler<'a> {
    target: &'a Target,
    queue: Cell<f64>,
    /// When `/metrics` was read last.
    scraped: Cell<Instant>,
}

/// A sample.
#[derive(Debug)]
pub struct Sample {
    /// When it was taken.
    pub at: Instant,
    /// The processes of all nodes together; `None` if they are not known.
    pub usage: Option<Usage>,
    /// Each node by itself: its CPU seconds and its resident memory in KB.
    nodes: Vec<(f64, u32)>,
    services: Vec<ServiceUsage>,
    machine: Option<IdleTime>,
    metrics: Option<Metrics>,
    data_bytes: Option<u64>,
}

/// The values of [`METRICS`].
#[derive(Debug, Clone, Default, PartialEq)]
struct Metrics {
    commits: f64,
    writes: f64,
    commit_seconds: f64,
    queue: f64,
    connections: f64,
    wal_checkpoints: Timer,
    wal_restarts: Timer,
    latency: ServerLatency,
}

/// How often something happened, and the sum of its durations.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Timer {
    count: f64,
    seconds: f64,
}

impl<'a> Sampler<'a> {
    /// Makes the sampler of a server.
    #[must_use]
    pub fn new(target: &'a Target) -> Self {
        Self { target, queue: Cell::new(0.0), scraped: Cell::new(Instant::now()) }
    }

    /// Returns the resident memory of all nodes in KB; 0 if their processes are not known.
    #[must_use]
    pub fn resident_kb(&self) -> u32 {
        self.target.resident_kb()
    }

    /// Takes a sample.
    ///
    /// # Errors
    /// If the server's process has ended.
    pub async fn sample(&self) -> anyhow::Result<Sample> {
        let gone = |error| anyhow::anyhow!("the server's process has ended: {error}");
        let metrics = self.metrics().await;
        let each: Vec<Usage> = self.target.pids().map(usage::usage).collect::<Result<_, _>>().map_err(gone)?;
        Ok(Sample {
            at: Instant::now(),
            nodes: each.iter().map(|usage| (usage.user + usage.system, usage.resident_kb)).collect(),
            services: self.target.services.usage(),
            usage: each.into_iter().reduce(Usage::plus),
            machine: IdleTime::read(),
            metrics,
            data_bytes: self.target.data().map(usage::folder_bytes),
        })
    }

    /// Reads `/metrics` again for a sample at the end of a load: the metrics of the sample itself may be older than the load's
    /// last second, because the hub refreshes them once a second at most.
    pub async fn refresh_metrics(&self, sample: &mut Sample) {
        tokio::time::sleep_until((self.scraped.get() + REFRESH_INTERVAL).into()).await;
        if let Some(metrics) = self.metrics().await {
            sample.metrics = Some(metrics);
        }
    }

    /// Samples the queues of the storage actors, of which a report shows the longest.
    pub async fn sample_queue(&self) {
        for text in self.scrape().await {
            if let Some(queue) = value(&parse(&text, &[STORAGE_QUEUE]), STORAGE_QUEUE) {
                self.queue.set(self.queue.get().max(queue));
            }
        }
    }

    /// Returns the costs between two samples; `None` if the server's process is not known.
    #[must_use]
    pub fn costs(&self, before: &Sample, after: &Sample, resident_before_kb: u32) -> Option<ServerCosts> {
        let (from, to) = (before.usage.as_ref()?, after.usage.as_ref()?);
        let seconds = after.at.duration_since(before.at).as_secs_f64().max(1e-9);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let core_seconds = crate::stats::float(cores as u64) * seconds;
        let machine = before.machine.zip(after.machine).map(|(before, after)| after.since(before, core_seconds));
        let (machine_share, disk_wait_share) = machine.unwrap_or_default();
        let processes = self.processes(before, after);
        let metrics = before.metrics.as_ref().zip(after.metrics.as_ref());
        Some(ServerCosts {
            user: to.user - from.user,
            system: to.system - from.system,
            resident_before_kb,
            resident_kb: to.resident_kb,
            page_tables_kb: to.page_tables_kb,
            socket_memory_kb: usage::socket_memory_kb().unwrap_or_default(),
            voluntary_switches: to.voluntary_switches.saturating_sub(from.voluntary_switches),
            involuntary_switches: to.involuntary_switches.saturating_sub(from.involuntary_switches),
            threads: threads(from, to, seconds),
            written: to.written.saturating_sub(from.written),
            data_growth: before.data_bytes.zip(after.data_bytes).map(|(before, after)| after.saturating_sub(before)),
            machine_share,
            disk_wait_share,
            processes,
            metrics: metrics.map(|(before, after)| self.hub_metrics(before, after)),
        })
    }

    /// Returns what each process used, if there is more than one.
    fn processes(&self, before: &Sample, after: &Sample) -> Vec<ProcessCosts> {
        let nodes = self.target.nodes.iter().zip(before.nodes.iter().zip(&after.nodes));
        let nodes = nodes.map(|(node, (before, after))| ProcessCosts {
            name: node.name.clone(),
            kind: ProcessKind::Hub,
            cpu: after.0 - before.0,
            resident_kb: after.1,
        });
        let services = before.services.iter().zip(&after.services).map(|(before, after)| ProcessCosts {
            name: after.name.to_owned(),
            kind: if after.is_database { ProcessKind::Database } else { ProcessKind::Relay },
            cpu: after.cpu - before.cpu,
            resident_kb: after.resident_kb,
        });
        let all: Vec<ProcessCosts> = nodes.chain(services).collect();
        if all.len() > 1 { all } else { Vec::new() }
    }

    fn hub_metrics(&self, before: &Metrics, after: &Metrics) -> HubMetrics {
        let commits = after.commits - before.commits;
        let per_commit = |sum: f64| if commits > 0.0 { sum / commits } else { 0.0 };
        HubMetrics {
            commits,
            writes_per_commit: per_commit(after.writes - before.writes),
            commit_ms: per_commit(after.commit_seconds - before.commit_seconds) * 1_000.0,
            storage_queue: self.queue.get().max(after.queue),
            connections: after.connections,
            wal_checkpoints: after.wal_checkpoints.since(before.wal_checkpoints),
            wal_restarts: after.wal_restarts.since(before.wal_restarts),
            latency: after.latency.since(&before.latency),
        }
    }

    /// Returns the metrics of all nodes together.
    async fn metrics(&self) -> Option<Metrics> {
        let mut all: Option<Metrics> = None;
        for text in self.scrape().await {
            let one = Metrics::read(&text)?;
            all = Some(match all {
                Some(sum) => sum.plus(one),
                None => one,
            });
        }
        all
    }

    async fn scrape(&self) -> Vec<String> {
        self.scraped.set(Instant::now());
        let path = format!("{}/metrics", self.target.base);
        let mut texts = Vec::new();
        for node in &self.target.nodes {
            texts.extend(http::get(node.address, &path).await.ok());
        }
        texts
    }
}

impl Timer {
    /// Returns how often something happened since an earlier reading, and the mean of its durations in milliseconds.
    fn since(self, before: Self) -> (f64, f64) {
        let (count, seconds) = (self.count - before.count, self.seconds - before.seconds);
        (count, if count > 0.0 { seconds / count * 1_000.0 } else { 0.0 })
    }

    fn plus(self, other: Self) -> Self {
        Self { count: self.count + other.count, seconds: self.seconds + other.seconds }
    }
}

impl Metrics {
    /// Reads the metrics of a hub; `None` if the text is not from a hub.
    fn read(text: &str) -> Option<Self> {
        let samples = parse(text, &METRICS);
        let connections = value(&samples, "chat_connections")?;
        // The hub publishes a metric when it has its first value.
        let or_zero = |name: &str| value(&samples, name).unwrap_or_default();
        let timer =
            |name: &str| Timer { count: or_zero(&format!("{name}_count")), seconds: or_zero(&format!("{name}_sum")) };
        Some(Self {
            commits: or_zero("chat_commit_writes_count"),
            writes: or_zero("chat_commit_writes_sum"),
            commit_seconds: or_zero("chat_commit_seconds_sum"),
            queue: or_zero(STORAGE_QUEUE),
            connections,
            wal_checkpoints: timer(WAL_CHECKPOINT),
            wal_restarts: timer(WAL_RESTART),
            latency: ServerLatency::read(&samples),
        })
    }
}

impl Metrics {
    /// Returns the metrics of two nodes together; of two queues the longer one.
    fn plus(self, other: Self) -> Self {
        Self {
            commits: self.commits + other.commits,
            writes: self.writes + other.writes,
            commit_seconds: self.commit_seconds + other.commit_seconds,
            queue: self.queue.max(other.queue),
            connections: self.connections + other.connections,
            wal_checkpoints: self.wal_checkpoints.plus(other.wal_checkpoints),
            wal_restarts: self.wal_restarts.plus(other.wal_restarts),
            latency: self.latency.plus(&other.latency),
        }
    }
}

/// Parses the lines of some metrics. The parser takes microseconds per line, in which the generator sends nothing, so the other
/// lines are left out.
fn parse(text: &str, metrics: &[&str]) -> Vec<prometheus_parse::Sample> {
    let is_of_metric = |line: &&str| {
        let line = line.strip_prefix("# TYPE ").unwrap_or(line);
        metrics.iter().any(|metric| line.starts_with(metric))
    };
    let lines = text.lines().filter(is_of_metric).map(|line| Ok(line.to_owned()));
    Scrape::parse(lines).map(|scrape| scrape.samples).unwrap_or_default()
}

/// Returns the value of a counter or gauge, or of the sum or count of a histogram.
fn value(samples: &[prometheus_parse::Sample], name: &str) -> Option<f64> {
    samples.iter().filter(|sample| sample.metric == name).find_map(|sample| match sample.value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => Some(value),
        Value::Histogram(_) | Value::Summary(_) => None,
    })
}

/// Returns the OS threads that used or waited for a core for long enough, the busiest first.
fn threads(from: &Usage, to: &Usage, seconds: f64) -> Vec<OsThreadShare> {
    let share = |thread: OsThread| OsThreadShare {
        name: thread.name,
        on_cpu: thread.on_cpu,
        in_run_queue: thread.in_run_queue,
        low_priority: thread.low_priority,
    };
    let mut threads: Vec<_> = to.since(from, seconds).into_iter().map(share).collect();
    threads.retain(|thread| thread.on_cpu + thread.in_run_queue.unwrap_or_default() >= REPORTED);
    threads.sort_by(|one, other| other.on_cpu.total_cmp(&one.on_cpu));
    threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_by_their_whole_names() {
        let text = "# HELP chat_connections Open connections\n# TYPE chat_connections gauge\nchat_connections 4\n\
                    # TYPE chat_connections_opened_total counter\nchat_connections_opened_total 9\n\
                    # TYPE chat_commit_writes histogram\nchat_commit_writes_bucket{le=\"1\"} 3\n\
                    chat_commit_writes_sum 300\nchat_commit_writes_count 20\n\
                    # TYPE chat_commit_seconds histogram\nchat_commit_seconds_sum 0.5\n\
                    # TYPE chat_storage_queue gauge\nchat_storage_queue 7\n\
                    # TYPE chat_wal_checkpoint_seconds histogram\n\
                    chat_wal_checkpoint_seconds_sum 0.25\nchat_wal_checkpoint_seconds_count 50\n";
        let known = Metrics {
            commits: 20.0,
            writes: 300.0,
            commit_seconds: 0.5,
            queue: 7.0,
            connections: 4.0,
            wal_checkpoints: Timer { count: 50.0, seconds: 0.25 },
            ..Metrics::default()
        };
        assert_eq!(Metrics::read(text), Some(known));
        assert_eq!(Metrics::read("<html>"), None);
    }
}
