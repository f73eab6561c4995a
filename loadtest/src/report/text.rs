//! A run as text.

use std::fmt::Write as _;

use super::table::{Table, bytes, number, percent, whole};
use crate::audit::{Family, Fault, Tally};
use crate::inside::{Inside, STEPS};
use crate::keys::Keys;
use crate::outcome::{Costs, Generator, Offered, Outcome, Says, ThreadShare};
use crate::stats::float;
use crate::stats::schedule::Arrivals;

/// How many threads of the server are told of.
const THREADS: usize = 4;

/// Writes a run.
pub(super) fn run(outcome: &Outcome) -> String {
    let mut text = String::new();
    let settings = outcome.settings.iter().map(|(name, value)| format!("{name} {value}"));
    let settings: Vec<String> = settings.chain(outcome.keys.map(keys)).collect();
    // Writing to a String does not fail.
    let _ = writeln!(text, "{} · {} · {}", outcome.scenario, outcome.target, load(outcome));
    let _ = writeln!(text, "{}\n", settings.join(" · "));
    let operations = operations(outcome);
    text.push_str(&operations);
    for line in errors(outcome) {
        let _ = writeln!(text, "{line}");
    }
    if !outcome.extra.is_empty() {
        if !operations.is_empty() {
            text.push('\n');
        }
        let widest = outcome.extra.iter().map(|figure| figure.name.chars().count()).max().unwrap_or_default();
        for figure in &outcome.extra {
            let line = format!("{:<widest$}  {:>12} {}", figure.name, number(figure.value), figure.unit);
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text.push('\n');
    if let Some(tally) = &outcome.tally {
        let _ = writeln!(text, "audit      {}", tallied(tally));
    }
    let _ = writeln!(text, "faults     {}", families(outcome));
    let _ = writeln!(text, "generator  {}", generator(&outcome.generator, outcome.load));
    if let Some(costs) = &outcome.server {
        for (place, line) in server(costs, outcome).into_iter().enumerate() {
            let _ = writeln!(text, "{:<9}  {line}", if place == 0 { "server" } else { "" });
        }
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "note       {note}");
    }
    for example in &outcome.faults.examples {
        let _ = writeln!(text, "FAULT      {example}");
    }
    for reason in &outcome.generator.void {
        let _ = writeln!(text, "VOID       {reason}");
    }
    let _ = writeln!(text, "\n{}", verdict(outcome));
    text
}

/// Says which idempotency keys the clients made.
pub(super) fn keys(keys: Keys) -> String {
    format!("idempotency keys {}", keys.name())
}

/// Says what was offered.
pub(super) fn load(outcome: &Outcome) -> String {
    let tenths = (outcome.seconds * 10.0).round() / 10.0;
    let seconds = number(if tenths < 1.0 { outcome.seconds } else { tenths });
    match outcome.load {
        Offered::Open { rate, arrivals: Arrivals::Constant } => {
            format!("{}/s by the clock for {seconds} s", number(rate))
        }
        Offered::Open { rate, arrivals: Arrivals::Poisson } => format!("{}/s at random for {seconds} s", number(rate)),
        Offered::Closed { in_flight } => {
            format!("as fast as answers come, {in_flight} in flight each, for {seconds} s")
        }
        Offered::Own => format!("{seconds} s"),
    }
}

fn operations(outcome: &Outcome) -> String {
    let mut table = Table::new(&["latency in ms", "count", "per s", "mean", "p50", "p90", "p99", "p99.9", "max"]);
    let timed: Vec<_> = outcome.operations.iter().filter(|operation| operation.corrected.count() > 0).collect();
    if timed.is_empty() {
        return String::new();
    }
    for operation in timed {
        let rate = float(operation.completed) / outcome.seconds.max(1e-9);
        let open = matches!(outcome.load, Offered::Open { .. });
        let views = [("as intended", operation.corrected_ms, true), ("as served", operation.service_ms, false)];
        for (view, summary, first) in views {
            // Where nothing is intended there is one view only.
            if !open && first || open && !first && operation.corrected_ms == operation.service_ms {
                continue;
            }
            let cells = [summary.mean, summary.p50, summary.p90, summary.p99, summary.p999, summary.max];
            let (count, rate) = if first || !open {
                (whole(operation.completed), number(rate.round()))
            } else {
                (String::new(), String::new())
            };
            let two = open && operation.corrected_ms != operation.service_ms;
            let name = if two { format!("{}, {view}", operation.name) } else { operation.name.clone() };
            table.row([name, count, rate].into_iter().chain(cells.map(|cell| format!("{cell:.2}"))));
        }
    }
    table.text()
}

fn errors(outcome: &Outcome) -> Vec<String> {
    let line = |operation: &crate::outcome::Operation| {
        let reasons: Vec<String> =
            operation.errors.iter().map(|(reason, count)| format!("{reason} {}", whole(*count))).collect();
        format!("{} refused: {}", operation.name, reasons.join(" · "))
    };
    outcome.operations.iter().filter(|operation| !operation.errors.is_empty()).map(line).collect()
}

fn tallied(tally: &Tally) -> String {
    let mut parts = vec![
        format!("sent {}", whole(tally.sent)),
        format!("acknowledged {}", whole(tally.acknowledged)),
        format!("delivered {}", whole(tally.delivered)),
    ];
    parts.extend(tally.stored.map(|stored| match tally.sought {
        Some(sought) if sought < tally.sent => {
            format!("stored {} of the {} that were read back", whole(stored), whole(sought))
        }
        _ => format!("stored {}", whole(stored)),
    }));
    parts.extend(tally.receipted.map(|receipted| format!("receipted {}", whole(receipted))));
    if tally.refused > 0 {
        parts.push(format!("refused {}", whole(tally.refused)));
    }
    parts.join(" · ")
}

fn families(outcome: &Outcome) -> String {
    let family = |family: Family| {
        let kinds: Vec<String> = outcome
            .faults
            .counts
            .iter()
            .filter(|(fault, _)| fault.family() == family)
            .map(|(fault, count)| format!("{} {}", Fault::name(*fault), whole(*count)))
            .collect();
        let detail = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        format!("{} {}{detail}", family.name(), whole(outcome.faults.family(family)))
    };
    Family::ALL.map(family).join(" · ")
}

fn generator(generator: &Generator, load: Offered) -> String {
    let mut parts = vec![format!("{} of a core", percent(generator.cpu_share))];
    parts.extend(generator.kept_waiting.map(|share| format!("ready without one {} of the time", percent(share))));
    if matches!(load, Offered::Open { .. }) {
        let late = generator.lateness_ms;
        parts.push(format!("late p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms", late.p50, late.p99, late.max));
        parts.push(format!("dropped {} of {}", whole(generator.dropped), whole(generator.scheduled)));
    }
    parts.join(" · ")
}

fn server(costs: &Costs, outcome: &Outcome) -> Vec<String> {
    let cpu = costs.user + costs.system;
    let paid = outcome.paid();
    let name = match (outcome.scenario.as_str(), outcome.own()) {
        ("mixed", _) | (_, None) => "operation",
        (_, Some(own)) => own.name.as_str(),
    };
    let mut parts = vec![format!("CPU {cpu:.2} s (user {:.2}, system {:.2})", costs.user, costs.system)];
    if let Some(each) = outcome.cpu_us_each() {
        parts.push(format!("{} µs for one {name}", number(each)));
        parts.push(format!("{} {name}s a CPU second", number((1e6 / each).round())));
    }
    let resident = f64::from(costs.resident_kb) * 1024.0;
    let before = f64::from(costs.resident_before_kb) * 1024.0;
    let memory = format!(
        "memory {} resident (before {}) · page tables {} · socket buffers of the machine {} · switches {} waiting, {} forced",
        bytes(resident),
        bytes(before),
        bytes(f64::from(costs.page_tables_kb) * 1024.0),
        bytes(float(costs.socket_memory_kb) * 1024.0),
        whole(costs.voluntary_switches),
        whole(costs.involuntary_switches),
    );
    let mut disk = vec![format!("disk {} written", bytes(float(costs.written)))];
    if let Some(grown) = costs.grown {
        disk.push(format!("data grew by {}", bytes(float(grown))));
        if let Some(paid) = paid {
            disk.push(format!("{} B for one {name}", number((float(grown) / float(paid)).round())));
        }
    }
    let machine =
        format!("machine {} busy, {} waiting for disks", percent(costs.machine_share), percent(costs.disk_wait_share));
    let mut lines = vec![parts.join(" · ")];
    lines.extend(threads(&costs.threads));
    lines.extend([memory, disk.join(" · ") + " · " + &machine]);
    let Some(says) = costs.says.as_ref().filter(|says| says.commits > 0.0) else { return lines };
    lines.push(format!(
        "says {} commits of {} writes in {:.2} ms each · {} waited for storage at most, looked at once a second",
        number(says.commits),
        number(says.writes_per_commit),
        says.commit_ms,
        number(says.storage_queue)
    ));
    lines.extend(inside(&says.inside));
    lines.extend(log(says));
    lines
}

/// Says where the time of messages went inside the hub: of all, and of the slowest.
fn inside(inside: &Inside) -> Vec<String> {
    let Some(all) = inside.all() else { return Vec::new() };
    let steps: Vec<String> =
        STEPS.iter().zip(all.step_ms).map(|((_, words), took)| format!("{took:.2} {words}")).collect();
    let mut lines = vec![format!(
        "inside {:.2} ms for a message ({} were timed): {}",
        all.whole_ms(),
        number(all.messages),
        steps.join(", ")
    )];
    lines.extend(inside.slowest().map(|slowest| {
        let steps = slowest.step_ms.map(|took| format!("{took:.2}"));
        format!(
            "inside over {} ms {:.1} %, {:.2} ms each: {}; {} of them while the log was moved or begun anew",
            number(slowest.over_ms),
            slowest.share * 100.0,
            slowest.whole_ms(),
            steps.join(", "),
            percent(slowest.beside_a_move)
        )
    }));
    lines
}

/// Says what SQLite's log cost.
fn log(says: &Says) -> Option<String> {
    let (moves, each_ms) = says.log_moves;
    let (begun, waited_ms) = says.log_begun_anew;
    (moves > 0.0).then(|| {
        format!(
            "log moved {} times in {each_ms:.1} ms each beside the commits · begun anew {} times, for which commits waited {waited_ms:.1} ms each",
            number(moves),
            number(begun)
        )
    })
}

/// Says what the threads did that worked most.
fn threads(threads: &[ThreadShare]) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for thread in threads.iter().take(THREADS) {
        let (name, worked) = (&thread.name, percent(thread.worked));
        let waited = thread.kept_waiting.map(percent);
        parts.push(match (parts.is_empty(), waited) {
            (true, Some(waited)) => format!("{name} on a core {worked} of the time, ready without one {waited}"),
            (true, None) => format!("{name} on a core {worked} of the time"),
            (false, Some(waited)) => format!("{name} {worked} and {waited}"),
            (false, None) => format!("{name} {worked}"),
        });
    }
    (!parts.is_empty()).then(|| format!("threads {}", parts.join(" · ")))
}

fn verdict(outcome: &Outcome) -> String {
    match (outcome.faults.total(), outcome.is_void()) {
        (0, false) => "nothing lost, nothing doubled, everything in order".to_owned(),
        (0, true) => "VOID: this run says nothing about the server at this load".to_owned(),
        (count, _) => format!("{} promises broken: this is no result", whole(count)),
    }
}
