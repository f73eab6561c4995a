//! The highest load that meets an objective, and how throughput grows with concurrency.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::args::{CapacityArgs, ChatShape};
use crate::audit::Family;
use crate::live::Live;
use crate::outcome::{Costs, Offered, Outcome, ThreadShare};
use crate::report::table::number;
use crate::run::measure;
use crate::scenario::Chat;
use crate::stage::{Load, READ_BACK};
use crate::stats::float;
use crate::stats::search::{Answer, Bounds, Next, Search, Verdict, Why};
use crate::stats::slo::Slo;
use crate::stats::usl::{Fit, Interval, Point};
use crate::target::Target;

/// Seconds of each point of the curve, at most.
const POINT: f64 = 2.0;

/// The R² below which the model does not describe the points.
const POOR: f64 = 0.9;

/// The share of a core, or of a machine, above which it was what ended the growth.
const BUSY: f64 = 0.9;

/// The share of the time without a core, of a thread that is ready, from which on it is kept from its work.
const STARVED: f64 = 0.1;

/// What a search for capacity found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Capacity {
    /// The objective.
    pub slo: Slo,
    /// The server.
    pub target: String,
    /// The interval.
    pub answer: Answer,
    /// What saturated.
    pub saturated: String,
    /// Every load that was measured, in turn.
    pub steps: Vec<Step>,
    /// How throughput grows with concurrency; `None` if that was left out.
    pub curve: Option<Curve>,
}

/// A load that was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Messages a second.
    pub load: f64,
    /// What for.
    pub why: Why,
    /// How it went.
    pub verdict: Verdict,
    /// Which conditions it missed.
    pub misses: Vec<String>,
    /// What was found.
    pub outcome: Outcome,
}

/// How throughput grows with concurrency.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Curve {
    /// Messages under way, and messages a second.
    pub points: Vec<Point>,
    /// The fit; `None` if the points do not bear one.
    pub fit: Option<Fit>,
    /// The fitted curve with its interval, as far as the points bear it.
    pub drawn: Vec<Drawn>,
    /// The highest throughput that the fit shows, and where.
    pub peak: Option<(f64, f64, Interval)>,
    /// What the points do not bear.
    pub refused: Option<String>,
    /// What a reader should know of the points.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The runs.
    pub runs: Vec<Outcome>,
}

/// A point of a fitted curve.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Drawn {
    /// Messages under way.
    pub concurrency: f64,
    /// Messages a second.
    pub throughput: f64,
    /// The interval of 95 %.
    pub interval: Interval,
}

/// Searches.
///
/// # Errors
/// If the server cannot be reached or ends.
pub async fn find(args: &CapacityArgs, target: &Target, live: &Live) -> anyhow::Result<Capacity> {
    let bounds = Bounds {
        from: args.from,
        to: args.to,
        precision: args.precision,
        confirmations: args.confirmations,
        steps: args.steps,
    };
    let scenario = Chat::new(args.shape.clone());
    let mut search = Search::new(bounds);
    let mut steps: Vec<Step> = Vec::new();
    let answer = loop {
        let (load, why) = match search.next() {
            Next::Done(answer) => break answer,
            Next::Measure { load, why } => (load, why),
        };
        let offered = Offered::Open { rate: load, arrivals: args.arrivals };
        let outcome = measure(&scenario, target, of(args, offered, args.step_seconds), 1, live).await?;
        let (verdict, misses) = judge(&outcome, &args.slo);
        let p99 = outcome.own().map_or(0.0, |own| own.corrected_ms.p99);
        let step = Step { load, why, verdict, misses, outcome };
        live.say(&format!(
            "{:>9}/s  {:<7}  p99 {:>8} ms  {}",
            number(load.round()),
            format!("{why:?}").to_lowercase(),
            number(p99),
            step.outcome_in_words()
        ));
        search.tell(load, verdict);
        steps.push(step);
    };
    let curve = if args.no_usl { None } else { Some(curve(args, target, live).await?) };
    let saturated = saturated(&steps, &answer);
    Ok(Capacity { slo: args.slo.clone(), target: target.name.clone(), answer, saturated, steps, curve })
}

