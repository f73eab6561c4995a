//! What a run costs the server: its process as `/proc` tells it, and what it says itself under `/metrics`.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::inside::Inside;
use crate::outcome::{Costs, Says, ThreadShare};
use crate::rest;
use crate::target::Target;
use crate::usage::{self, Idle, Thread, Usage};

/// The share of the time from which on a thread is named.
const WORTH_NAMING: f64 = 0.01;

/// How often the hub writes its numbers down for `/metrics` at most, and a little more.
const WRITTEN_EVERY: Duration = Duration::from_millis(1_050);

/// Reads a server's costs.
#[derive(Debug)]
pub struct Gauge<'a> {
    target: &'a Target,
    queue: Cell<f64>,
    /// When `/metrics` was asked for last.
    asked: Cell<Instant>,
}

/// Everything at one moment.
#[derive(Debug)]
pub struct Reading {
    /// When.
    pub at: Instant,
    /// The server's process; `None` if it is not here.
    pub usage: Option<Usage>,
    machine: Option<Idle>,
    metrics: Option<Metrics>,
    folder: Option<u64>,
}

/// What of `/metrics` is of use.
#[derive(Debug, Clone, Default, PartialEq)]
struct Metrics {
    commits: f64,
    writes: f64,
    commit_seconds: f64,
    queue: f64,
    connections: f64,
    /// How often, and seconds.
    log_moves: (f64, f64),
    log_begun_anew: (f64, f64),
    inside: Inside,
}

impl<'a> Gauge<'a> {
    /// Makes one.
    #[must_use]
    pub fn new(target: &'a Target) -> Self {
        Self { target, queue: Cell::new(0.0), asked: Cell::new(Instant::now()) }
    }

    /// Returns the server's resident memory in KB; 0 if its process is not here.
    #[must_use]
    pub fn resident_kb(&self) -> u32 {
        self.target.pid().and_then(|pid| usage::resident_kb(pid).ok()).unwrap_or_default()
    }

    /// Reads everything.
    ///
    /// # Errors
    /// If the server's process has ended.
    pub async fn read(&self) -> anyhow::Result<Reading> {
        let gone = |error| anyhow::anyhow!("the server's process has ended: {error}");
        let metrics = self.metrics().await;
        Ok(Reading {
            at: Instant::now(),
            usage: self.target.pid().map(usage::usage).transpose().map_err(gone)?,
            machine: Idle::read(),
            metrics,
            folder: self.target.data().map(usage::folder_bytes),
        })
    }

    /// Reads `/metrics` again for a reading at the end of a load: the hub writes its numbers down once a second at most, so that
    /// those which came with the reading may be from before the load's last second.
    pub async fn count_to_the_end(&self, reading: &mut Reading) {
        tokio::time::sleep_until((self.asked.get() + WRITTEN_EVERY).into()).await;
        if let Some(metrics) = self.metrics().await {
            reading.metrics = Some(metrics);
        }
    }

    /// Looks at what changes from moment to moment.
    pub async fn glance(&self) {
        if let Some(metrics) = self.metrics().await {
            self.queue.set(self.queue.get().max(metrics.queue));
        }
    }

    /// Says what lies between two readings.
    #[must_use]
    pub fn costs(&self, before: &Reading, after: &Reading, resident_before_kb: u32) -> Option<Costs> {
        let (from, to) = (before.usage.as_ref()?, after.usage.as_ref()?);
        let seconds = after.at.duration_since(before.at).as_secs_f64().max(1e-9);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cores = crate::stats::float(cores as u64) * seconds;
        let machine = before.machine.zip(after.machine).map(|(before, after)| after.since(before, cores));
        let (machine_share, disk_wait_share) = machine.unwrap_or_default();
        Some(Costs {
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
            grown: before.folder.zip(after.folder).map(|(before, after)| after.saturating_sub(before)),
            machine_share,
            disk_wait_share,
            says: before.metrics.as_ref().zip(after.metrics.as_ref()).map(|(before, after)| self.says(before, after)),
        })
    }

    fn says(&self, before: &Metrics, after: &Metrics) -> Says {
        let mean = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
        let commits = after.commits - before.commits;
        let each = |sum: f64| mean(sum, commits);
        let timed = |before: (f64, f64), after: (f64, f64)| {
            let count = after.0 - before.0;
            (count, mean(after.1 - before.1, count) * 1_000.0)
        };
        Says {
            commits,
            writes_per_commit: each(after.writes - before.writes),
            commit_ms: each(after.commit_seconds - before.commit_seconds) * 1_000.0,
            storage_queue: self.queue.get().max(after.queue),
            connections: after.connections,
            log_moves: timed(before.log_moves, after.log_moves),
            log_begun_anew: timed(before.log_begun_anew, after.log_begun_anew),
            inside: after.inside.since(&before.inside),
        }
    }

    async fn metrics(&self) -> Option<Metrics> {
        self.asked.set(Instant::now());
        let text = rest::get(self.target.address, &format!("{}/metrics", self.target.base)).await.ok()?;
        Metrics::read(&text)
    }
}

impl Metrics {
    fn read(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
            line.trim().parse::<f64>().ok()
        };
        let or_none_yet = |name: &str| value(name).unwrap_or_default();
        let timed = |name: &str| (or_none_yet(&format!("{name}_count")), or_none_yet(&format!("{name}_sum")));
        value("chat_connections").map(|connections| Self {
            commits: or_none_yet("chat_commit_writes_count"),
            writes: or_none_yet("chat_commit_writes_sum"),
            commit_seconds: or_none_yet("chat_commit_seconds_sum"),
            queue: or_none_yet("chat_storage_queue"),
            connections,
            log_moves: timed("chat_wal_checkpoint_seconds"),
            log_begun_anew: timed("chat_wal_restart_seconds"),
            inside: Inside::read(text),
        })
    }
}

/// Says what the threads did that did anything worth naming, those that worked most first.
fn threads(from: &Usage, to: &Usage, seconds: f64) -> Vec<ThreadShare> {
    let named = |thread: Thread| ThreadShare {
        name: thread.name,
        worked: thread.worked,
        kept_waiting: thread.kept_waiting,
        gives_way: thread.gives_way,
    };
    let mut threads: Vec<_> = to.since(from, seconds).into_iter().map(named).collect();
    threads.retain(|thread| thread.worked + thread.kept_waiting.unwrap_or_default() >= WORTH_NAMING);
    threads.sort_by(|one, other| other.worked.total_cmp(&one.worked));
    threads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_by_their_whole_names() {
        let text = "# HELP chat_connections Open\nchat_connections_opened_total 9\nchat_connections 4\n\
                    chat_commit_writes_bucket{le=\"1\"} 3\nchat_commit_writes_sum 300\nchat_commit_writes_count 20\n\
                    chat_commit_seconds_sum 0.5\nchat_storage_queue 7\n\
                    chat_wal_checkpoint_seconds_sum 0.25\nchat_wal_checkpoint_seconds_count 50\n";
        let known = Metrics {
            commits: 20.0,
            writes: 300.0,
            commit_seconds: 0.5,
            queue: 7.0,
            connections: 4.0,
            log_moves: (50.0, 0.25),
            ..Metrics::default()
        };
        assert_eq!(Metrics::read(text), Some(known));
        assert_eq!(Metrics::read("<html>"), None);
    }
}
