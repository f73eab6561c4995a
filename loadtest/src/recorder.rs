//! The recorder of a run: latencies, broken guarantees, and how punctual the generator was.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::audit::{Tally, Violation, Violations};
use crate::result::{Figure, Operation};
use crate::stats::latency::Latency;

/// The times of a run.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The warm-up begins.
    pub begin: Instant,
    /// The measurement begins.
    pub from: Instant,
    /// The measurement ends, and nothing more is sent.
    pub to: Instant,
}

/// Identifies an operation whose latency is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationId(usize);

/// The recorder of a run. All clients of a run share it on one OS thread.
#[derive(Debug)]
pub struct Recorder {
    window: Cell<Option<Window>>,
    started: watch::Sender<Option<Window>>,
    operations: RefCell<Vec<Operation>>,
    /// Latencies of the first operation since the last call of [`Recorder::take_recent`].
    recent: RefCell<Latency>,
    violations: RefCell<Violations>,
    tally: Cell<Option<Tally>>,
    figures: RefCell<Vec<Figure>>,
    notes: RefCell<Vec<String>>,
    invalid: RefCell<Vec<String>>,
    lateness: RefCell<Latency>,
    scheduled: Cell<u64>,
    unsent: Cell<u64>,
}

/// All that a run has recorded.
#[derive(Debug)]
pub struct Recorded {
    /// Latencies and errors by operation.
    pub operations: Vec<Operation>,
    /// Guarantees that the server broke.
    pub violations: Violations,
    /// What the auditor counted.
    pub tally: Option<Tally>,
    /// Other figures of the scenario.
    pub figures: Vec<Figure>,
    /// Remarks for the reader of the report.
    pub notes: Vec<String>,
    /// Why the run is invalid.
    pub invalid: Vec<String>,
    /// How late the scheduler was.
    pub lateness: Latency,
    /// Requests that were due.
    pub scheduled: u64,
    /// Requests that were due and never sent.
    pub unsent: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            window: Cell::new(None),
            started: watch::channel(None).0,
            operations: RefCell::default(),
            recent: RefCell::default(),
            violations: RefCell::default(),
            tally: Cell::new(None),
            figures: RefCell::default(),
            notes: RefCell::default(),
            invalid: RefCell::default(),
            lateness: RefCell::default(),
            scheduled: Cell::new(0),
            unsent: Cell::new(0),
        }
    }
}

impl Recorder {
    /// Starts the run.
    pub fn start(&self, warmup: Duration, length: Duration) -> Window {
        let begin = Instant::now();
        let window = Window { begin, from: begin + warmup, to: begin + warmup + length };
        self.window.set(Some(window));
        self.started.send_replace(Some(window));
        window
    }

    /// Waits until the run starts.
    pub async fn started(&self) -> Window {
        let mut started = self.started.subscribe();
        loop {
            let window = *started.borrow_and_update();
            match window {
                Some(window) => return window,
                // The sender is a field of this struct, so it is not gone.
                None => _ = started.changed().await,
            }
        }
    }

    /// Tells whether the measurement has ended.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.window.get().is_some_and(|window| now >= window.to)
    }

    /// Registers an operation. The first one is the primary one: the throughput and the objective of a run are about it.
    pub fn operation(&self, name: &str) -> OperationId {
        let mut operations = self.operations.borrow_mut();
        if let Some(index) = operations.iter().position(|operation| operation.name == name) {
            return OperationId(index);
        }
        operations.push(Operation::new(name));
        OperationId(operations.len() - 1)
    }

    /// Records that an operation completed which was meant to be sent at `intended` and was sent at `sent`.
    pub fn completed(&self, id: OperationId, intended: Instant, sent: Instant, now: Instant) {
        let Some(window) = self.window.get() else { return };
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = operations.get_mut(id.0) else { return };
        let corrected = now.saturating_duration_since(intended);
        if now >= window.from && now < window.to {
            operation.completed += 1;
            if id.0 == 0 {
                self.recent.borrow_mut().record(corrected);
            }
        }
        if intended >= window.from && intended < window.to {
            operation.corrected.record(corrected);
            operation.service.record(now.saturating_duration_since(sent));
        }
    }

    /// Records that the server refused an operation.
    pub fn refused(&self, id: OperationId, reason: &str, now: Instant) {
        let counts = self.window.get().is_some_and(|window| now >= window.from);
        let mut operations = self.operations.borrow_mut();
        if let Some(operation) = operations.get_mut(id.0).filter(|_| counts) {
            *operation.errors.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// Records requests that were due and were not sent before the end, each with the time that it has waited until then.
    pub fn record_unsent(&self, id: OperationId, due: impl IntoIterator<Item = Instant>) {
        let Some(window) = self.window.get() else { return };
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = operations.get_mut(id.0) else { return };
        for intended in due.into_iter().filter(|due| *due >= window.from && *due < window.to) {
            operation.corrected.record(window.to.saturating_duration_since(intended));
            self.unsent.set(self.unsent.get() + 1);
        }
    }

    /// Records when the scheduler put a request into a queue that was due at `due`.
    pub fn dispatched(&self, due: Instant, now: Instant) {
        if self.window.get().is_some_and(|window| due >= window.from && due < window.to) {
            self.scheduled.set(self.scheduled.get() + 1);
            self.lateness.borrow_mut().record(now.saturating_duration_since(due));
        }
    }

    /// Records a broken guarantee.
    pub fn violation(&self, violation: Violation, detail: impl FnOnce() -> String) {
        self.violations.borrow_mut().add(violation, detail);
    }

    /// Adds what a closed ledger found.
    pub fn audited(&self, tally: Tally, violations: Violations) {
        self.violations.borrow_mut().merge(violations);
        self.tally.set(Some(self.tally.get().map_or(tally, |sum| sum.plus(tally))));
    }

    /// Adds a figure of the scenario.
    pub fn figure(&self, name: &str, value: f64, unit: &str) {
        self.figures.borrow_mut().push(Figure { name: name.to_owned(), value, unit: unit.to_owned() });
    }

    /// Adds a remark for the reader of the report.
    pub fn note(&self, note: impl Into<String>) {
        let note = note.into();
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Declares the run invalid: what it is to measure did not happen.
    pub fn invalid(&self, reason: String) {
        self.invalid.borrow_mut().push(reason);
    }

    /// Returns how often the primary operation completed so far, and its latencies since the last call.
    #[must_use]
    pub fn take_recent(&self) -> (u64, Latency) {
        let completed = self.operations.borrow().first().map_or(0, |operation| operation.completed);
        let mut recent = self.recent.borrow_mut();
        let taken = recent.clone();
        recent.clear();
        (completed, taken)
    }

    /// Takes all that was recorded.
    #[must_use]
    pub fn take(&self) -> Recorded {
        Recorded {
            operations: self.operations.take(),
            violations: self.violations.take(),
            tally: self.tally.get(),
            figures: self.figures.take(),
            notes: self.notes.take(),
            invalid: self.invalid.take(),
            lateness: self.lateness.take(),
            scheduled: self.scheduled.get(),
            unsent: self.unsent.get(),
        }
    }
}
