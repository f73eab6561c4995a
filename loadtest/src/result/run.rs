//! The outcome of one run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ProcessKind, ServerCosts};
use crate::audit::{Tally, Violations};
use crate::keys::Keys;
use crate::load::Offered;
use crate::stats::float;
use crate::stats::latency::{Latency, Summary};
use crate::stats::slo::{Slo, Subject};

/// The CPU seconds from which on a cost per operation is reported: the kernel counts in hundredths of a second.
const LEAST_CPU: f64 = 0.05;

/// The operation of a message from its acknowledgement to its reader, who is on its author's node.
pub const HEARD_LOCALLY: &str = "ack to reader, same node";

/// As [`HEARD_LOCALLY`], with the reader on another node.
pub const HEARD_ACROSS: &str = "ack to reader, across nodes";

/// The outcome of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario.
    pub scenario: String,
    /// The server's name.
    pub target: String,
    /// How many nodes it had.
    #[serde(default = "one")]
    pub nodes: u32,
    /// What was offered.
    pub load: Offered,
    /// The settings of the scenario by name.
    pub settings: BTreeMap<String, String>,
    /// The idempotency keys of the messages that its clients sent; `None` if they sent none.
    #[serde(default)]
    pub keys: Option<Keys>,
    /// The length of the measurement in seconds.
    pub seconds: f64,
    /// The main figures by name, computed from the other fields.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// Latencies and errors by operation; the first operation is the primary one.
    pub operations: Vec<Operation>,
    /// Other figures of the scenario.
    pub extra: Vec<Figure>,
    /// What the auditor counted; `None` if the scenario has no auditor.
    pub tally: Option<Tally>,
    /// Guarantees that the server broke.
    pub violations: Violations,
    /// How the generator itself worked.
    pub generator: Generator,
    /// What the run cost the server; `None` if its process is not known.
    pub server: Option<ServerCosts>,
    /// The run by seconds.
    pub timeline: Vec<Second>,
    /// Remarks for the reader of the report.
    pub notes: Vec<String>,
}

/// An operation whose latency is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// How many completed during the measurement.
    pub completed: u64,
    /// How many the server refused, by reason.
    pub errors: BTreeMap<String, u64>,
    /// Latency from the intended time.
    pub corrected: Latency,
    /// Latency from the time of sending.
    pub service: Latency,
    /// A summary of `corrected`.
    #[serde(default)]
    pub corrected_ms: Summary,
    /// A summary of `service`.
    #[serde(default)]
    pub service_ms: Summary,
}

/// A figure of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// How the generator itself worked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Generator {
    /// Its CPU seconds.
    pub cpu: f64,
    /// The share that it used of the one core that it can use.
    pub cpu_share: f64,
    /// The share of the time that it was ready and had no core; `None` if the kernel does not count it.
    #[serde(default)]
    pub run_queue_share: Option<f64>,
    /// How long after its intended time it handled each request, in milliseconds.
    pub lateness_ms: Summary,
    /// Requests that were due.
    pub scheduled: u64,
    /// Requests that were due and never sent, because their clients waited for earlier answers.
    pub unsent: u64,
    /// Why the run is invalid if the server refused too many requests.
    #[serde(default)]
    pub refused: Option<String>,
    /// Whether it was late or saturated: then the figures describe the generator rather than the server.
    pub limited: bool,
    /// Why the run is invalid; empty if it is valid.
    pub invalid: Vec<String>,
}

/// A second of a run.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the measurement began.
    pub at: f64,
    /// Operations that completed in it.
    pub completed: u64,
    /// The 99th percentile of their latencies, in milliseconds.
    pub p99: f64,
    /// The median of their latencies, in milliseconds.
    pub p50: f64,
    /// The server's resident memory, in KB.
    pub resident_kb: u32,
}

