//! What a run found, as it is kept in JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::{Faults, Tally};
use crate::inside::Inside;
use crate::keys::Keys;
use crate::stats::float;
use crate::stats::latency::{Latency, Summary};
use crate::stats::schedule::Arrivals;
use crate::stats::slo::{Slo, Subject};

/// CPU seconds below which the kernel's clock, which ticks a hundred times a second, says nothing.
const TICKS: f64 = 0.05;

/// A run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario.
    pub scenario: String,
    /// The server, in words.
    pub target: String,
    /// What was offered.
    pub load: Offered,
    /// The flags that made the scenario what it was.
    pub settings: BTreeMap<String, String>,
    /// The idempotency keys of the messages that its clients sent; `None` if they sent none.
    #[serde(default)]
    pub keys: Option<Keys>,
    /// Seconds that were measured.
    pub seconds: f64,
    /// The figures that people ask for first, by name; made from the rest.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// What was timed; the first is the run's own.
    pub operations: Vec<Operation>,
    /// What else the scenario measured.
    pub extra: Vec<Figure>,
    /// How often each thing happened to a message.
    pub tally: Option<Tally>,
    /// Promises that were broken.
    pub faults: Faults,
    /// How well the generator did its own work.
    pub generator: Generator,
    /// What it cost the server; `None` if its process is not here.
    pub server: Option<Costs>,
    /// Second by second.
    pub timeline: Vec<Second>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// What was offered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "loop", rename_all = "lowercase")]
pub enum Offered {
    /// By the clock.
    Open {
        /// How much, a second.
        rate: f64,
        /// How it was spread.
        arrivals: Arrivals,
    },
    /// By the answers.
    Closed {
        /// How much at a time, of each client.
        in_flight: u32,
    },
    /// As the scenario has it.
    Own,
}

/// Something that was timed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// What.
    pub name: String,
    /// How many were done in the measured time.
    pub completed: u64,
    /// How many were refused, by reason.
    pub errors: BTreeMap<String, u64>,
    /// From the time at which it was meant to begin.
    pub corrected: Latency,
    /// From the time at which it did begin.
    pub service: Latency,
    /// `corrected`, for people.
    #[serde(default)]
    pub corrected_ms: Summary,
    /// `service`, for people.
    #[serde(default)]
    pub service_ms: Summary,
}

/// A figure of a scenario's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: String,
}

/// How well the generator did its own work.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Generator {
    /// CPU seconds of its own, of one core.
    pub cpu: f64,
    /// Its share of the one core that it can use.
    pub cpu_share: f64,
    /// The share of the time in which it was ready to go on, and no core was free for it; `None` where the kernel does not
    /// say.
    #[serde(default)]
    pub kept_waiting: Option<f64>,
    /// How late it was, in milliseconds.
    pub lateness_ms: Summary,
    /// What was due.
    pub scheduled: u64,
    /// What was due and never begun, because the server was too far behind.
    pub dropped: u64,
    /// What the server did not take, in words.
    #[serde(default)]
    pub refused: Option<String>,
    /// Whether it was late or saturated: the figures then say more about it than about the server.
    pub limited: bool,
    /// Why the run says nothing about this load; empty if it does.
    pub void: Vec<String>,
}

/// What a run cost the server.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Costs {
    /// CPU seconds in its own code.
    pub user: f64,
    /// CPU seconds in the kernel.
    pub system: f64,
    /// Resident memory before anybody had connected, in KB.
    pub resident_before_kb: u32,
    /// Resident memory at the end of the measured time, in KB.
    pub resident_kb: u32,
    /// Page tables, in KB.
    pub page_tables_kb: u32,
    /// Socket buffers of the whole machine, both ends, in KB.
    pub socket_memory_kb: u64,
    /// How often its threads have waited for something.
    pub voluntary_switches: u64,
    /// How often its threads were made to wait.
    pub involuntary_switches: u64,
    /// Its threads, those that worked most first; without those that did next to nothing.
    #[serde(default)]
    pub threads: Vec<ThreadShare>,
    /// Bytes that it caused to be written to disks.
    pub written: u64,
    /// Bytes by which its data have grown; `None` if they are not ours to look at.
    pub grown: Option<u64>,
    /// Share of all cores that anything on the machine was using.
    pub machine_share: f64,
    /// Share of all cores that waited for disks.
    pub disk_wait_share: f64,
    /// What it says of itself; `None` if it has no `/metrics` that we know.
    pub says: Option<Says>,
}

/// What a thread did with the time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ThreadShare {
    /// What it is called.
    pub name: String,
    /// The share of the time in which it had a core.
    pub worked: f64,
    /// The share in which it was ready to go on, and no core was free for it; `None` where the kernel does not say.
    pub kept_waiting: Option<f64>,
    /// It is less urgent than its process is, and meant to wait.
    pub gives_way: bool,
}

