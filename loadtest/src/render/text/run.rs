//! The outcome of a run as text.

use std::fmt::Write as _;

use super::labels;
use crate::audit::{Family, Tally, Violation};
use crate::load::Offered;
use crate::render::table::{Table, bytes, number, percent, whole};
use crate::result::{
    Generator, HubMetrics, Operation, OsThreadShare, Outcome, ProcessCosts, ProcessKind, ServerCosts, plural,
};
use crate::server_latency::{STAGES, ServerLatency};
use crate::stats::float;

/// How many OS threads of the server are listed.
const THREADS: usize = 4;

/// Renders the outcome of a run.
pub(super) fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    let settings = outcome.settings.iter().map(|(name, value)| format!("{name} {value}"));
    let settings: Vec<String> = settings.chain(outcome.keys.map(labels::keys)).collect();
    // Writing to a String does not fail.
    let _ = writeln!(text, "{} · {} · {}", outcome.scenario, outcome.target, labels::load(outcome));
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
        let _ = writeln!(text, "messages    {}", audited(tally));
    }
    let _ = writeln!(text, "violations  {}", families(outcome));
    let _ = writeln!(text, "generator   {}", generator(&outcome.generator, outcome.load));
    if let Some(costs) = &outcome.server {
        for (label, line) in server(costs, outcome) {
            let _ = writeln!(text, "{label:<10}  {line}");
        }
    }
    for note in &outcome.notes {
        let _ = writeln!(text, "note        {note}");
    }
    for example in &outcome.violations.examples {
        let _ = writeln!(text, "VIOLATION   {example}");
    }
    for reason in &outcome.generator.invalid {
        let _ = writeln!(text, "INVALID     {reason}");
    }
    let _ = writeln!(text, "\n{}", verdict(outcome));
    text
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
        let views = [("from intended time", operation.corrected_ms, true), ("from send", operation.service_ms, false)];
        for (view, summary, first) in views {
            // A closed loop has no intended times, so it has one view.
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
    let line = |operation: &Operation| {
        let reasons: Vec<String> =
            operation.errors.iter().map(|(reason, count)| format!("{reason} {}", whole(*count))).collect();
        format!("{} refused: {}", operation.name, reasons.join(" · "))
    };
    outcome.operations.iter().filter(|operation| !operation.errors.is_empty()).map(line).collect()
}

fn audited(tally: &Tally) -> String {
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
            .violations
            .counts
            .iter()
            .filter(|(violation, _)| violation.family() == family)
            .map(|(violation, count)| format!("{} {}", Violation::name(*violation), whole(*count)))
            .collect();
        let detail = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
        format!("{} {}{detail}", family.name(), whole(outcome.violations.family(family)))
    };
    Family::ALL.map(family).join(" · ")
}

fn generator(generator: &Generator, load: Offered) -> String {
    let mut parts = vec![format!("{} of a core", percent(generator.cpu_share))];
    parts.extend(generator.run_queue_share.map(|share| format!("{} of the time in the run queue", percent(share))));
    if matches!(load, Offered::Open { .. }) {
        let late = generator.lateness_ms;
        parts.push(format!("late by p50 {:.2} ms, p99 {:.2} ms, max {:.1} ms", late.p50, late.p99, late.max));
        parts.push(format!("{} of {} requests not sent", whole(generator.unsent), whole(generator.scheduled)));
    }
    parts.join(" · ")
}

/// Describes what the run cost the server, as labelled lines.
fn server(costs: &ServerCosts, outcome: &Outcome) -> Vec<(&'static str, String)> {
    let operations = outcome.cpu_operations();
    let name = match (outcome.scenario.as_str(), outcome.primary()) {
        ("mixed", _) | (_, None) => "operation",
        (_, Some(primary)) => primary.name.as_str(),
    };
    let cpu = outcome.server_cpu().unwrap_or_default();
    let mut cpu = vec![format!("{cpu:.2} s (user {:.2}, system {:.2})", costs.user, costs.system)];
    if let Some(us) = outcome.cpu_us_per_operation() {
        cpu.push(format!("{} µs per {name}", number(us)));
        cpu.push(format!("{} {} per CPU second", number((1e6 / us).round()), plural(name)));
    }
    let kilobytes = |count: u32| bytes(f64::from(count) * 1024.0);
    let memory = format!(
        "{} resident (before: {}) · page tables {} · socket buffers of the machine {}",
        kilobytes(costs.resident_kb),
        kilobytes(costs.resident_before_kb),
        kilobytes(costs.page_tables_kb),
        bytes(float(costs.socket_memory_kb) * 1024.0),
    );
    let mut disk = vec![format!("{} written", bytes(float(costs.written)))];
    if let Some(growth) = costs.data_growth {
        disk.push(format!("data grew by {}", bytes(float(growth))));
        if let Some(operations) = operations.filter(|_| growth > 0) {
            disk.push(format!("{} B per {name}", number((float(growth) / float(operations)).round())));
        }
    }
    let switches = format!(
        "context switches: {} voluntary, {} involuntary",
        whole(costs.voluntary_switches),
        whole(costs.involuntary_switches)
    );
    let machine = format!(
        "{} busy, {} waiting for disks · {switches}",
        percent(costs.machine_share),
        percent(costs.disk_wait_share)
    );
    let mut lines = vec![("server CPU", cpu.join(" · "))];
    lines.extend(processes(costs, operations).map(|line| ("processes", line)));
    lines.extend(threads(&costs.threads).map(|line| ("OS threads", line)));
    lines.extend([("memory", memory), ("disk", disk.join(" · ")), ("machine", machine)]);
    if let Some(hub) = costs.metrics.as_ref().filter(|hub| hub.commits > 0.0) {
        lines.push(("commits", commits(hub)));
        lines.extend(latency(&hub.latency).map(|line| ("stages", line)));
        lines.extend(wal(hub).map(|line| ("WAL", line)));
    }
    lines
}

