//! A capacity plan as text.

use std::fmt::Write as _;

use crate::render::table::{Table, bytes, number, whole};
use crate::result::Plan;
use crate::stats::plan::Bottleneck;

/// Renders a capacity plan.
pub(super) fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for (title, lines) in [("unit costs", &plan.sources), ("assumptions", &plan.assumptions)] {
        // Writing to a String does not fail.
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
        "NATS servers",
        "commit counters",
        "ms for a turn",
        "database servers",
        "limited by",
        "CPU µs per message",
        "busy cores",
        "memory per node",
        "message rows per month",
        "database per month",
        "images per month",
    ]);
    for (demand, needs) in &plan.rows {
        table.row([
            number(demand.users),
            number(needs.connections.round()),
            number(needs.peak_rate),
            whole(needs.nodes),
            whole(needs.nats_servers),
            whole(needs.counters),
            number(needs.commit_cycle_ms),
            whole(needs.databases),
            match needs.bottleneck {
                Bottleneck::Messages => "messages",
                Bottleneck::Connections => "connections",
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
    text + &table.text() + "\n" + &plan.counter + "\n"
}
