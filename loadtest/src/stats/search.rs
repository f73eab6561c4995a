//! The search for capacity: which load to try next, until the highest passing load lies in a narrow interval.
//!
//! ```text
//!  ramp      double the load until one fails
//!  bisect    halve the interval between the highest load that passed and the lowest that failed, until it is narrow
//!  confirm   the highest load that passed must pass again, three times; otherwise it counts as failed, and the search bisects
//!  refute    the lowest load that failed must fail twice, and as often as it passes; otherwise a higher load must
//! ```
//!
//! Near its limit a server passes at one moment and fails at the next. Such loads belong to neither end of the interval, which
//! is therefore as wide as they are many.
//!
//! A load at which the generator was the limit proves nothing about the server. It ends the search upwards, and the answer
//! then is a lower bound: "at least".

use serde::{Deserialize, Serialize};

/// Whether a load passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It met the objective.
    Pass,
    /// It did not meet the objective.
    Fail,
    /// It did not meet the objective, but the generator was late or saturated, so that the cause is not known.
    Invalid,
}

/// The phase of the search in which a load is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The search for a load that fails.
    Ramp,
    /// The search between a load that passed and one that failed.
    Bisect,
    /// The repetition of the highest load that passed.
    Confirm,
    /// The repetition of the lowest load that failed.
    Refute,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Measure this load.
    Measure {
        /// The load.
        load: f64,
        /// The phase of the search.
        phase: Phase,
    },
    /// The search is over.
    Done(Answer),
}

/// The highest passing load, as an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The highest load that passed each time, or each time since it failed once.
    pub at_least: f64,
    /// The lowest load above it that failed twice, and as often as it passed; the lowest that ever failed, if all steps
    /// were taken before that was known; `None` if none did.
    pub below: Option<f64>,
    /// How often the highest load passed.
    pub confirmed: u32,
    /// Whether the generator, and not the server, limited the search.
    pub generator_limited: bool,
    /// Whether loads above it have failed, and none of them twice and as often as it passed.
    #[serde(default)]
    pub unsteady: bool,
    /// Whether it ended because it had taken as many steps as it may.
    pub exhausted: bool,
}

/// The parameters of a search.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The first load to try.
    pub from: f64,
    /// The highest load to try.
    pub to: f64,
    /// The width of the interval, as a share of its lower end.
    pub precision: f64,
    /// How often the answer must pass again.
    pub confirmations: u32,
    /// The maximal number of steps.
    pub steps: u32,
}

/// A search in progress.
#[derive(Debug, Clone)]
pub struct Search {
    bounds: Bounds,
    measured: Vec<(f64, Verdict)>,
}

impl Phase {
    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Bisect => "bisect",
            Self::Confirm => "confirm",
            Self::Refute => "refute",
        }
    }
}

