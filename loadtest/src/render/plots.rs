//! The plots of each result.

use super::scale::{Axis, Scale};
use super::svg::{Band, Draw, Plot};
use super::table::number;
use crate::load::Offered;
use crate::result::{Capacity, Comparison, Curve, CurvePoint, Outcome, Plan, Second, Step};
use crate::stats::float;
use crate::stats::latency::Latency;
use crate::stats::search::Verdict;
use crate::stats::slo::Subject;
use crate::stats::spread::Spread;

const OFFERED: Axis = Axis { label: "offered messages per second", scale: Scale::Linear };
const MILLIS: Axis = Axis { label: "milliseconds", scale: Scale::Log };
const SHARE: Axis = Axis { label: "share of the values below", scale: Scale::Quantile };
const SECONDS: Axis = Axis { label: "seconds", scale: Scale::Linear };

/// The plots of a run.
pub(super) fn run(outcome: &Outcome) -> Vec<Plot> {
    let mut plots = Vec::new();
    if let Some(primary) = outcome.primary() {
        let title = format!("Percentiles of a {}", primary.name);
        let open = matches!(outcome.load, Offered::Open { .. });
        let mut plot = Plot::new(&title, SHARE, MILLIS);
        if open {
            plot = plot.with("from the intended time", 0, Draw::Line, spectrum(&primary.corrected));
        }
        plots.push(plot.with(if open { "from send" } else { "latency" }, 1, Draw::Line, spectrum(&primary.service)));
    }
    let line =
        |of: fn(&Second) -> f64| outcome.timeline.iter().map(|second| (second.at, of(second))).collect::<Vec<_>>();
    // Idle connections have neither.
    if outcome.throughput() > 0.0 {
        let completed_axis = Axis { label: "completed per second", scale: Scale::Linear };
        let completed = line(|second| float(second.completed));
        plots.push(Plot::new("Throughput", SECONDS, completed_axis).with("completed", 0, Draw::Both, completed));
        plots.push(Plot::new("Latency", SECONDS, MILLIS).with("p50", 0, Draw::Both, line(|second| second.p50)).with(
            "p99",
            1,
            Draw::Both,
            line(|second| second.p99),
        ));
    }
    let megabytes = Axis { label: "resident MB", scale: Scale::Linear };
    plots.push(Plot::new("Memory", SECONDS, megabytes).with(
        "resident",
        2,
        Draw::Both,
        line(|second| f64::from(second.resident_kb) * 1024.0 / 1e6),
    ));
    plots.push(memory(outcome));
    plots.retain(|plot| !plot.is_empty());
    plots
}

/// Resident memory over connections.
fn memory(outcome: &Outcome) -> Plot {
    let connections = Axis { label: "connections", scale: Scale::Linear };
    let megabytes = Axis { label: "resident MB", scale: Scale::Linear };
    let measured = outcome.extra.iter().filter_map(|figure| {
        let count: f64 = figure.name.strip_prefix("resident with ")?.parse().ok()?;
        Some((count, figure.value * 1024.0 / 1e6))
    });
    let before = outcome.extra.iter().find(|figure| figure.name == "resident before");
    let before = before.map(|figure| (0.0, figure.value * 1024.0 / 1e6));
    let points: Vec<(f64, f64)> = before.into_iter().chain(measured).collect();
    let points = if points.len() < 2 { Vec::new() } else { points };
    Plot::new("Memory over connections", connections, megabytes).with("resident", 2, Draw::Both, points)
}

/// The plots of a search for capacity.
pub(super) fn capacity(capacity: &Capacity) -> Vec<Plot> {
    let mut steps: Vec<&Step> = capacity.steps.iter().collect();
    steps.sort_by(|one, other| one.load.total_cmp(&other.load));
    let of = |subject: Subject| -> Vec<(f64, f64)> {
        steps.iter().map(|step| (step.load, step.outcome.measured(subject))).collect()
    };
    let mut latency = Plot::new("Latency over offered load", OFFERED, MILLIS);
    for (name, colour, subject) in [("p50", 0, Subject::P50), ("p99", 1, Subject::P99), ("p99.9", 3, Subject::P999)] {
        let all = of(subject);
        latency = latency.with(name, colour, Draw::Line, medians(&all));
        if subject == Subject::P99 {
            latency = latency.with("p99 of each run", colour, Draw::Dots, all);
        }
    }
    latency.limit = limit(capacity);
    let mut plots = vec![latency, delivered(capacity, &steps)];
    plots.extend(capacity.curve.as_ref().map(scalability));
    plots.push(spectra(capacity));
    plots.extend(costs(&steps, capacity.curve.as_ref()));
    plots.retain(|plot| !plot.is_empty());
    plots
}

