//! Capacity, comparisons and plans as text.

use std::fmt::Write as _;

use super::table::{Table, bytes, number, percent, whole};
use crate::capacity::{Capacity, Curve};
use crate::compare::Comparison;
use crate::outcome::{Offered, Outcome};
use crate::plan::Plan;
use crate::stats::plan::Because;
use crate::stats::spread::Spread;

/// Writes a line that says which idempotency keys the clients of a run made.
fn keys(run: Option<&Outcome>) -> String {
    run.and_then(|run| run.keys).map_or_else(String::new, |keys| super::text::keys(keys) + "\n")
}

/// Writes a capacity.
pub(super) fn capacity(capacity: &Capacity) -> String {
    let mut table =
        Table::new(&["offered /s", "why", "done /s", "p50 ms", "p99 ms", "p99.9 ms", "CPU µs each", "generator", ""]);
    for step in &capacity.steps {
        let own = step.outcome.own().map(|own| own.corrected_ms).unwrap_or_default();
        table.row([
            number(step.load.round()),
            format!("{:?}", step.why).to_lowercase(),
            number(step.outcome.throughput().round()),
            format!("{:.2}", own.p50),
            format!("{:.2}", own.p99),
            format!("{:.2}", own.p999),
            step.outcome.cpu_us_each().map_or("–".to_owned(), number),
            percent(step.outcome.generator.cpu_share),
            step.outcome_in_words(),
        ]);
    }
    let keys = keys(capacity.runs().next());
    let mut text = format!("capacity of {} under {}\n{keys}\n{}\n", capacity.target, capacity.slo, table.text());
    let answer = &capacity.answer;
    // Writing to a String does not fail.
    let _ = writeln!(text, "capacity   {}", interval(capacity));
    let _ = writeln!(
        text,
        "confirmed  {}{}",
        times(answer.confirmed),
        if answer.exhausted { "; ended after all steps that it may take" } else { "" }
    );
    let _ = writeln!(text, "saturated  {}", capacity.saturated);
    if let Some(curve) = &capacity.curve {
        text.push_str(&usl(curve));
    }
    for run in capacity.runs() {
        for example in &run.faults.examples {
            let _ = writeln!(text, "FAULT      {}: {example}", super::text::load(run));
        }
    }
    if capacity.faults() > 0 {
        let _ = writeln!(text, "\n{} promises broken: this is no result", whole(capacity.faults()));
    }
    text
}

/// Says the answer.
pub(super) fn interval(capacity: &Capacity) -> String {
    let answer = &capacity.answer;
    let low = number(answer.at_least.round());
    match answer.below {
        None if answer.unsteady => {
            format!("at least {low} messages/s: above it loads fail now and then, and none of them for certain")
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
            "curve      λ {} [{} … {}] · σ {} [{} … {}] · κ {} [{} … {}] · R² {:.3} over {} points",
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
            "peak       {} messages/s [{low} … {high}] with {} under way",
            number(peak.round()),
            number(at.round())
        );
    } else if let (Some(_), Some(peak)) = (&curve.fit, curve.measured_peak()) {
        let (throughput, at) = (number(peak.throughput.round()), number(peak.concurrency));
        let _ = writeln!(text, "peak       {throughput} messages/s with {at} under way, as measured");
    }
    if let Some(refused) = &curve.refused {
        let _ = writeln!(text, "           {refused}");
    }
    for note in &curve.notes {
        let _ = writeln!(text, "           {note}");
    }
    text
}

/// Writes a comparison.
pub(super) fn comparison(comparison: &Comparison) -> String {
    let keys = keys(comparison.runs().next());
    let mut text = format!("A  {}\nB  {}\n{keys}", comparison.one, comparison.other);
    for load in &comparison.loads {
        let what = match load.load {
            Offered::Open { rate, .. } => format!("{}/s by the clock", number(rate)),
            Offered::Closed { in_flight } => format!("{in_flight} in flight"),
            Offered::Own => String::new(),
        };
        let rounds = load.one.len();
        let rounds = if rounds == 1 { "one round".to_owned() } else { format!("medians of {rounds} rounds in turn") };
        let _ = writeln!(text, "\n{what}, {rounds} [lowest … highest]");
        let mut table = Table::new(&["", "A", "", "B", "", "A / B", "", ""]);
        for row in &load.rows {
            let better = if (row.ratio.median > 1.0) == row.more_is_better { "A is better" } else { "B is better" };
            let even = row.ratio.lowest <= 1.0 && row.ratio.highest >= 1.0;
            let [one, other, ratio] = [row.one, row.other, row.ratio].map(cells);
            let verdict = if even { "even" } else { better };
            let name = if row.unit.is_empty() { row.name.clone() } else { format!("{}, {}", row.name, row.unit) };
            table.row([name].into_iter().chain(one).chain(other).chain(ratio).chain([verdict.to_owned()]));
        }
        text.push_str(&table.text());
    }
    text.push('\n');
    for note in &comparison.notes {
        let _ = writeln!(text, "note  {note}");
    }
    for run in comparison.runs() {
        for reason in &run.generator.void {
            let _ = writeln!(text, "VOID  {}: {reason}", run.target);
        }
        for example in &run.faults.examples {
            let _ = writeln!(text, "FAULT {}: {example}", run.target);
        }
    }
    let _ = match comparison.faults() {
        0 => writeln!(text, "nothing lost, nothing doubled, everything in order, on either side"),
        count => writeln!(text, "{} promises broken: this is no result", whole(count)),
    };
    text
}

fn cells(spread: Spread) -> [String; 2] {
    [number(spread.median), format!("[{} … {}]", number(spread.lowest), number(spread.highest))]
}

/// Writes a plan.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = String::new();
    for (title, lines) in [("unit costs", &plan.sources), ("assumptions", &plan.assumptions)] {
        let _ = writeln!(text, "{title}");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
    }
    let mut table = Table::new(&[
        "users",
        "connections",
        "messages/s at peak",
        "nodes",
        "because of",
        "CPU µs each",
        "busy cores",
        "memory a node",
        "message rows a month",
        "database a month",
        "images a month",
    ]);
    for (demand, needs) in &plan.rows {
        table.row([
            number(demand.users),
            number(needs.connections.round()),
            number(needs.peak_rate),
            whole(needs.nodes),
            match needs.because {
                Because::Messages => "messages",
                Because::Connections => "connections",
            }
            .to_owned(),
            number(needs.message_cpu_us),
            number(needs.cores),
            bytes(needs.node_memory),
            number(needs.rows_per_month),
            bytes(needs.database_per_month),
            bytes(needs.images_per_month),
        ]);
    }
    text + &table.text()
}