impl Search {
    /// Starts a search.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, measured: Vec::new() }
    }

    /// Records the verdict on a load.
    pub fn record(&mut self, load: f64, verdict: Verdict) {
        self.measured.push((load, verdict));
    }

    /// Returns what to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        let failed = self.lowest_failed();
        // A load that passed above a load that failed passed by luck.
        let passed = self.highest_passed(failed);
        let step = self.step(passed, failed);
        match step {
            Next::Measure { .. } if self.measured.len() >= self.bounds.steps as usize => {
                self.done(passed, failed, true)
            }
            step => step,
        }
    }

    fn step(&self, passed: Option<f64>, failed: Option<f64>) -> Next {
        let Bounds { from, to, precision, confirmations, .. } = self.bounds;
        let measure = |load, phase| Next::Measure { load, phase };
        match (passed, failed) {
            (None, None) => measure(from, Phase::Ramp),
            (Some(low), None) if low < to => measure((low * 2.0).min(to), Phase::Ramp),
            (None, Some(high)) if high > (from / 1_024.0).max(1.0) => measure(high / 2.0, Phase::Bisect),
            (None, Some(_)) => self.done(None, failed, false),
            (Some(low), Some(high)) if high > low * (1.0 + precision) => measure(middle(low, high), Phase::Bisect),
            (Some(low), _) if self.passes(low) < confirmations + 1 => measure(low, Phase::Confirm),
            (Some(_), Some(high)) => match self.ceiling(high) {
                Ceiling::At(load) => self.done(passed, Some(load), false),
                Ceiling::Unknown(load) => measure(load, Phase::Refute),
                Ceiling::Nowhere => self.done(passed, None, false),
            },
            (Some(_), None) => self.done(passed, failed, false),
        }
    }

    /// Searches for a load that fails reliably, from the lowest one that ever failed upwards.
    fn ceiling(&self, lowest: f64) -> Ceiling {
        let mut load = lowest;
        loop {
            let (passes, fails) = (self.passes(load), self.fails(load));
            if fails >= 2 && fails >= passes {
                return Ceiling::At(load);
            }
            if passes + fails < 3 {
                return Ceiling::Unknown(load);
            }
            if load >= self.bounds.to {
                return Ceiling::Nowhere;
            }
            let measured =
                self.measured.iter().map(|(other, _)| *other).filter(|other| *other > load && !same(*other, load));
            let next = three_digits(load * (1.0 + self.bounds.precision));
            load = measured.fold(if next > load { next } else { load * 1.01 }, f64::min).min(self.bounds.to);
        }
    }

    fn done(&self, passed: Option<f64>, failed: Option<f64>, exhausted: bool) -> Next {
        let invalid =
            |load: f64| self.measured.iter().any(|(other, verdict)| same(*other, load) && *verdict == Verdict::Invalid);
        Next::Done(Answer {
            at_least: passed.unwrap_or_default(),
            below: failed,
            confirmed: passed.map_or(0, |load| self.passes(load)),
            generator_limited: failed.is_some_and(invalid),
            unsteady: failed.is_none() && self.lowest_failed().is_some(),
            exhausted,
        })
    }

    /// A load that passed first and failed later counts as failed: one lucky second must not raise the answer. A load that failed
    /// first and passed when it was tried again counts as passed: one bad second must not lower it.
    fn lowest_failed(&self) -> Option<f64> {
        let failed = self.measured.iter().map(|(load, _)| *load).filter(|load| self.has_failed(*load));
        failed.min_by(f64::total_cmp)
    }

    fn highest_passed(&self, failed: Option<f64>) -> Option<f64> {
        let below = |load: &f64| failed.is_none_or(|failed| *load < failed);
        let passed = self.measured.iter().map(|(load, _)| *load).filter(|load| !self.has_failed(*load)).filter(below);
        passed.max_by(f64::total_cmp)
    }

    fn has_failed(&self, load: f64) -> bool {
        let verdicts: Vec<Verdict> =
            self.measured.iter().filter(|(other, _)| same(*other, load)).map(|(_, verdict)| *verdict).collect();
        match verdicts.as_slice() {
            [] => false,
            // It was not confirmed.
            [first, rest @ ..] if *first == Verdict::Pass => rest.iter().any(|verdict| *verdict != Verdict::Pass),
            // It was not refuted.
            [.., last] => *last != Verdict::Pass,
        }
    }

    fn passes(&self, load: f64) -> u32 {
        self.times(load, |verdict| verdict == Verdict::Pass)
    }

    fn fails(&self, load: f64) -> u32 {
        self.times(load, |verdict| verdict != Verdict::Pass)
    }

    fn times(&self, load: f64, which: impl Fn(Verdict) -> bool) -> u32 {
        let count = self.measured.iter().filter(|(other, verdict)| same(*other, load) && which(*verdict)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// The lowest load that fails reliably.
enum Ceiling {
    /// It is this load.
    At(f64),
    /// This load must be measured to find out.
    Unknown(f64),
    /// There is none up to the highest load.
    Nowhere,
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs()
}

/// Returns the middle, rounded to three significant digits if that lies between.
fn middle(low: f64, high: f64) -> f64 {
    let middle = f64::midpoint(low, high);
    let rounded = three_digits(middle);
    if rounded > low && rounded < high { rounded } else { middle }
}

fn three_digits(load: f64) -> f64 {
    let step = 10_f64.powf(load.log10().floor() - 2.0);
    (load / step).round() * step
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { from: 1_000.0, to: 1e6, precision: 0.03, confirmations: 3, steps: 60 };

    /// Searches a server, which is a function of the load.
    fn search(bounds: Bounds, mut server: impl FnMut(f64) -> Verdict) -> (Answer, Vec<(f64, Phase)>) {
        let mut search = Search::new(bounds);
        let mut steps = Vec::new();
        loop {
            match search.next() {
                Next::Done(answer) => return (answer, steps),
                Next::Measure { load, phase } => {
                    steps.push((load, phase));
                    search.record(load, server(load));
                }
            }
        }
    }

    fn knee(at: f64) -> impl FnMut(f64) -> Verdict {
        move |load| if load <= at { Verdict::Pass } else { Verdict::Fail }
    }

    #[test]
    fn a_knee_is_found_wherever_it_is() {
        for at in [3.0, 999.0, 1_000.0, 1_001.0, 7_777.0, 31_415.9, 250_000.0] {
            let (answer, steps) = search(BOUNDS, knee(at));
            let below = answer.below.expect("a load that fails");
            assert!(answer.at_least <= at && at < below, "{at}: {answer:?}");
            assert!(below <= answer.at_least * 1.03 + 1e-9, "{at}: {answer:?}");
            assert!(!answer.generator_limited && !answer.exhausted, "{answer:?}");
            let times = |phase| steps.iter().filter(|(_, other)| *other == phase).count();
            assert_eq!((times(Phase::Confirm), times(Phase::Refute)), (3, 1), "{at}: {steps:?}");
            assert_eq!(answer.confirmed, 4);
        }
    }

    #[test]
    fn a_knee_above_the_highest_load_gives_an_open_interval() {
        let (answer, steps) = search(Bounds { to: 20_000.0, ..BOUNDS }, knee(1e9));
        assert_eq!((answer.at_least, answer.below), (20_000.0, None));
        assert_eq!(steps.iter().filter(|(load, _)| *load == 20_000.0).count(), 4);
    }

    #[test]
    fn a_server_that_passes_at_no_load_has_capacity_zero() {
        let (answer, steps) = search(BOUNDS, knee(0.0));
        assert_eq!(answer.at_least, 0.0);
        assert!(steps.len() < 15, "{steps:?}");
    }

    #[test]
    fn a_load_that_passed_by_luck_is_not_the_answer() {
        let mut lucky = true;
        let (answer, _) = search(BOUNDS, |load| {
            if load > 5_000.0 && load < 6_500.0 && std::mem::take(&mut lucky) {
                return Verdict::Pass;
            }
            knee(5_000.0)(load)
        });
        assert!(answer.at_least <= 5_000.0 && answer.at_least > 4_800.0, "{answer:?}");
    }

    #[test]
    fn a_load_that_failed_by_accident_does_not_end_the_search() {
        let mut accident = true;
        let (answer, _) = search(BOUNDS, |load| {
            if load >= 8_000.0 && std::mem::take(&mut accident) {
                return Verdict::Fail;
            }
            knee(20_000.0)(load)
        });
        assert!(answer.at_least > 19_000.0, "{answer:?}");
    }

    #[test]
    fn a_load_that_mostly_passes_is_not_the_upper_end() {
        let mut tried: Vec<f64> = Vec::new();
        let (answer, steps) = search(BOUNDS, |load| {
            tried.push(load);
            let times = tried.iter().filter(|other| same(**other, load)).count();
            match load {
                ..=10_000.0 => Verdict::Pass,
                // Each third time it does not.
                ..=12_000.0 if times % 3 > 0 => Verdict::Pass,
                _ => Verdict::Fail,
            }
        });
        let below = answer.below.expect("an upper end");
        assert!((9_700.0..=10_000.0).contains(&answer.at_least), "{answer:?} after {steps:?}");
        assert!((12_000.0..12_400.0).contains(&below), "{answer:?} after {steps:?}");
        assert!(!answer.exhausted && steps.len() < 40, "{answer:?} after {steps:?}");
    }

    #[test]
    fn loads_that_fail_now_and_then_make_the_answer_unsteady() {
        let mut tried: Vec<f64> = Vec::new();
        let (answer, steps) = search(Bounds { to: 11_000.0, ..BOUNDS }, |load| {
            tried.push(load);
            let times = tried.iter().filter(|other| same(**other, load)).count();
            if load > 10_000.0 && times % 3 == 0 { Verdict::Fail } else { Verdict::Pass }
        });
        assert!(answer.below.is_none() && answer.unsteady && !answer.exhausted, "{answer:?} after {steps:?}");
        assert!((8_000.0..=10_000.0).contains(&answer.at_least), "{answer:?}");
    }

    #[test]
    fn a_limit_of_the_generator_gives_a_lower_bound() {
        let (answer, _) = search(BOUNDS, |load| if load < 40_000.0 { Verdict::Pass } else { Verdict::Invalid });
        assert!(answer.generator_limited && answer.at_least > 38_000.0, "{answer:?}");
    }

    #[test]
    fn a_server_that_passes_at_random_does_not_make_the_search_endless() {
        let mut rng = fastrand::Rng::with_seed(5);
        let (answer, steps) = search(BOUNDS, |_| if rng.bool() { Verdict::Pass } else { Verdict::Fail });
        assert!(steps.len() <= 60, "{answer:?}");
    }
}