/// Judges a load: it must meet the objective, keep every promise, and have been offered.
///
/// A generator that was late or saturated made latencies longer, for they count from the intended time. So what met the
/// objective all the same has passed; what did not says nothing about the server.
fn judge(outcome: &Outcome, slo: &Slo) -> (Verdict, Vec<String>) {
    let mut misses = outcome.misses(slo);
    if !outcome.is_clean() {
        misses.push(format!("{} promises broken", outcome.faults.total()));
    }
    let generator = &outcome.generator;
    if generator.dropped > 0 && float(generator.dropped) > float(generator.scheduled) * 0.001 {
        let (dropped, scheduled) = (generator.dropped, generator.scheduled);
        misses.push(format!("{dropped} of {scheduled} could not be sent"));
    }
    misses.extend(generator.refused.clone());
    let verdict = match (misses.is_empty(), generator.limited) {
        (true, _) => Verdict::Pass,
        (false, true) => Verdict::Void,
        (false, false) => Verdict::Fail,
    };
    (verdict, misses)
}

impl Step {
    /// Says how it went.
    #[must_use]
    pub fn outcome_in_words(&self) -> String {
        match self.verdict {
            Verdict::Pass => "good".to_owned(),
            Verdict::Fail => self.misses.join("; "),
            Verdict::Void => format!("void: {}", self.outcome.generator.void.join("; ")),
        }
    }
}

fn of(args: &CapacityArgs, offered: Offered, length: f64) -> Load {
    Load {
        offered,
        seed: 1,
        warmup: Duration::from_secs_f64(args.warmup),
        length: Duration::from_secs_f64(length),
        deadline: Duration::from_secs(10),
        max_lateness: Duration::from_secs_f64(args.max_lateness / 1_000.0),
        read_back: READ_BACK,
    }
}

/// Measures closed loops from one message under way to as many as the window allows, and fits the curve.
async fn curve(args: &CapacityArgs, target: &Target, live: &Live) -> anyhow::Result<Curve> {
    let mut points = Vec::new();
    let mut runs = Vec::new();
    let mut notes = Vec::new();
    for (pairs, in_flight) in concurrencies(args.shape.pairs, args.shape.window) {
        let scenario = Chat::new(ChatShape { pairs, ..args.shape.clone() });
        let load = of(args, Offered::Closed { in_flight }, args.step_seconds.min(POINT));
        let outcome = measure(&scenario, target, load, 1, live).await?;
        let point = Point { concurrency: f64::from(pairs * in_flight), throughput: outcome.throughput() };
        let (under_way, rate) = (number(point.concurrency), number(point.throughput.round()));
        live.say(&format!("{under_way:>9} under way  {rate}/s"));
        match outcome.generator.void.first() {
            Some(reason) => notes.push(format!("{under_way} under way is no point of it: {reason}")),
            None if point.throughput > 0.0 && outcome.is_clean() => points.push(point),
            None => notes
                .push(format!("{under_way} under way is no point of it: promises were broken, or nothing was done")),
        }
        runs.push(outcome);
    }
    let fit = Fit::of(&points, 1);
    let mut refused = fit.as_ref().err().map(ToString::to_string);
    let fit = fit.ok();
    let drawn = fit.as_ref().map(drawn).unwrap_or_default();
    let peak = fit.as_ref().and_then(|fit| match fit.peak() {
        Ok((at, peak)) => Some((at, peak.throughput, peak.interval)),
        Err(_) => {
            refused = Some(no_peak(&points));
            None
        }
    });
    if fit.as_ref().is_some_and(|fit| fit.r_squared < POOR) {
        notes.push("the curve is a poor fit: do not reckon with it".to_owned());
    }
    Ok(Curve { points, fit, drawn, peak, refused, notes, runs })
}

/// Returns the highest point, if it is not the last one: then throughput has peaked, whatever a fit makes of it.
fn highest_but_last(points: &[Point]) -> Option<(Point, Point)> {
    let highest = points.iter().max_by(|one, other| one.throughput.total_cmp(&other.throughput))?;
    let last = points.iter().max_by(|one, other| one.concurrency.total_cmp(&other.concurrency))?;
    (highest.concurrency < last.concurrency).then_some((*highest, *last))
}

