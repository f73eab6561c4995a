//! What a run has seen so far: how long things took, what went wrong, and how punctual the generator was.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::audit::{Fault, Faults, Tally};
use crate::outcome::{Figure, Operation};
use crate::stats::latency::Latency;

/// When a run begins and what of it counts.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The first thing is done.
    pub begin: Instant,
    /// Things begin to count: the warm-up is over.
    pub from: Instant,
    /// Nothing new is begun, and nothing counts any more.
    pub to: Instant,
}

/// An operation that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind(usize);

/// What a run has seen so far. It lives on one thread.
#[derive(Debug)]
pub struct Recorder {
    window: Cell<Option<Window>>,
    begun: watch::Sender<Option<Window>>,
    operations: RefCell<Vec<Operation>>,
    /// Latencies since the last look, of the first operation.
    recent: RefCell<Latency>,
    faults: RefCell<Faults>,
    tally: Cell<Option<Tally>>,
    figures: RefCell<Vec<Figure>>,
    notes: RefCell<Vec<String>>,
    void: RefCell<Vec<String>>,
    lateness: RefCell<Latency>,
    scheduled: Cell<u64>,
    unsent: Cell<u64>,
}

/// All that a run has seen.
#[derive(Debug)]
pub struct Seen {
    /// What was timed.
    pub operations: Vec<Operation>,
    /// What went wrong.
    pub faults: Faults,
    /// How often each thing happened to a message.
    pub tally: Option<Tally>,
    /// What else was measured.
    pub figures: Vec<Figure>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Why the run says nothing.
    pub void: Vec<String>,
    /// How late the generator was.
    pub lateness: Latency,
    /// What was due.
    pub scheduled: u64,
    /// What was due and never begun.
    pub unsent: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            window: Cell::new(None),
            begun: watch::channel(None).0,
            operations: RefCell::default(),
            recent: RefCell::default(),
            faults: RefCell::default(),
            tally: Cell::new(None),
            figures: RefCell::default(),
            notes: RefCell::default(),
            void: RefCell::default(),
            lateness: RefCell::default(),
            scheduled: Cell::new(0),
            unsent: Cell::new(0),
        }
    }
}

impl Recorder {
    /// Lets the run begin.
    pub fn begin(&self, warmup: Duration, length: Duration) -> Window {
        let begin = Instant::now();
        let window = Window { begin, from: begin + warmup, to: begin + warmup + length };
        self.window.set(Some(window));
        self.begun.send_replace(Some(window));
        window
    }

    /// Waits until the run begins.
    pub async fn begun(&self) -> Window {
        let mut begun = self.begun.subscribe();
        loop {
            let window = *begun.borrow_and_update();
            match window {
                Some(window) => return window,
                // The sender is ours, so it is there.
                None => _ = begun.changed().await,
            }
        }
    }

    /// Tells whether nothing new is to be begun.
    #[must_use]
    pub fn is_over(&self, now: Instant) -> bool {
        self.window.get().is_some_and(|window| now >= window.to)
    }

    /// Makes an operation known. The first one is the run's own: what its throughput and its objective are about.
    pub fn operation(&self, name: &str) -> Kind {
        let mut operations = self.operations.borrow_mut();
        if let Some(place) = operations.iter().position(|operation| operation.name == name) {
            return Kind(place);
        }
        operations.push(Operation::new(name));
        Kind(operations.len() - 1)
    }

    /// Records that something is done which was meant to begin at `intended` and did begin at `written`.
    pub fn done(&self, kind: Kind, intended: Instant, written: Instant, now: Instant) {
        let Some(window) = self.window.get() else { return };
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = operations.get_mut(kind.0) else { return };
        let corrected = now.saturating_duration_since(intended);
        if now >= window.from && now < window.to {
            operation.completed += 1;
            if kind.0 == 0 {
                self.recent.borrow_mut().record(corrected);
            }
        }
        if intended >= window.from && intended < window.to {
            operation.corrected.record(corrected);
            operation.service.record(now.saturating_duration_since(written));
        }
    }

    /// Records that something was refused.
    pub fn refused(&self, kind: Kind, why: &str, now: Instant) {
        let counts = self.window.get().is_some_and(|window| now >= window.from);
        let mut operations = self.operations.borrow_mut();
        if let Some(operation) = operations.get_mut(kind.0).filter(|_| counts) {
            *operation.errors.entry(why.to_owned()).or_default() += 1;
        }
    }

    /// Records what was due and never begun: it has waited this long already.
    pub fn never_begun(&self, kind: Kind, due: impl IntoIterator<Item = Instant>) {
        let Some(window) = self.window.get() else { return };
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = operations.get_mut(kind.0) else { return };
        for intended in due.into_iter().filter(|due| *due >= window.from && *due < window.to) {
            operation.corrected.record(window.to.saturating_duration_since(intended));
            self.unsent.set(self.unsent.get() + 1);
        }
    }

    /// Records when something due was handed out.
    pub fn dispatched(&self, due: Instant, now: Instant) {
        if self.window.get().is_some_and(|window| due >= window.from && due < window.to) {
            self.scheduled.set(self.scheduled.get() + 1);
            self.lateness.borrow_mut().record(now.saturating_duration_since(due));
        }
    }

    /// Records a broken promise.
    pub fn fault(&self, fault: Fault, what: impl FnOnce() -> String) {
        self.faults.borrow_mut().add(fault, what);
    }

    /// Adds what a closed ledger has found.
    pub fn audited(&self, tally: Tally, faults: Faults) {
        self.faults.borrow_mut().merge(faults);
        self.tally.set(Some(self.tally.get().map_or(tally, |sum| sum.plus(tally))));
    }

    /// Adds a figure of a scenario's own.
    pub fn figure(&self, name: &str, value: f64, unit: &str) {
        self.figures.borrow_mut().push(Figure { name: name.to_owned(), value, unit: unit.to_owned() });
    }

    /// Adds what a reader of the figures should know.
    pub fn note(&self, note: impl Into<String>) {
        let note = note.into();
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Says why the run proves nothing: what it is about did not come to pass.
    pub fn void(&self, why: String) {
        self.void.borrow_mut().push(why);
    }

    /// Returns how much is done so far, and how long that took since the last time this was asked.
    #[must_use]
    pub fn look(&self) -> (u64, Latency) {
        let completed = self.operations.borrow().first().map_or(0, |operation| operation.completed);
        let mut recent = self.recent.borrow_mut();
        let taken = recent.clone();
        recent.clear();
        (completed, taken)
    }

    /// Returns all that was seen, and forgets it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        Seen {
            operations: self.operations.take(),
            faults: self.faults.take(),
            tally: self.tally.get(),
            figures: self.figures.take(),
            notes: self.notes.take(),
            void: self.void.take(),
            lateness: self.lateness.take(),
            scheduled: self.scheduled.get(),
            unsent: self.unsent.get(),
        }
    }
}