fn limit(capacity: &Capacity) -> Option<(f64, String)> {
    let slo = capacity.slo.to_string();
    let bound = slo.split(',').find_map(|term| {
        let digits = term.strip_prefix("p99<")?.trim_start_matches('=').strip_suffix("ms")?;
        digits.parse::<f64>().ok()
    })?;
    Some((bound, format!("objective: p99 < {bound} ms")))
}

/// Completed over offered messages, with the highest throughput of the fitted curve.
fn delivered(capacity: &Capacity, steps: &[&Step]) -> Plot {
    let completed = |wanted: bool| -> Vec<(f64, f64)> {
        let passed = steps.iter().filter(|step| (step.verdict == Verdict::Pass) == wanted);
        passed.map(|step| (step.load, step.outcome.throughput())).collect()
    };
    let highest = steps.last().map_or(0.0, |step| step.load);
    let axis = Axis { label: "completed messages per second", scale: Scale::Linear };
    let mut plot = Plot::new("Throughput over offered load", OFFERED, axis).with(
        "as offered",
        9,
        Draw::Dashed,
        vec![(0.0, 0.0), (highest, highest)],
    );
    if let Some(Maximum { at: CurvePoint { concurrency, throughput, interval }, place, r_squared }) =
        capacity.curve.as_ref().and_then(Maximum::of)
    {
        let corners = |level: &[f64]| -> Vec<f64> {
            let below = level.iter().copied().filter(|level| *level < highest);
            [0.0].into_iter().chain(below).chain([highest]).collect()
        };
        let line = corners(&[throughput]).into_iter().map(|at| (at, at.min(throughput))).collect();
        plot = plot.with("fitted: the offered load, up to the maximum of the curve", 0, Draw::Line, line);
        let between = |at: f64| (at, at.min(interval.low), at.min(interval.high));
        let edges = corners(&[interval.low, interval.high]).into_iter().map(between).collect();
        plot.band = Some(Band { name: "confidence interval of that maximum (bootstrap, 95 %)", edges });
        let [most, low, high, in_flight] =
            [throughput, interval.low, interval.high, concurrency].map(|value| number(value.round()));
        plot.note = Some(format!(
            "The line is not fitted to these points. It is the offered load, up to the maximum of the Universal \
             Scalability Law as fitted to closed loops (R² {r_squared:.3}): {most} messages/s [{low} … {high}] with \
             {in_flight} in flight, {place}."
        ));
    }
    plot.with("met the objective", 2, Draw::Dots, completed(true)).with("did not", 1, Draw::Dots, completed(false))
}

/// The highest throughput of a fitted curve.
struct Maximum {
    at: CurvePoint,
    place: &'static str,
    r_squared: f64,
}

impl Maximum {
    /// Returns the peak of the curve, or its highest measured concurrency if it has no peak.
    fn of(curve: &Curve) -> Option<Self> {
        let fit = curve.fit.as_ref()?;
        let peak =
            curve.peak.map(|(concurrency, throughput, interval)| CurvePoint { concurrency, throughput, interval });
        let last = || curve.drawn.iter().rev().find(|point| point.concurrency <= fit.measured_to).copied();
        let place = if peak.is_some() { "its peak" } else { "the highest concurrency that was measured" };
        Some(Self { at: peak.or_else(last)?, place, r_squared: fit.r_squared })
    }
}

/// Throughput over concurrency, with the fitted curve.
fn scalability(curve: &Curve) -> Plot {
    let in_flight = Axis { label: "messages in flight", scale: Scale::Log };
    let completed = Axis { label: "completed messages per second", scale: Scale::Linear };
    let measured = curve.points.iter().map(|point| (point.concurrency, point.throughput)).collect();
    let drawn = curve.drawn.iter().map(|point| (point.concurrency, point.throughput)).collect();
    let mut plot = Plot::new("Throughput over concurrency, and the Universal Scalability Law", in_flight, completed)
        .with("fitted", 0, Draw::Line, drawn)
        .with("measured", 1, Draw::Dots, measured);
    let edges = |point: &CurvePoint| (point.concurrency, point.interval.low.max(0.0), point.interval.high);
    let edges: Vec<_> = curve.drawn.iter().map(edges).collect();
    plot.band = (!edges.is_empty()).then_some(Band { name: "confidence interval (bootstrap, 95 %)", edges });
    let notes: Vec<&str> = curve.refused.iter().chain(&curve.notes).map(String::as_str).collect();
    plot.note = (!notes.is_empty()).then(|| notes.join(" · "));
    plot
}

