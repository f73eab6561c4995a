//! Which load to try next, until the highest good one lies in a narrow interval.
//!
//! ```text
//!  rise      double until a load fails
//!  narrow    halve between the highest that passed and the lowest that failed, until they are close
//!  confirm   the highest that passed must pass again, three times; if not, it counts as failed, and the search narrows on
//!  above     the lowest that failed must fail twice, and as often as it passes; if not, a higher one must
//! ```
//!
//! Around its limit a server passes in one moment and fails in the next. Such loads belong to neither end, and the
//! interval is as wide as there are such loads.
//!
//! A load at which the generator was the limit says nothing about the server. Such a load ends the search upwards, and
//! the answer then says "at least".

use serde::{Deserialize, Serialize};

/// How one measured load went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It met the objective.
    Pass,
    /// It did not.
    Fail,
    /// It did not, but the generator was late or saturated: nobody knows whose fault it is.
    Void,
}

/// Why a load is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// To find one that fails.
    Rise,
    /// To find the edge.
    Narrow,
    /// To be sure that the answer holds.
    Confirm,
    /// To be sure that more does not.
    Above,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Measure this load.
    Measure {
        /// How much.
        load: f64,
        /// What for.
        why: Why,
    },
    /// The search is over.
    Done(Answer),
}

/// The highest good load, as an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The highest load that passed each time, or each time since it failed once.
    pub at_least: f64,
    /// The lowest load above it that failed twice, and as often as it passed; the lowest that ever failed, if all steps
    /// were taken before that was known; `None` if none did.
    pub below: Option<f64>,
    /// How often the highest load passed.
    pub confirmed: u32,
    /// Whether the generator, and not the server, was what ended it above.
    pub generator_limited: bool,
    /// Whether loads above it have failed, and none of them twice and as often as it passed.
    #[serde(default)]
    pub unsteady: bool,
    /// Whether it ended because it had taken as many steps as it may.
    pub exhausted: bool,
}

/// What a search is given.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The first load to try.
    pub from: f64,
    /// The highest load to try.
    pub to: f64,
    /// How narrow the interval is to be, as a share of its lower end.
    pub precision: f64,
    /// How often the answer is to pass again.
    pub confirmations: u32,
    /// The most steps.
    pub steps: u32,
}

/// A search that goes on.
#[derive(Debug, Clone)]
pub struct Search {
    bounds: Bounds,
    told: Vec<(f64, Verdict)>,
}