impl Operation {
    /// Makes an operation without a value.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            completed: 0,
            errors: BTreeMap::new(),
            corrected: Latency::new(),
            service: Latency::new(),
            corrected_ms: Summary::default(),
            service_ms: Summary::default(),
        }
    }

    /// Returns how many the server refused.
    #[must_use]
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl Outcome {
    /// Returns the primary operation.
    #[must_use]
    pub fn primary(&self) -> Option<&Operation> {
        self.operations.first()
    }

    /// Returns how often the primary operation completed per second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.primary().map_or(0.0, |operation| float(operation.completed)) / self.seconds.max(1e-9)
    }

    /// Returns the offered rate of an open loop.
    #[must_use]
    pub fn offered(&self) -> Option<f64> {
        match self.load {
            Offered::Open { rate, .. } => Some(rate),
            Offered::Closed { .. } | Offered::Own => None,
        }
    }

    /// Returns the CPU seconds of all nodes, and of the relay between them if this program started it.
    #[must_use]
    pub fn server_cpu(&self) -> Option<f64> {
        self.server.as_ref().map(|costs| costs.user + costs.system + costs.cpu_of(ProcessKind::Relay))
    }

    /// Returns the database server's CPU seconds, if this program started it.
    #[must_use]
    pub fn database_cpu(&self) -> Option<f64> {
        let cpu = self.server.as_ref()?.cpu_of(ProcessKind::Database);
        (cpu > 0.0).then_some(cpu)
    }

    /// Returns how many operations the server's CPU time was spent on; `None` if it was spent on work that is not counted, or
    /// if it is too short to be divided.
    #[must_use]
    pub fn cpu_operations(&self) -> Option<u64> {
        let all = match self.scenario.as_str() {
            // All of its operations share the server.
            "mixed" => self.operations.iter().map(|operation| operation.completed).sum(),
            // Most of the CPU time fills the outboxes of the slow readers.
            "slow-readers" => 0,
            _ => self.primary().map_or(0, |primary| primary.completed),
        };
        Some(all).filter(|all| *all > 0 && self.server_cpu().is_some_and(|cpu| cpu >= LEAST_CPU))
    }

    /// Returns the server's CPU time per operation, in microseconds.
    #[must_use]
    pub fn cpu_us_per_operation(&self) -> Option<f64> {
        self.cpu_operations().zip(self.server_cpu()).map(|(operations, cpu)| cpu * 1e6 / float(operations))
    }

    /// Returns the measured value of a subject of an objective.
    #[must_use]
    pub fn measured(&self, subject: Subject) -> f64 {
        let Some(primary) = self.primary().filter(|primary| primary.corrected.count() > 0) else { return f64::NAN };
        let latency = &primary.corrected;
        match subject {
            Subject::P50 => latency.quantile(0.5),
            Subject::P90 => latency.quantile(0.9),
            Subject::P99 => latency.quantile(0.99),
            Subject::P999 => latency.quantile(0.999),
            Subject::Max => latency.summary().max,
            Subject::Errors => {
                float(self.operations.iter().map(Operation::error_count).sum::<u64>() + self.violations.total())
            }
            Subject::Delivered => self.offered().map_or(1.0, |rate| self.throughput() / rate.max(1e-9)),
        }
    }

    /// Returns the conditions of an objective that the run does not meet.
    #[must_use]
    pub fn misses(&self, slo: &Slo) -> Vec<String> {
        slo.misses(|subject| self.measured(subject))
    }

    /// Tells whether the server kept every guarantee.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.total() == 0
    }

    /// Tells whether the run is invalid.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        !self.generator.invalid.is_empty()
    }

    /// Fills in the fields that are computed from the others.
    #[must_use]
    pub fn with_summaries(mut self) -> Self {
        for operation in &mut self.operations {
            operation.corrected_ms = operation.corrected.summary();
            operation.service_ms = operation.service.summary();
        }
        let mut figures: BTreeMap<String, f64> =
            self.extra.iter().map(|figure| (figure.name.replace(' ', "_"), figure.value)).collect();
        let mut add = |name: &str, value: f64| _ = figures.insert(name.to_owned(), value);
        if let Some(primary) = self.primary().filter(|primary| primary.corrected.count() > 0) {
            add(&plural(&primary.name).replace(' ', "_"), self.throughput());
            for (name, value) in [
                ("p50", primary.corrected_ms.p50),
                ("p99", primary.corrected_ms.p99),
                ("p99.9", primary.corrected_ms.p999),
                ("service_p99", primary.service_ms.p99),
            ] {
                add(name, value);
            }
            if let Some(cpu) = self.server_cpu() {
                add("server_cpu", cpu);
            }
            if let (Some(cpu), Some(operations)) = (self.database_cpu(), self.cpu_operations()) {
                add("database_cpu", cpu);
                add("database_cpu_us_each", cpu * 1e6 / float(operations));
            }
            if let (true, Some(us)) = (self.nodes > 1, self.cpu_us_per_operation()) {
                add("server_cpu_us_each", us);
            }
            if let Some(each) = self.cpu_us_per_operation().filter(|_| self.scenario != "mixed") {
                add(&format!("{}_per_server_cpu_second", plural(&primary.name).replace(' ', "_")), 1e6 / each);
            }
        }
        for (operation, name) in [(HEARD_LOCALLY, "local"), (HEARD_ACROSS, "across")] {
            let found = self.operations.iter().find(|found| found.name == operation);
            if let Some(found) = found.filter(|found| found.corrected.count() > 0) {
                add(&format!("heard_{name}_p50"), found.corrected_ms.p50);
                add(&format!("heard_{name}_p99"), found.corrected_ms.p99);
            }
        }
        add("generator_cpu", self.generator.cpu);
        add("violations", float(self.violations.total()));
        self.figures = figures;
        self
    }
}

fn one() -> u32 {
    1
}

/// Returns the plural of an operation's name.
#[must_use]
pub fn plural(name: &str) -> String {
    name.strip_suffix('y').map_or_else(|| format!("{name}s"), |stem| format!("{stem}ies"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn operations_have_a_plural() {
        assert_eq!(["message", "presence query"].map(super::plural), ["messages", "presence queries"]);
    }
}
