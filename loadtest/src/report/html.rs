//! The report as one page that needs nothing but itself.

use std::fmt::Write as _;

use super::svg::{Plot, escaped};
use super::{findings, plots};
use crate::document::{Document, Finding, Verdict};

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
    let (class, verdict) = match document.verdict() {
        Verdict::Good => ("good", "every promise kept"),
        Verdict::Broken => ("bad", "promises broken: this is no result"),
        Verdict::Void => ("void", "void: the load was not what it should be"),
    };
    let _ = write!(
        page,
        r#"<section><header><h1>{}</h1><p class="answer">{}</p><p class="verdict {class}">{verdict}</p></header>"#,
        escaped(&title),
        escaped(&answer)
    );
    page.push_str(r#"<div class="cards">"#);
    for (name, value) in cards(document) {
        let _ = write!(page, r#"<div class="card"><b>{}</b><span>{}</span></div>"#, escaped(&value), escaped(&name));
    }
    page.push_str(r#"</div><div class="plots">"#);
    let plots = match &document.finding {
        Finding::Run(outcome) => plots::run(outcome),
        Finding::Capacity(capacity) => plots::capacity(capacity),
        Finding::Comparison(comparison) => plots::comparison(comparison),
        Finding::Plan(_) => Vec::new(),
    };
    plots.iter().map(Plot::html).for_each(|plot| page.push_str(&plot));
    let _ = write!(page, "</div><h2>In words</h2><pre>{}</pre>", escaped(&super::text(document)));
    page.push_str(r#"<h2>Where it was measured</h2><table class="sheet">"#);
    for (name, line) in document.environment.lines() {
        let _ = write!(page, "<tr><th>{}</th><td>{}</td></tr>", escaped(name), escaped(&line));
    }
    page.push_str("</table></section>");
}

/// Returns what was done, and what came of it.
fn heading(document: &Document) -> (String, String) {
    use super::table::number;
    match &document.finding {
        Finding::Run(outcome) => {
            let own = outcome.own().map_or("", |own| own.name.as_str());
            let answer = if outcome.throughput() > 0.0 {
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
        Finding::Plan(plan) => ("Plan".to_owned(), format!("{} sizes", plan.rows.len())),
    }
}

/// Returns the figures that stand out.
fn cards(document: &Document) -> Vec<(String, String)> {
    use super::table::{bytes, number};
    let card = |name: &str, value: String| (name.to_owned(), value);
    let outcome = match &document.finding {
        Finding::Run(outcome) => &**outcome,
        Finding::Capacity(capacity) => {
            let answer = capacity.answer.at_least;
            let Some(step) = capacity.steps.iter().rev().find(|step| step.load == answer) else { return Vec::new() };
            &step.outcome
        }
        Finding::Comparison(_) | Finding::Plan(_) => return Vec::new(),
    };
    let mut cards = Vec::new();
    if let Some(own) = outcome.own().filter(|own| own.corrected.count() > 0) {
        cards.push(card(&format!("{}s a second", own.name), number(outcome.throughput().round())));
        cards.push(card("p50", format!("{} ms", number(own.corrected_ms.p50))));
        cards.push(card("p99", format!("{} ms", number(own.corrected_ms.p99))));
    }
    if let Some(each) = outcome.cpu_us_each() {
        cards.push(card("server CPU each", format!("{} µs", number(each))));
    }
    if let Some(costs) = &outcome.server {
        cards.push(card("resident memory", bytes(f64::from(costs.resident_kb) * 1024.0)));
        if let Some(says) = costs.says.filter(|says| says.commits > 0.0) {
            cards.push(card("writes of a commit", number(says.writes_per_commit)));
        }
    }
    if let Some(figure) = outcome.extra.iter().find(|figure| figure.name == "per connection") {
        cards.push(card("a connection", format!("{} KB", number(figure.value))));
    }
    cards.push(card("faults", number(crate::stats::float(outcome.faults.total()))));
    cards
}
