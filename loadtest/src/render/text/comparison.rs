//! The result of a comparison as text.

use std::fmt::Write as _;

use super::labels;
use crate::load::Offered;
use crate::render::table::{Table, number, whole};
use crate::result::Comparison;
use crate::stats::spread::Spread;

/// Renders the result of a comparison.
pub(super) fn text(comparison: &Comparison) -> String {
    let keys = comparison.runs().find_map(|(_, run)| run.keys);
    let keys = keys.map_or_else(String::new, |keys| labels::keys(keys) + "\n");
    let mut text = format!("A  {}\nB  {}\n{keys}", comparison.a, comparison.b);
    for load in &comparison.loads {
        let offered = match load.load {
            Offered::Open { rate, .. } => format!("open loop, {}/s", number(rate)),
            Offered::Closed { in_flight } => format!("closed loop, {in_flight} in flight per client"),
            Offered::Own => String::new(),
        };
        let rounds = load.a.len();
        let rounds = if rounds == 1 { "one round".to_owned() } else { format!("medians of {rounds} rounds in turn") };
        // Writing to a String does not fail.
        let _ = writeln!(text, "\n{offered}; {rounds} [lowest … highest]");
        let mut table = Table::new(&["", "A", "", "B", "", "A / B", "", ""]);
        for row in &load.rows {
            let better = if (row.ratio.median > 1.0) == row.more_is_better { "A is better" } else { "B is better" };
            let equal = row.ratio.lowest <= 1.0 && row.ratio.highest >= 1.0;
            let [a, b, ratio] = [row.a, row.b, row.ratio].map(cells);
            let verdict = if equal { "no clear difference" } else { better };
            let name = if row.unit.is_empty() { row.name.clone() } else { format!("{}, {}", row.name, row.unit) };
            table.row([name].into_iter().chain(a).chain(b).chain(ratio).chain([verdict.to_owned()]));
        }
        text.push_str(&table.text());
    }
    text.push('\n');
    for note in &comparison.notes {
        let _ = writeln!(text, "note       {note}");
    }
    for (side, run) in comparison.runs() {
        for reason in &run.generator.invalid {
            let _ = writeln!(text, "INVALID    {side}: {reason}");
        }
        for example in &run.violations.examples {
            let _ = writeln!(text, "VIOLATION  {side}: {example}");
        }
    }
    let _ = match comparison.violations() {
        0 => {
            writeln!(text, "every guarantee kept on both sides: nothing lost, nothing duplicated, everything in order")
        }
        count => writeln!(text, "{} guarantees broken: this run is a failure", whole(count)),
    };
    text
}

fn cells(spread: Spread) -> [String; 2] {
    [number(spread.median), format!("[{} … {}]", number(spread.lowest), number(spread.highest))]
}
