//! The result of a search for capacity.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::audit::Family;
use crate::stats::search::{Answer, Phase, Verdict};
use crate::stats::slo::Slo;
use crate::stats::usl::{Fit, Interval, Point};

/// The result of a search for capacity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Capacity {
    /// The objective.
    pub slo: Slo,
    /// The server's name.
    pub target: String,
    /// The interval that holds the capacity.
    pub answer: Answer,
    /// The resource that was exhausted.
    pub saturated: String,
    /// The loads that were measured, in their order.
    pub steps: Vec<Step>,
    /// Throughput over concurrency; `None` with `--no-usl`.
    pub curve: Option<Curve>,
}

/// A load that was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Messages per second.
    pub load: f64,
    /// The phase of the search.
    pub phase: Phase,
    /// Whether the load passed.
    pub verdict: Verdict,
    /// The conditions that it did not meet.
    pub misses: Vec<String>,
    /// The outcome of the run.
    pub outcome: Outcome,
}

/// Throughput over concurrency.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Curve {
    /// The measured points.
    pub points: Vec<Point>,
    /// The fit; `None` if the points do not determine one.
    pub fit: Option<Fit>,
    /// The fitted curve with its interval, as far as the points support it.
    pub drawn: Vec<CurvePoint>,
    /// The peak of the fit: its concurrency, its throughput, and the interval of the throughput.
    pub peak: Option<(f64, f64, Interval)>,
    /// Why the fit or its peak is missing.
    pub refused: Option<String>,
    /// Remarks for the reader of the report.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The runs.
    pub runs: Vec<Outcome>,
}

/// A point of a fitted curve.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Messages in flight.
    pub concurrency: f64,
    /// Messages per second.
    pub throughput: f64,
    /// The 95 % confidence interval.
    pub interval: Interval,
}

impl Step {
    /// Describes the verdict.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.verdict {
            Verdict::Pass => "passed".to_owned(),
            Verdict::Fail => self.misses.join("; "),
            Verdict::Invalid => format!("invalid: {}", self.outcome.generator.invalid.join("; ")),
        }
    }
}

impl Curve {
    /// Returns the highest measured point, if throughput was lower at the highest concurrency.
    #[must_use]
    pub fn measured_peak(&self) -> Option<Point> {
        peak_before_last(&self.points).map(|(highest, _)| highest)
    }
}

/// Returns the point of the highest throughput and that of the highest concurrency, if they differ: then throughput has a
/// peak, whatever the fit says.
#[must_use]
pub fn peak_before_last(points: &[Point]) -> Option<(Point, Point)> {
    let highest = points.iter().max_by(|one, other| one.throughput.total_cmp(&other.throughput))?;
    let last = points.iter().max_by(|one, other| one.concurrency.total_cmp(&other.concurrency))?;
    (highest.concurrency < last.concurrency).then_some((*highest, *last))
}

impl Capacity {
    /// Returns the outcomes of all runs.
    pub fn runs(&self) -> impl Iterator<Item = &Outcome> {
        self.steps.iter().map(|step| &step.outcome).chain(self.curve.iter().flat_map(|curve| &curve.runs))
    }

    /// Counts the broken guarantees over all loads. Above its capacity a server may be slow, but it may not lose anything.
    #[must_use]
    pub fn violations(&self) -> u64 {
        let overloaded = |run: &Outcome| run.offered().is_some_and(|rate| rate > self.answer.at_least);
        let slow = |run: &Outcome| if overloaded(run) { run.violations.family(Family::Delayed) } else { 0 };
        self.runs().map(|run| run.violations.total() - slow(run)).sum()
    }

    /// Tells whether no load passed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answer.at_least <= 0.0
    }
}