/// Says what the points themselves show where the fit has no peak that they bear.
fn no_peak(points: &[Point]) -> String {
    match highest_but_last(points) {
        Some((highest, last)) => format!(
            "that is the highest of the points: {}/s with {} under way was {:.1} % less; the fitted curve has no peak that \
             they bear",
            number(last.throughput.round()),
            number(last.concurrency),
            100.0 * (1.0 - last.throughput / highest.throughput)
        ),
        None => {
            let measured = points.iter().map(|point| point.concurrency).fold(0.0, f64::max);
            format!(
                "no peak: throughput was highest at the {} under way that were measured last, and the points do not bear more",
                number(measured)
            )
        }
    }
}

/// Returns pairs and messages in flight for at least eight concurrencies, up to all pairs with full windows.
fn concurrencies(pairs: u32, window: u32) -> Vec<(u32, u32)> {
    let doubled =
        |most: u32| std::iter::successors(Some(1), |last| Some(last * 2)).take_while(move |next| *next < most);
    let most = window.min(16);
    let mut all: Vec<(u32, u32)> = doubled(pairs).map(|pairs| (pairs, 1)).collect();
    all.extend(doubled(most).map(|in_flight| (pairs, in_flight)));
    all.push((pairs, most));
    all.dedup();
    all
}

fn drawn(fit: &Fit) -> Vec<Drawn> {
    const POINTS: u32 = 80;
    let top = fit.measured_to * crate::stats::usl::REACH;
    let place = |step: u32| top.powf(f64::from(step) / f64::from(POINTS));
    let point = |concurrency: f64| {
        let prediction = fit.predict(concurrency).ok()?;
        Some(Drawn { concurrency, throughput: prediction.throughput, interval: prediction.interval })
    };
    (0..=POINTS).filter_map(|step| point(place(step))).collect()
}

/// Names what ended the growth, from what was measured at the load above the answer.
fn saturated(steps: &[Step], answer: &Answer) -> String {
    let above = steps.iter().rev().find(|step| step.verdict != Verdict::Pass).or(steps.last());
    let Some(Step { outcome, load, .. }) = above else { return "nothing was measured".to_owned() };
    let at = format!("at {}/s", number(load.round()));
    if answer.below.is_none() && !answer.unsteady {
        return format!("nothing: {at} the objective was still met");
    }
    let generator = &outcome.generator;
    if generator.limited {
        return format!("the load generator: {}", generator.void.join("; "));
    }
    let Some(costs) = &outcome.server else {
        return format!("something of the server, {at}: its process is not known here (--pid)");
    };
    of_the_server(costs, outcome.seconds, generator.cpu_share, &at)
}

/// Names what the server had too little of; `at` says when.
fn of_the_server(costs: &Costs, seconds: f64, generator_share: f64, at: &str) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let busiest = costs.threads.first();
    let busy = percent(costs.machine_share);
    let waited = |thread: &&ThreadShare| thread.kept_waiting.unwrap_or_default();
    let urgent = costs.threads.iter().filter(|thread| !thread.gives_way);
    let starved = urgent.max_by(|one, other| waited(one).total_cmp(&waited(other)));
    let starved = starved.filter(|thread| waited(thread) > STARVED).map(|thread| {
        let share = percent(waited(&thread));
        format!("its thread `{}` was ready for {share} of the time with no core free for it", thread.name)
    });
    match (busiest.filter(|thread| thread.worked > BUSY), starved) {
        (Some(ThreadShare { name, worked, .. }), _) => {
            format!("CPU: the server's thread `{name}`, {} of a core {at}", percent(*worked))
        }
        (None, starved) if costs.machine_share > BUSY => {
            let server = percent((costs.user + costs.system) / seconds);
            let own = percent(generator_share);
            let starved = starved.map_or(String::new(), |starved| format!("; {starved}"));
            format!("CPU: all cores, {busy} busy {at} (the server {server} of a core, this generator {own}{starved})")
        }
        _ if costs.disk_wait_share > 0.2 => {
            format!("the disk: {} of the machine's time waited for it {at}", percent(costs.disk_wait_share))
        }
        (None, Some(starved)) => format!("CPU: {busy} of the machine busy {at}, but {starved}"),
        (None, None) => {
            let commit =
                costs.says.as_ref().map_or(String::new(), |says| format!(", a commit took {:.1} ms", says.commit_ms));
            format!(
                "no CPU: {busy} of the machine busy {at}, busiest thread {}{commit}; waiting, for the disk or for locks",
                percent(busiest.map_or(0.0, |thread| thread.worked))
            )
        }
    }
}