fn commits(hub: &HubMetrics) -> String {
    format!(
        "{} of {} writes, {:.2} ms each · longest queue of the storage actor {} (one sample per second)",
        number(hub.commits),
        number(hub.writes_per_commit),
        hub.commit_ms,
        number(hub.storage_queue)
    )
}

/// Describes the latency of each stage inside the hub.
fn latency(latency: &ServerLatency) -> Option<String> {
    let bound =
        |ms: f64| if ms.is_finite() { format!("≤ {} ms", number(ms)) } else { "above all buckets".to_owned() };
    let stage = |(name, stage): (&str, &crate::server_latency::Stage)| {
        let (p50, p99) = (stage.quantile_ms(0.5)?, stage.quantile_ms(0.99)?);
        Some(format!("{name} mean {:.2} ms, p50 {}, p99 {}", stage.mean_ms()?, bound(p50), bound(p99)))
    };
    let stages: Vec<String> = STAGES.into_iter().zip(&latency.stages).filter_map(stage).collect();
    (!stages.is_empty()).then(|| stages.join(" · "))
}

/// Describes the work on SQLite's write-ahead log.
fn wal(hub: &HubMetrics) -> Option<String> {
    let (checkpoints, checkpoint_ms) = hub.wal_checkpoints;
    let (restarts, restart_ms) = hub.wal_restarts;
    let restarts = if restarts > 0.0 {
        format!("{} restarts, for each of which commits waited {restart_ms:.1} ms", number(restarts))
    } else {
        "no restart".to_owned()
    };
    (checkpoints > 0.0).then(|| {
        format!("{} checkpoints beside the commits, {checkpoint_ms:.1} ms each · {restarts}", number(checkpoints))
    })
}

/// Describes what each process used.
fn processes(costs: &ServerCosts, operations: Option<u64>) -> Option<String> {
    let process = |process: &ProcessCosts| {
        let memory = bytes(f64::from(process.resident_kb) * 1024.0);
        let each = operations.map(|operations| process.cpu * 1e6 / float(operations));
        match (process.kind, each) {
            (ProcessKind::Database, each) => {
                let each = each.map(|us| format!(", {} µs each", number(us))).unwrap_or_default();
                format!("beside them {} {:.2} s{each}, {memory}", process.name, process.cpu)
            }
            (ProcessKind::Hub | ProcessKind::Relay, _) => format!("{} {:.2} s, {memory}", process.name, process.cpu),
        }
    };
    let each: Vec<String> = costs.processes.iter().map(process).collect();
    (!each.is_empty()).then(|| each.join(" · "))
}

/// Describes the busiest OS threads.
fn threads(threads: &[OsThreadShare]) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for OsThreadShare { name, on_cpu, in_run_queue, .. } in threads.iter().take(THREADS) {
        let on_cpu = percent(*on_cpu);
        parts.push(match (parts.is_empty(), in_run_queue.map(percent)) {
            (true, Some(waited)) => format!("{name} {on_cpu} on a core, {waited} in the run queue"),
            (true, None) => format!("{name} {on_cpu} on a core"),
            (false, Some(waited)) => format!("{name} {on_cpu}, {waited}"),
            (false, None) => format!("{name} {on_cpu}"),
        });
    }
    (!parts.is_empty()).then(|| parts.join(" · "))
}

fn verdict(outcome: &Outcome) -> String {
    match (outcome.violations.total(), outcome.is_invalid()) {
        (0, false) => "every guarantee kept: nothing lost, nothing duplicated, everything in order".to_owned(),
        (0, true) => "INVALID: this run proves nothing about the server at this load".to_owned(),
        (count, _) => format!("{} guarantees broken: this run is a failure", whole(count)),
    }
}
