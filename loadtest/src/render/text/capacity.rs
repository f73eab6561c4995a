//! The result of a search for capacity as text.

use std::fmt::Write as _;

use super::labels;
use crate::render::table::{Table, number, percent, whole};
use crate::result::{Capacity, Curve};

/// Renders the result of a search for capacity.
pub(super) fn text(capacity: &Capacity) -> String {
    let mut table = Table::new(&[
        "offered /s",
        "phase",
        "completed /s",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "CPU µs per message",
        "generator",
        "",
    ]);
    for step in &capacity.steps {
        let latency = step.outcome.primary().map(|primary| primary.corrected_ms).unwrap_or_default();
        table.row([
            number(step.load.round()),
            step.phase.name().to_owned(),
            number(step.outcome.throughput().round()),
            format!("{:.2}", latency.p50),
            format!("{:.2}", latency.p99),
            format!("{:.2}", latency.p999),
            step.outcome.cpu_us_per_operation().map_or("–".to_owned(), number),
            percent(step.outcome.generator.cpu_share),
            step.describe(),
        ]);
    }
    let keys = capacity.runs().next().and_then(|run| run.keys);
    let keys = keys.map_or_else(String::new, |keys| labels::keys(keys) + "\n");
    let mut text = format!("capacity of {} under {}\n{keys}\n{}\n", capacity.target, capacity.slo, table.text());
    let answer = &capacity.answer;
    // Writing to a String does not fail.
    let _ = writeln!(text, "capacity   {}", interval(capacity));
    let _ = writeln!(
        text,
        "confirmed  {}{}",
        times(answer.confirmed),
        if answer.exhausted { "; the search ended after the most steps that it may take (--steps)" } else { "" }
    );
    let _ = writeln!(text, "exhausted  {}", capacity.saturated);
    if let Some(curve) = &capacity.curve {
        text.push_str(&usl(curve));
    }
    for run in capacity.runs() {
        for example in &run.violations.examples {
            let _ = writeln!(text, "VIOLATION  {}: {example}", labels::load(run));
        }
    }
    if capacity.violations() > 0 {
        let _ = writeln!(text, "\n{} guarantees broken: this run is a failure", whole(capacity.violations()));
    }
    text
}

/// Describes the interval that holds the capacity.
pub(in crate::render) fn interval(capacity: &Capacity) -> String {
    let answer = &capacity.answer;
    let low = number(answer.at_least.round());
    match answer.below {
        None if answer.unsteady => {
            format!("at least {low} messages/s: above it some loads failed now and then, and none of them reliably")
        }
        None => format!("at least {low} messages/s: no load that was tried failed"),
        Some(_) if answer.generator_limited && answer.at_least > 0.0 => {
            format!("at least {low} messages/s: above it the generator was the limit")
        }
        Some(high) if answer.at_least > 0.0 => format!("{low} to {} messages/s", number(high.round())),
        Some(high) => format!("below {} messages/s: no load that was tried passed", number(high.round())),
    }
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn usl(curve: &Curve) -> String {
    let mut text = String::new();
    if let Some(fit) = &curve.fit {
        let (model, show) =
            (fit.model, |value: f64| if value.abs() < 0.01 { format!("{value:.1e}") } else { number(value) });
        let _ = writeln!(
            text,
            "USL fit    λ {} [{} … {}] · σ {} [{} … {}] · κ {} [{} … {}] · R² {:.3} over {} points",
            show(model.lambda),
            show(fit.lambda.low),
            show(fit.lambda.high),
            show(model.sigma),
            show(fit.sigma.low),
            show(fit.sigma.high),
            show(model.kappa),
            show(fit.kappa.low),
            show(fit.kappa.high),
            fit.r_squared,
            curve.points.len(),
        );
    }
    if let Some((at, peak, interval)) = &curve.peak {
        let (low, high) = (number(interval.low.round()), number(interval.high.round()));
        let _ = writeln!(
            text,
            "peak       {} messages/s [{low} … {high}] with {} in flight",
            number(peak.round()),
            number(at.round())
        );
    } else if let (Some(_), Some(peak)) = (&curve.fit, curve.measured_peak()) {
        let (throughput, at) = (number(peak.throughput.round()), number(peak.concurrency));
        let _ = writeln!(text, "peak       {throughput} messages/s with {at} in flight, as measured");
    }
    for note in curve.refused.iter().chain(&curve.notes) {
        let _ = writeln!(text, "           {note}");
    }
    text
}
