//! The report as one page that needs nothing but itself.

use std::fmt::Write as _;

use super::svg::{Plot, escaped};
use super::table::{bytes, number, whole};
use super::{findings, plots};
use crate::document::{Document, Finding, Verdict};
use crate::outcome::{Offered, Outcome};
use crate::plan::Plan;
use crate::stats::plan::{Demand, Needs};

const STYLE: &str = include_str!("html/style.css");

/// Writes the page.
#[must_use]
pub fn page(documents: &[Document]) -> String {
    let title = match documents {
        [document] => heading(document).0,
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
    for document in documents {
        section(&mut page, document);
    }
    page.push_str("</main></body></html>\n");
    page
}

fn section(page: &mut String, document: &Document) {
    let (title, answer) = heading(document);
    let _ = write!(page, r#"<section><header><h1>{}</h1><p class="answer">{}</p>"#, escaped(&title), escaped(&answer));
    if let Some((class, verdict)) = badge(document) {
        let _ = write!(page, r#"<p class="verdict {class}">{verdict}</p>"#);
    }
    page.push_str(r#"</header><div class="cards">"#);
    for (name, value) in cards(document) {
        let _ = write!(page, r#"<div class="card"><b>{}</b><span>{}</span></div>"#, escaped(&value), escaped(&name));
    }
    page.push_str(r#"</div><div class="plots">"#);
    let plots = match &document.finding {
        Finding::Run(outcome) => plots::run(outcome),
        Finding::Capacity(capacity) => plots::capacity(capacity),
        Finding::Comparison(comparison) => plots::comparison(comparison),
        Finding::Plan(plan) => plots::plan(plan),
    };
    plots.iter().map(Plot::html).for_each(|plot| page.push_str(&plot));
    let _ = write!(page, "</div><h2>In words</h2><pre>{}</pre>", escaped(&super::text(document)));
    page.push_str(r#"<h2>Where it was measured</h2><table class="sheet">"#);
    for (name, line) in document.environment.lines() {
        let _ = write!(page, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(&line));
    }
    page.push_str("</table></section>");
}

/// Returns what became of the promises; `None` where none was put to the test.
fn badge(document: &Document) -> Option<(&'static str, &'static str)> {
    Some(match (document.verdict(), &document.finding) {
        (_, Finding::Plan(_)) => return None,
        (Verdict::Good, _) => ("good", "every promise kept"),
        (Verdict::Broken, _) => ("bad", "promises broken: this is no result"),
        (Verdict::Void, Finding::Capacity(_)) => ("void", "void: no load passed"),
        (Verdict::Void, _) => ("void", "void: the load was not what it should be"),
    })
}

/// Returns what was done, and what came of it.
fn heading(document: &Document) -> (String, String) {
    match &document.finding {
        Finding::Run(outcome) => {
            let own = outcome.own().map_or("", |own| own.name.as_str());
            let answer = if let Some(kilobytes) = per_connection(outcome) {
                format!("{} KB of memory for a connection", number(kilobytes))
            } else if outcome.throughput() > 0.0 {
                format!("{} {own}s a second", number(outcome.throughput().round()))
            } else {
                super::text::load(outcome)
            };
            (format!("{} · {}", outcome.scenario, outcome.target), answer)
        }
        Finding::Capacity(capacity) => {
            (format!("Capacity of {} under {}", capacity.target, capacity.slo), findings::interval(capacity))
        }
        Finding::Comparison(comparison) => {
            let ratios: Vec<String> = comparison
                .loads
                .iter()
                .filter_map(|load| load.rows.first())
                .map(|row| format!("{}×", number(row.ratio.median)))
                .collect();
            let answer = format!("A does {} the messages of B", ratios.join(" and "));
            (format!("{} and {}", comparison.one, comparison.other), answer)
        }
        Finding::Plan(plan) => {
            let answer = largest(plan).map_or_else(String::new, |(demand, needs)| {
                let nodes = if needs.nodes == 1 { "node" } else { "nodes" };
                format!("{} {nodes} for {} users", whole(needs.nodes), number(demand.users))
            });
            ("Plan".to_owned(), answer)
        }
    }
}

/// Returns what a connection weighs, in KB, where that was measured.
fn per_connection(outcome: &Outcome) -> Option<f64> {
    outcome.extra.iter().find(|figure| figure.name == "per connection").map(|figure| figure.value)
}

/// Returns the largest marketplace of a plan.
fn largest(plan: &Plan) -> Option<&(Demand, Needs)> {
    plan.rows.iter().max_by(|(one, _), (other, _)| one.users.total_cmp(&other.users))
}

/// Returns the figures that stand out.
fn cards(document: &Document) -> Vec<(String, String)> {
    match &document.finding {
        Finding::Run(outcome) => of_run(outcome),
        Finding::Capacity(capacity) => {
            let answer = capacity.answer.at_least;
            let step = capacity.steps.iter().rev().find(|step| step.load == answer);
            step.map(|step| of_run(&step.outcome)).unwrap_or_default()
        }
        Finding::Comparison(_) => Vec::new(),
        Finding::Plan(plan) => largest(plan).map(|(_, needs)| of_plan(needs)).unwrap_or_default(),
    }
}

fn of_plan(needs: &Needs) -> Vec<(String, String)> {
    [
        ("connections", number(needs.connections.round())),
        ("messages a second at the peak", number(needs.peak_rate)),
        ("memory of a node", bytes(needs.node_memory)),
        ("database a month", bytes(needs.database_per_month)),
        ("images a month", bytes(needs.images_per_month)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn of_run(outcome: &Outcome) -> Vec<(String, String)> {
    let card = |name: &str, value: String| (name.to_owned(), value);
    let mut cards = Vec::new();
    if let Some(own) = outcome.own().filter(|own| own.corrected.count() > 0) {
        cards.push(card(&format!("{}s a second", own.name), number(outcome.throughput().round())));
        // As in words: where nothing comes by the clock, what counts is how it was served.
        let (view, latency) = match outcome.load {
            Offered::Open { .. } => (", as intended", own.corrected_ms),
            Offered::Closed { .. } | Offered::Own => ("", own.service_ms),
        };
        cards.push(card(&format!("p50{view}"), format!("{} ms", number(latency.p50))));
        cards.push(card(&format!("p99{view}"), format!("{} ms", number(latency.p99))));
    }
    cards.extend(outcome.keys.map(|keys| card("idempotency keys", keys.name().to_owned())));
    if let Some(each) = outcome.cpu_us_each() {
        cards.push(card("server CPU each", format!("{} µs", number(each))));
    }
    if let Some(costs) = &outcome.server {
        cards.push(card("resident memory", bytes(f64::from(costs.resident_kb) * 1024.0)));
        if let Some(says) = costs.says.as_ref().filter(|says| says.commits > 0.0) {
            cards.push(card("writes of a commit", number(says.writes_per_commit)));
        }
    }
    cards.extend(per_connection(outcome).map(|kilobytes| card("a connection", format!("{} KB", number(kilobytes)))));
    cards.push(card("faults", number(crate::stats::float(outcome.faults.total()))));
    cards
}
