//! The command `compare`: measures two servers in turn, A B A B, under the same load.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::args::{CompareArgs, Receipts};
use crate::load::{Load, Offered, READ_BACK};
use crate::peer;
use crate::progress::Progress;
use crate::render::table::number;
use crate::result::{Comparison, LoadComparison};
use crate::run::measure;
use crate::scenario::Chat;
use crate::stats::schedule::Arrivals;
use crate::target::Target;

/// Measures both servers in turn.
///
/// # Errors
/// If one of them cannot be started or reached.
pub async fn compare(args: &CompareArgs, progress: &Progress) -> anyhow::Result<Comparison> {
    let a = Target::open(&args.target, false).await?;
    let b = server_b(args, progress).await?;
    let mut loads = Vec::new();
    for offered in offered(args) {
        loads.push(under_load(offered, args, &a, &b, progress).await?);
    }
    let mut comparison = Comparison { a: a.name.clone(), b: b.name.clone(), loads, notes: Vec::new() };
    if without_receipts(args) && args.shape.receipts != Receipts::None {
        comparison.notes.push("only the readers of A send receipts: server B has none".to_owned());
    }
    let notes = |(side, run): (&str, &crate::result::Outcome)| -> Vec<String> {
        run.notes.iter().map(|note| format!("{side}: {note}")).collect()
    };
    let notes: BTreeSet<String> = comparison.runs().flat_map(notes).collect();
    comparison.notes.extend(notes);
    a.close().await?;
    b.close().await?;
    Ok(comparison)
}

async fn server_b(args: &CompareArgs, progress: &Progress) -> anyhow::Result<Target> {
    match (args.peer, &args.against) {
        (Some(peer), _) => peer::start(peer, args, progress).await,
        (None, Some(url)) => Target::find("--against", url, &args.target, args.legacy, args.against_pid),
        (None, None) => anyhow::bail!("there is no server B: give --peer or --against"),
    }
}

/// Tells whether server B has no receipts.
fn without_receipts(args: &CompareArgs) -> bool {
    args.peer.is_some() || args.legacy
}

fn offered(args: &CompareArgs) -> Vec<Offered> {
    match args.rate {
        Some(rate) => vec![Offered::Open { rate, arrivals: Arrivals::Constant }],
        None => args.in_flight.iter().map(|in_flight| Offered::Closed { in_flight: *in_flight }).collect(),
    }
}

async fn under_load(
    offered: Offered,
    args: &CompareArgs,
    a: &Target,
    b: &Target,
    progress: &Progress,
) -> anyhow::Result<LoadComparison> {
    let load = Load {
        offered,
        seed: 1,
        warmup: Duration::from_secs_f64(args.warmup),
        length: Duration::from_secs_f64(args.seconds),
        deadline: Duration::from_secs(10),
        max_lateness: Duration::from_millis(20),
        read_back: READ_BACK,
    };
    let chat_a = Chat::new(args.shape.clone());
    let mut shape = args.shape.clone();
    if without_receipts(args) {
        shape.receipts = Receipts::None;
    }
    let chat_b = Chat::new(shape);
    let (mut runs_a, mut runs_b) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        for (target, scenario, runs) in [(a, &chat_a, &mut runs_a), (b, &chat_b, &mut runs_b)] {
            let outcome = measure(scenario, target, load, 1, progress).await?;
            let rate = number(outcome.throughput().round());
            progress.print(&format!("round {round}: {} · {rate} messages/s", target.name));
            runs.push(outcome);
        }
    }
    Ok(LoadComparison::new(offered, runs_a, runs_b))
}
