//! What a run cost the server.

use serde::{Deserialize, Serialize};

use crate::server_latency::ServerLatency;

/// What a run cost the server: all of its nodes together.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ServerCosts {
    /// CPU seconds in user mode.
    pub user: f64,
    /// CPU seconds in kernel mode.
    pub system: f64,
    /// Resident memory before the first connection, in KB.
    pub resident_before_kb: u32,
    /// Resident memory at the end of the measurement, in KB.
    pub resident_kb: u32,
    /// Page tables, in KB.
    pub page_tables_kb: u32,
    /// Socket buffers of the whole machine, those of this generator included, in KB.
    pub socket_memory_kb: u64,
    /// Voluntary context switches: an OS thread waited for something.
    pub voluntary_switches: u64,
    /// Involuntary context switches: the scheduler took the core from an OS thread.
    pub involuntary_switches: u64,
    /// Its OS threads, the busiest first, without those that did next to nothing.
    #[serde(default)]
    pub threads: Vec<OsThreadShare>,
    /// Bytes that it caused to be written to disks.
    pub written: u64,
    /// Bytes by which its data folder has grown; `None` if the folder is not known.
    pub data_growth: Option<u64>,
    /// The busy share of all cores of the machine.
    pub machine_share: f64,
    /// The share of all cores that was idle and waited for disks.
    pub disk_wait_share: f64,
    /// Each process by itself, those beside the nodes included; empty if the server is one process.
    #[serde(default)]
    pub processes: Vec<ProcessCosts>,
    /// The hub's own metrics; `None` if the server has no `/metrics` of a hub.
    pub metrics: Option<HubMetrics>,
}

/// What a process used during the measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessCosts {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ProcessKind,
    /// Its CPU seconds.
    pub cpu: f64,
    /// Its resident memory at the end, in KB.
    pub resident_kb: u32,
}

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessKind {
    /// A node.
    Hub,
    /// The server that passes on the messages between nodes.
    Relay,
    /// The database.
    Database,
}

impl ServerCosts {
    /// Returns the CPU seconds of the processes of a kind; 0 if they are not known.
    #[must_use]
    pub fn cpu_of(&self, kind: ProcessKind) -> f64 {
        self.processes.iter().filter(|process| process.kind == kind).map(|process| process.cpu).sum()
    }
}

/// What an OS thread did during the measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OsThreadShare {
    /// Its name.
    pub name: String,
    /// The share of the time that it had a core.
    pub on_cpu: f64,
    /// The share of the time that it was ready and had no core; `None` if the kernel does not count it.
    pub in_run_queue: Option<f64>,
    /// Whether its priority is lower than that of its process, so that it is expected to wait.
    pub low_priority: bool,
}

/// The hub's own metrics of the measurement.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HubMetrics {
    /// Group commits.
    pub commits: f64,
    /// Writes per group commit, on average.
    pub writes_per_commit: f64,
    /// Milliseconds per group commit, on average.
    pub commit_ms: f64,
    /// The longest queue of the storage actor, of one sample per second.
    pub storage_queue: f64,
    /// Connections at the end.
    pub connections: f64,
    /// Checkpoints of SQLite's write-ahead log: how many, and their mean in milliseconds.
    #[serde(default)]
    pub wal_checkpoints: (f64, f64),
    /// Restarts of the write-ahead log, for which commits wait: how many, and their mean in milliseconds.
    #[serde(default)]
    pub wal_restarts: (f64, f64),
    /// The latency of messages inside the hub.
    #[serde(default)]
    pub latency: ServerLatency,
}