/// What a hub says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Says {
    /// Group commits.
    pub commits: f64,
    /// Writes of a group commit, on average.
    pub writes_per_commit: f64,
    /// Milliseconds of a group commit, on average.
    pub commit_ms: f64,
    /// Writes that waited for storage, at most, of once a second.
    pub storage_queue: f64,
    /// Connections at the end.
    pub connections: f64,
    /// How often the database's log was moved, and milliseconds of that on average.
    #[serde(default)]
    pub log_moves: (f64, f64),
    /// How often commits waited while it was begun anew, and milliseconds of that on average.
    #[serde(default)]
    pub log_begun_anew: (f64, f64),
    /// Where the time of messages went.
    #[serde(default)]
    pub inside: Inside,
}

/// A second of a run.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the measured time began.
    pub at: f64,
    /// Done in it.
    pub completed: u64,
    /// 99 % of those took less, in milliseconds.
    pub p99: f64,
    /// Half of those took less, in milliseconds.
    pub p50: f64,
    /// Resident memory of the server, in KB.
    pub resident_kb: u32,
}

impl Operation {
    /// Makes one that has not happened yet.
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

    /// Returns how many were refused.
    #[must_use]
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }
}

impl Outcome {
    /// Returns the run's own operation.
    #[must_use]
    pub fn own(&self) -> Option<&Operation> {
        self.operations.first()
    }

    /// Returns what was done a second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.own().map_or(0.0, |operation| float(operation.completed)) / self.seconds.max(1e-9)
    }

    /// Returns what was offered a second, in an open loop.
    #[must_use]
    pub fn offered(&self) -> Option<f64> {
        match self.load {
            Offered::Open { rate, .. } => Some(rate),
            Offered::Closed { .. } | Offered::Own => None,
        }
    }

    /// Returns the server's CPU seconds.
    #[must_use]
    pub fn server_cpu(&self) -> Option<f64> {
        self.server.as_ref().map(|costs| costs.user + costs.system)
    }

    /// Returns how many operations the server's CPU time went into: `None` if it went into more than is counted, or
    /// is less than a few ticks of the kernel's clock.
    #[must_use]
    pub fn paid(&self) -> Option<u64> {
        let all = match self.scenario.as_str() {
            // Where many things are done at once, none of them has the server for itself.
            "mixed" => self.operations.iter().map(|operation| operation.completed).sum(),
            // What fills the outboxes of those who sleep costs most of it.
            "slow-readers" => 0,
            _ => self.own().map_or(0, |own| own.completed),
        };
        Some(all).filter(|all| *all > 0 && self.server_cpu().is_some_and(|cpu| cpu >= TICKS))
    }

    /// Returns the server's CPU time for one operation, in microseconds.
    #[must_use]
    pub fn cpu_us_each(&self) -> Option<f64> {
        self.paid().zip(self.server_cpu()).map(|(paid, cpu)| cpu * 1e6 / float(paid))
    }

    /// Returns what an objective asks about.
    #[must_use]
    pub fn measured(&self, subject: Subject) -> f64 {
        let Some(own) = self.own().filter(|own| own.corrected.count() > 0) else { return f64::NAN };
        let latency = &own.corrected;
        match subject {
            Subject::P50 => latency.quantile(0.5),
            Subject::P90 => latency.quantile(0.9),
            Subject::P99 => latency.quantile(0.99),
            Subject::P999 => latency.quantile(0.999),
            Subject::Max => latency.summary().max,
            Subject::Errors => {
                float(self.operations.iter().map(Operation::error_count).sum::<u64>() + self.faults.total())
            }
            Subject::Delivered => self.offered().map_or(1.0, |rate| self.throughput() / rate.max(1e-9)),
        }
    }

    /// Returns which conditions of an objective it misses.
    #[must_use]
    pub fn misses(&self, slo: &Slo) -> Vec<String> {
        slo.misses(|subject| self.measured(subject))
    }

    /// Tells whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.total() == 0
    }

    /// Tells whether it says anything about the load.
    #[must_use]
    pub fn is_void(&self) -> bool {
        !self.generator.void.is_empty()
    }

    /// Fills in what is made from the rest.
    #[must_use]
    pub fn summed_up(mut self) -> Self {
        for operation in &mut self.operations {
            operation.corrected_ms = operation.corrected.summary();
            operation.service_ms = operation.service.summary();
        }
        let mut figures: BTreeMap<String, f64> =
            self.extra.iter().map(|figure| (figure.name.replace(' ', "_"), figure.value)).collect();
        let mut add = |name: &str, value: f64| _ = figures.insert(name.to_owned(), value);
        if let Some(own) = self.own().filter(|own| own.corrected.count() > 0) {
            add(&format!("{}s", own.name.replace(' ', "_")), self.throughput());
            for (name, value) in [
                ("p50", own.corrected_ms.p50),
                ("p99", own.corrected_ms.p99),
                ("p99.9", own.corrected_ms.p999),
                ("service_p99", own.service_ms.p99),
            ] {
                add(name, value);
            }
            if let Some(cpu) = self.server_cpu() {
                add("server_cpu", cpu);
            }
            if let Some(each) = self.cpu_us_each().filter(|_| self.scenario != "mixed") {
                add(&format!("{}s_per_server_cpu_second", own.name), 1e6 / each);
            }
        }
        add("generator_cpu", self.generator.cpu);
        add("faults", float(self.faults.total()));
        self.figures = figures;
        self
    }
}