/// Percentiles at the answer, and at the load above it.
fn spectra(capacity: &Capacity) -> Plot {
    let last = |load: Option<f64>| {
        let load = load?;
        capacity.steps.iter().rev().find(|step| (step.load - load).abs() < 1e-6).and_then(|step| step.outcome.primary())
    };
    let mut plot = Plot::new("Percentiles at the highest passing load, and above it", SHARE, MILLIS);
    for (name, colour, primary) in [
        ("highest passing load", 2, last(Some(capacity.answer.at_least))),
        ("lowest load that failed", 1, last(capacity.answer.below)),
    ] {
        if let Some(primary) = primary {
            plot = plot.with(name, colour, Draw::Line, spectrum(&primary.corrected));
        }
    }
    plot
}

/// The batch size of commits and the CPU time per message, over throughput.
fn costs(steps: &[&Step], curve: Option<&Curve>) -> Vec<Plot> {
    let runs = steps.iter().map(|step| &step.outcome).chain(curve.into_iter().flat_map(|curve| &curve.runs));
    let runs: Vec<&Outcome> = runs.collect();
    let over = |of: &dyn Fn(&Outcome) -> Option<f64>| -> Vec<(f64, f64)> {
        runs.iter().filter_map(|run| Some((run.throughput(), of(run)?))).collect()
    };
    let completed = Axis { label: "completed messages per second", scale: Scale::Log };
    let batch = over(&|run| run.server.as_ref()?.metrics.as_ref().map(|hub| hub.writes_per_commit));
    let cpu = over(&Outcome::cpu_us_per_operation);
    vec![
        Plot::new("Batch size over throughput", completed, Axis { label: "writes per commit", scale: Scale::Log })
            .with("writes", 0, Draw::Dots, batch),
        Plot::new("Server CPU per message", completed, Axis { label: "microseconds", scale: Scale::Log }).with(
            "CPU",
            3,
            Draw::Dots,
            cpu,
        ),
    ]
}

/// The plots of a comparison.
pub(super) fn comparison(comparison: &Comparison) -> Vec<Plot> {
    let mut plots = Vec::new();
    for load in &comparison.loads {
        let what = match load.load {
            Offered::Open { rate, .. } => format!("open loop, {rate}/s"),
            Offered::Closed { in_flight } => format!("{in_flight} in flight per client"),
            Offered::Own => String::new(),
        };
        let all = |runs: &[Outcome]| {
            let mut sum = Latency::new();
            runs.iter().filter_map(Outcome::primary).for_each(|primary| sum.add(&primary.corrected));
            spectrum(&sum)
        };
        plots.push(
            Plot::new(&format!("Percentiles, {what}"), SHARE, MILLIS)
                .with(&format!("A: {}", comparison.a), 0, Draw::Line, all(&load.a))
                .with(&format!("B: {}", comparison.b), 1, Draw::Line, all(&load.b)),
        );
        let round = Axis { label: "round", scale: Scale::Integers };
        let rate = Axis { label: "messages per second", scale: Scale::Linear };
        let rounds = |runs: &[Outcome]| -> Vec<(f64, f64)> {
            (1_u32..).zip(runs).map(|(round, run)| (f64::from(round), run.throughput())).collect()
        };
        plots.push(
            Plot::new(&format!("Throughput, {what}"), round, rate)
                .with(&format!("A: {}", comparison.a), 0, Draw::Both, rounds(&load.a))
                .with(&format!("B: {}", comparison.b), 1, Draw::Both, rounds(&load.b)),
        );
    }
    plots.retain(|plot| !plot.is_empty());
    plots
}

/// The plots of a plan.
pub(super) fn plan(plan: &Plan) -> Vec<Plot> {
    let users = Axis { label: "users", scale: Scale::Log };
    let nodes = Axis { label: "nodes", scale: Scale::Log };
    let mut points: Vec<(f64, f64)> =
        plan.rows.iter().map(|(demand, needs)| (demand.users, float(needs.nodes))).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut plots = vec![Plot::new("Nodes over users", users, nodes).with("nodes", 0, Draw::Both, points)];
    plots.retain(|plot| !plot.is_empty());
    plots
}

/// Returns the median of the values at each place; the points are in order.
fn medians(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let same = |one: &(f64, f64), other: &(f64, f64)| (one.0 - other.0).abs() < 1e-9;
    let middle = |run: &[(f64, f64)]| {
        let values: Vec<f64> = run.iter().map(|(_, value)| *value).collect();
        Some((run.first()?.0, Spread::of(&values)?.median))
    };
    points.chunk_by(same).filter_map(middle).collect()
}

/// Latency over the share of the values below it.
fn spectrum(latency: &Latency) -> Vec<(f64, f64)> {
    if latency.count() == 0 {
        return Vec::new();
    }
    // Up to the last percentile with a value above it: of a thousand values, that is 99.9 %.
    let most = 1.0 - 1.0 / float(latency.count()).max(2.0);
    let place = |step: u32| 1.0 - 0.001_f64.powf(f64::from(step) / 60.0 * 2.0);
    (0..=60).map(place).filter(|share| *share <= most).map(|share| (share, latency.quantile(share))).collect()
}
