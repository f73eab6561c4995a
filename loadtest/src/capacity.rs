//! The command `capacity`: searches for the highest load that meets an objective, and measures throughput over concurrency.

mod curve;
mod saturation;

use crate::args::CapacityArgs;
use crate::load::Offered;
use crate::progress::Progress;
use crate::render::table::number;
use crate::result::{Capacity, Outcome, Step};
use crate::run::measure;
use crate::scenario::Chat;
use crate::stats::float;
use crate::stats::search::{Bounds, Next, Search, Verdict};
use crate::stats::slo::Slo;
use crate::target::Target;

/// Searches for the capacity of a server.
///
/// # Errors
/// If the server cannot be reached or ends.
pub async fn find(args: &CapacityArgs, target: &Target, progress: &Progress) -> anyhow::Result<Capacity> {
    let bounds = Bounds {
        from: args.from,
        to: args.to,
        precision: args.precision,
        confirmations: args.confirmations,
        steps: args.steps,
    };
    let scenario = Chat::new(args.shape.clone());
    let mut search = Search::new(bounds);
    let mut steps: Vec<Step> = Vec::new();
    let answer = loop {
        let (load, phase) = match search.next() {
            Next::Done(answer) => break answer,
            Next::Measure { load, phase } => (load, phase),
        };
        let offered = Offered::Open { rate: load, arrivals: args.arrivals };
        let outcome = measure(&scenario, target, args.load(offered, args.step_seconds), 1, progress).await?;
        let (verdict, misses) = judge(&outcome, &args.slo);
        let p99 = outcome.primary().map_or(0.0, |primary| primary.corrected_ms.p99);
        let step = Step { load, phase, verdict, misses, outcome };
        progress.print(&format!(
            "{:>9}/s  {:<7}  p99 {:>8} ms  {}",
            number(load.round()),
            phase.name(),
            number(p99),
            step.describe()
        ));
        search.record(load, verdict);
        steps.push(step);
    };
    let curve = if args.no_usl { None } else { Some(curve::measure_curve(args, target, progress).await?) };
    let saturated = saturation::describe(&steps, &answer);
    Ok(Capacity { slo: args.slo.clone(), target: target.name.clone(), answer, saturated, steps, curve })
}

/// Judges a load: it passes if it met the objective, the server kept every guarantee, and the whole load was offered.
///
/// A generator that was late or saturated makes latencies longer, because they count from the intended time. So a load that
/// met the objective nevertheless has passed; a load that did not proves nothing about the server.
fn judge(outcome: &Outcome, slo: &Slo) -> (Verdict, Vec<String>) {
    let mut misses = outcome.misses(slo);
    if !outcome.is_clean() {
        misses.push(format!("{} guarantees broken", outcome.violations.total()));
    }
    let generator = &outcome.generator;
    if generator.unsent > 0 && float(generator.unsent) > float(generator.scheduled) * 0.001 {
        let (unsent, scheduled) = (generator.unsent, generator.scheduled);
        misses.push(format!("{unsent} of {scheduled} could not be sent"));
    }
    misses.extend(generator.refused.clone());
    let verdict = match (misses.is_empty(), generator.limited) {
        (true, _) => Verdict::Pass,
        (false, true) => Verdict::Invalid,
        (false, false) => Verdict::Fail,
    };
    (verdict, misses)
}