impl Curve {
    /// Returns the highest point that was measured, if throughput was lower at the last one.
    #[must_use]
    pub fn measured_peak(&self) -> Option<Point> {
        highest_but_last(&self.points).map(|(highest, _)| highest)
    }
}

impl Capacity {
    /// Returns all runs.
    pub fn runs(&self) -> impl Iterator<Item = &Outcome> {
        self.steps.iter().map(|step| &step.outcome).chain(self.curve.iter().flat_map(|curve| &curve.runs))
    }

    /// Returns how many promises were broken, at any load: a server may be slow when it is overloaded, and lose nothing.
    #[must_use]
    pub fn faults(&self) -> u64 {
        let overloaded = |run: &Outcome| run.offered().is_some_and(|rate| rate > self.answer.at_least);
        let slow = |run: &Outcome| if overloaded(run) { run.faults.family(Family::Delayed) } else { 0 };
        self.runs().map(|run| run.faults.total() - slow(run)).sum()
    }

    /// Tells whether no load passed that was tried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answer.at_least <= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(name: &str, worked: f64, kept_waiting: f64) -> ThreadShare {
        ThreadShare { name: name.to_owned(), worked, kept_waiting: Some(kept_waiting), gives_way: false }
    }

    /// On two cores for three threads none of them is busy all the time, and still it is cores that are missing.
    #[test]
    fn a_thread_that_is_ready_and_has_no_core_is_named() {
        let named = |machine_share, threads| {
            let costs = Costs { user: 1.0, system: 2.0, machine_share, threads, ..Costs::default() };
            of_the_server(&costs, 2.0, 0.5, "at 86,000/s")
        };
        let reader = ThreadShare { gives_way: true, ..thread("sqlite-read-1", 0.1, 0.9) };
        let starved = || vec![thread("hub", 0.78, 0.13), thread("storage", 0.39, 0.42), reader.clone()];
        assert_eq!(
            named(0.75, starved()),
            "CPU: 75 % of the machine busy at 86,000/s, but its thread `storage` was ready for 42 % of the time with no core \
             free for it"
        );
        assert_eq!(
            named(0.95, starved()),
            "CPU: all cores, 95 % busy at 86,000/s (the server 150 % of a core, this generator 50 %; its thread `storage` was \
             ready for 42 % of the time with no core free for it)"
        );
        assert_eq!(
            named(0.75, vec![thread("hub", 0.95, 0.2)]),
            "CPU: the server's thread `hub`, 95 % of a core at 86,000/s"
        );
        let waits = named(0.3, vec![thread("hub", 0.2, 0.05)]);
        assert!(waits.starts_with("no CPU: 30 % of the machine busy at 86,000/s, busiest thread 20 %"), "{waits}");
    }

    #[test]
    fn rows_that_peak_are_not_said_to_have_no_peak() {
        let points = |throughputs: &[f64]| -> Vec<Point> {
            let point = |(at, throughput): (usize, &f64)| Point {
                concurrency: f64::from(1_u32 << at),
                throughput: *throughput,
            };
            throughputs.iter().enumerate().map(point).collect()
        };
        let peaked = points(&[1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 40e3, 38e3, 30e3]);
        let said = no_peak(&peaked);
        assert!(!said.contains("no peak:") && said.contains("30,000/s with 256 under way was 25.0 % less"), "{said}");
        let curve = |points| Curve {
            points,
            fit: None,
            drawn: Vec::new(),
            peak: None,
            refused: None,
            notes: Vec::new(),
            runs: Vec::new(),
        };
        let peak = curve(peaked).measured_peak().expect("a peak");
        assert!((peak.concurrency, peak.throughput) == (64.0, 40e3), "{peak:?}");
        let grows = points(&[1e3, 2e3, 4e3, 8e3, 16e3, 30e3, 40e3, 41e3]);
        assert!(
            no_peak(&grows).contains("no peak: throughput was highest at the 128 under way"),
            "{}",
            no_peak(&grows)
        );
        assert_eq!(curve(grows).measured_peak(), None);
    }

    #[test]
    fn a_curve_has_enough_points() {
        let all = concurrencies(100, 16);
        let total: Vec<u32> = all.iter().map(|(pairs, in_flight)| pairs * in_flight).collect();
        assert_eq!(total, [1, 2, 4, 8, 16, 32, 64, 100, 200, 400, 800, 1_600]);
        assert!(concurrencies(20, 16).len() >= 8);
    }
}