impl Search {
    /// Begins one.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, told: Vec::new() }
    }

    /// Tells how a load went.
    pub fn tell(&mut self, load: f64, verdict: Verdict) {
        self.told.push((load, verdict));
    }

    /// Returns what to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        let failed = self.lowest_failed();
        // What passed above a load that failed has passed by luck.
        let passed = self.highest_passed(failed);
        let step = self.step(passed, failed);
        match step {
            Next::Measure { .. } if self.told.len() >= self.bounds.steps as usize => self.done(passed, failed, true),
            step => step,
        }
    }

    fn step(&self, passed: Option<f64>, failed: Option<f64>) -> Next {
        let Bounds { from, to, precision, confirmations, .. } = self.bounds;
        let measure = |load, why| Next::Measure { load, why };
        match (passed, failed) {
            (None, None) => measure(from, Why::Rise),
            (Some(low), None) if low < to => measure((low * 2.0).min(to), Why::Rise),
            (None, Some(high)) if high > (from / 1_024.0).max(1.0) => measure(high / 2.0, Why::Narrow),
            (None, Some(_)) => self.done(None, failed, false),
            (Some(low), Some(high)) if high > low * (1.0 + precision) => measure(middle(low, high), Why::Narrow),
            (Some(low), _) if self.passes(low) < confirmations + 1 => measure(low, Why::Confirm),
            (Some(_), Some(high)) => match self.ceiling(high) {
                Ceiling::At(load) => self.done(passed, Some(load), false),
                Ceiling::Unknown(load) => measure(load, Why::Above),
                Ceiling::Nowhere => self.done(passed, None, false),
            },
            (Some(_), None) => self.done(passed, failed, false),
        }
    }

    /// Looks for a load that does not hold, from the lowest upwards that ever failed.
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
            let told = self.told.iter().map(|(other, _)| *other).filter(|other| *other > load && !same(*other, load));
            let next = three_digits(load * (1.0 + self.bounds.precision));
            load = told.fold(if next > load { next } else { load * 1.01 }, f64::min).min(self.bounds.to);
        }
    }

    fn done(&self, passed: Option<f64>, failed: Option<f64>, exhausted: bool) -> Next {
        let void = |load: f64| self.told.iter().any(|(other, verdict)| same(*other, load) && *verdict == Verdict::Void);
        Next::Done(Answer {
            at_least: passed.unwrap_or_default(),
            below: failed,
            confirmed: passed.map_or(0, |load| self.passes(load)),
            generator_limited: failed.is_some_and(void),
            unsteady: failed.is_none() && self.lowest_failed().is_some(),
            exhausted,
        })
    }

    /// A load that passed at first has failed if it ever failed afterwards: one lucky second must not lift the answer. One that
    /// failed at first has passed if it did so when it was tried again: one bad second must not pull it down.
    fn lowest_failed(&self) -> Option<f64> {
        let failed = self.told.iter().map(|(load, _)| *load).filter(|load| self.has_failed(*load));
        failed.min_by(f64::total_cmp)
    }

    fn highest_passed(&self, failed: Option<f64>) -> Option<f64> {
        let below = |load: &f64| failed.is_none_or(|failed| *load < failed);
        let passed = self.told.iter().map(|(load, _)| *load).filter(|load| !self.has_failed(*load)).filter(below);
        passed.max_by(f64::total_cmp)
    }

    fn has_failed(&self, load: f64) -> bool {
        let verdicts: Vec<Verdict> =
            self.told.iter().filter(|(other, _)| same(*other, load)).map(|(_, verdict)| *verdict).collect();
        match verdicts.as_slice() {
            [] => false,
            // It failed while it was to be confirmed: it does not hold.
            [first, rest @ ..] if *first == Verdict::Pass => rest.iter().any(|verdict| *verdict != Verdict::Pass),
            // It passed when it was to fail again.
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
        let count = self.told.iter().filter(|(other, verdict)| same(*other, load) && which(*verdict)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// Where the loads end that may pass.
enum Ceiling {
    /// This one does not.
    At(f64),
    /// This one must be measured.
    Unknown(f64),
    /// All may, up to the highest.
    Nowhere,
}

fn same(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs()
}

/// Half-way, in steps that a reader can take in: three digits.
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
    fn search(bounds: Bounds, mut server: impl FnMut(f64) -> Verdict) -> (Answer, Vec<(f64, Why)>) {
        let mut search = Search::new(bounds);
        let mut steps = Vec::new();
        loop {
            match search.next() {
                Next::Done(answer) => return (answer, steps),
                Next::Measure { load, why } => {
                    steps.push((load, why));
                    search.tell(load, server(load));
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
            let times = |why| steps.iter().filter(|(_, other)| *other == why).count();
            assert_eq!((times(Why::Confirm), times(Why::Above)), (3, 1), "{at}: {steps:?}");
            assert_eq!(answer.confirmed, 4);
        }
    }

    #[test]
    fn a_knee_that_nothing_reaches_is_an_open_interval() {
        let (answer, steps) = search(Bounds { to: 20_000.0, ..BOUNDS }, knee(1e9));
        assert_eq!((answer.at_least, answer.below), (20_000.0, None));
        assert_eq!(steps.iter().filter(|(load, _)| *load == 20_000.0).count(), 4);
    }

    #[test]
    fn a_server_that_carries_nothing_is_told_so() {
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
    fn where_only_some_tries_fail_up_to_the_highest_load_the_answer_says_so() {
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
    fn where_the_generator_is_the_limit_the_answer_says_at_least() {
        let (answer, _) = search(BOUNDS, |load| if load < 40_000.0 { Verdict::Pass } else { Verdict::Void });
        assert!(answer.generator_limited && answer.at_least > 38_000.0, "{answer:?}");
    }

    #[test]
    fn a_server_that_cannot_make_up_its_mind_does_not_keep_us_for_ever() {
        let mut dice = fastrand::Rng::with_seed(5);
        let (answer, steps) = search(BOUNDS, |_| if dice.bool() { Verdict::Pass } else { Verdict::Fail });
        assert!(steps.len() <= 60, "{answer:?}");
    }
}
