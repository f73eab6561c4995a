//! Reports as one HTML page that loads nothing else.

use std::fmt::Write as _;

use super::svg::{Plot, escaped};
use super::table::{bytes, number, whole};
use super::{plots, text};
use crate::load::Offered;
use crate::report::{Report, ReportResult, Verdict};
use crate::result::{Outcome, Plan, plural};
use crate::stats::plan::{Demand, Needs};

const STYLE: &str = include_str!("html/style.css");

/// Renders the page.
#[must_use]
pub fn page(reports: &[Report]) -> String {
    let title = match reports {
        [report] => heading(report).0,
        _ => "Load test".to_owned(),
    };
    let mut page = String::new();
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>",
        escaped(&title)
    );
    for report in reports {
        section(&mut page, report);
    }
    page.push_str("</main></body></html>\n");
    page
}

fn section(page: &mut String, report: &Report) {
    let (title, answer) = heading(report);
    let _ = write!(page, r#"<section><header><h1>{}</h1><p class="answer">{}</p>"#, escaped(&title), escaped(&answer));
    if let Some((class, verdict)) = badge(report) {
        let _ = write!(page, r#"<p class="verdict {class}">{verdict}</p>"#);
    }
    page.push_str(r#"</header><div class="cards">"#);
    for (name, value) in cards(report) {
        let _ = write!(page, r#"<div class="card"><b>{}</b><span>{}</span></div>"#, escaped(&value), escaped(&name));
    }
    page.push_str(r#"</div><div class="plots">"#);
    let plots = match &report.result {
        ReportResult::Run(outcome) => plots::run(outcome),
        ReportResult::Capacity(capacity) => plots::capacity(capacity),
        ReportResult::Comparison(comparison) => plots::comparison(comparison),
        ReportResult::Plan(plan) => plots::plan(plan),
    };
    plots.iter().map(Plot::html).for_each(|plot| page.push_str(&plot));
    let _ = write!(page, "</div><h2>As text</h2><pre>{}</pre>", escaped(&text::text(report)));
    page.push_str(r#"<h2>Environment</h2><table class="sheet">"#);
    for (name, line) in report.environment.lines() {
        let _ = write!(page, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(&line));
    }
    page.push_str("</table></section>");
}

/// Returns the verdict as a badge; `None` for a plan, which measures nothing.
fn badge(report: &Report) -> Option<(&'static str, &'static str)> {
    Some(match (report.verdict(), &report.result) {
        (_, ReportResult::Plan(_)) => return None,
        (Verdict::Kept, _) => ("good", "every guarantee kept"),
        (Verdict::Broken, _) => ("bad", "guarantees broken: this run is a failure"),
        (Verdict::Invalid, ReportResult::Capacity(_)) => ("invalid", "invalid: no load passed"),
        (Verdict::Invalid, _) => ("invalid", "invalid: the load was not as requested"),
    })
}

/// Returns the title and the main figure of a report.
fn heading(report: &Report) -> (String, String) {
    match &report.result {
        ReportResult::Run(outcome) => {
            let names = outcome.primary().map_or_else(String::new, |primary| plural(&primary.name));
            let answer = if let Some(kilobytes) = per_connection(outcome) {
                format!("{} KB of memory per connection", number(kilobytes))
            } else if outcome.throughput() > 0.0 {
                format!("{} {names} per second", number(outcome.throughput().round()))
            } else {
                text::load(outcome)
            };
            (format!("{} · {}", outcome.scenario, outcome.target), answer)
        }
        ReportResult::Capacity(capacity) => {
            (format!("Capacity of {} under {}", capacity.target, capacity.slo), text::interval(capacity))
        }
        ReportResult::Comparison(comparison) => {
            let ratios: Vec<String> = comparison
                .loads
                .iter()
                .filter_map(|load| load.rows.first())
                .map(|row| format!("{}×", number(row.ratio.median)))
                .collect();
            let answer = format!("A completes {} the messages of B", ratios.join(" and "));
            (format!("{} and {}", comparison.a, comparison.b), answer)
        }
        ReportResult::Plan(plan) => {
            let answer = largest(plan).map_or_else(String::new, |(demand, needs)| {
                let nodes = if needs.nodes == 1 { "node" } else { "nodes" };
                format!("{} {nodes} for {} users", whole(needs.nodes), number(demand.users))
            });
            ("Plan".to_owned(), answer)
        }
    }
}

/// Returns the memory of a connection in KB, if that was measured.
fn per_connection(outcome: &Outcome) -> Option<f64> {
    outcome.extra.iter().find(|figure| figure.name == "memory per connection").map(|figure| figure.value)
}

/// Returns the row of a plan with the most users.
fn largest(plan: &Plan) -> Option<&(Demand, Needs)> {
    plan.rows.iter().max_by(|(one, _), (other, _)| one.users.total_cmp(&other.users))
}

/// Returns the main figures, as cards.
fn cards(report: &Report) -> Vec<(String, String)> {
    match &report.result {
        ReportResult::Run(outcome) => of_run(outcome),
        ReportResult::Capacity(capacity) => {
            let answer = capacity.answer.at_least;
            let step = capacity.steps.iter().rev().find(|step| step.load == answer);
            step.map(|step| of_run(&step.outcome)).unwrap_or_default()
        }
        ReportResult::Comparison(_) => Vec::new(),
        ReportResult::Plan(plan) => largest(plan).map(|(_, needs)| of_plan(needs)).unwrap_or_default(),
    }
}

fn of_plan(needs: &Needs) -> Vec<(String, String)> {
    [
        ("connections", number(needs.connections.round())),
        ("messages per second at the peak", number(needs.peak_rate)),
        ("memory per node", bytes(needs.node_memory)),
        ("database per month", bytes(needs.database_per_month)),
        ("images per month", bytes(needs.images_per_month)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn of_run(outcome: &Outcome) -> Vec<(String, String)> {
    let card = |name: &str, value: String| (name.to_owned(), value);
    let mut cards = Vec::new();
    if let Some(primary) = outcome.primary().filter(|primary| primary.corrected.count() > 0) {
        cards.push(card(&format!("{} per second", plural(&primary.name)), number(outcome.throughput().round())));
        // As in the text: a closed loop has no intended times.
        let (view, latency) = match outcome.load {
            Offered::Open { .. } => (" from intended time", primary.corrected_ms),
            Offered::Closed { .. } | Offered::Own => ("", primary.service_ms),
        };
        cards.push(card(&format!("p50{view}"), format!("{} ms", number(latency.p50))));
        cards.push(card(&format!("p99{view}"), format!("{} ms", number(latency.p99))));
    }
    cards.extend(outcome.keys.map(|keys| card("idempotency keys", keys.name().to_owned())));
    if let Some(us) = outcome.cpu_us_per_operation() {
        cards.push(card("server CPU per operation", format!("{} µs", number(us))));
    }
    if let Some(costs) = &outcome.server {
        cards.push(card("resident memory", bytes(f64::from(costs.resident_kb) * 1024.0)));
        if let Some(hub) = costs.metrics.as_ref().filter(|hub| hub.commits > 0.0) {
            cards.push(card("writes per commit", number(hub.writes_per_commit)));
        }
    }
    cards.extend(
        per_connection(outcome).map(|kilobytes| card("memory per connection", format!("{} KB", number(kilobytes)))),
    );
    cards.push(card("violations", whole(outcome.violations.total())));
    cards
}
