//! One run: connects the clients of a scenario, measures, waits for the last answers, and checks the generator itself.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::connect;
use crate::load::Load;
use crate::progress::Progress;
use crate::recorder::{Recorded, Recorder, Window};
use crate::result::{Generator, Operation, Outcome, Second};
use crate::run_context::RunContext;
use crate::scenario::Scenario;
use crate::server_stats::Sampler;
use crate::stats::float;
use crate::target::Target;
use crate::usage::{self, Usage};

/// The share of its one core above which the generator counts as saturated.
const SATURATED: f64 = 0.95;

/// The share of the requests that may be unsent or refused in a valid run.
const TOLERATED: f64 = 0.001;

/// Measures a scenario under a load.
///
/// # Errors
/// If a process may not open enough files for the connections, or if the server cannot be reached or does not answer. What
/// the server does wrong is part of the outcome.
pub async fn measure<S: Scenario>(
    scenario: &S,
    target: &Target,
    load: Load,
    first_user: u64,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    connect::check_file_limits(scenario.connections(), target.pids())?;
    let load = scenario.load(load);
    let context = RunContext::new(target, load, first_user);
    let sampler = Sampler::new(target);
    let resident_before = sampler.resident_kb();
    progress.connecting(scenario.name(), &target.name);
    let mut clients = scenario.open(&context).await?;
    let window = context.recorder.start(load.warmup, load.length);
    progress.warming_up(&load);
    tokio::time::sleep(window.from.saturating_duration_since(Instant::now())).await;

    let before = sampler.sample().await?;
    let own_before = usage::usage(std::process::id())?;
    let timeline = RefCell::new(Vec::new());
    let worked = tokio::select! {
        worked = scenario.work(&mut clients, &context) => worked,
        never = sample_each_second(&context.recorder, window, &sampler, progress, &timeline) => match never {},
    };
    let mut after = sampler.sample().await?;
    let own = usage::usage(std::process::id())?;
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    worked?;
    last_second(&context.recorder, &timeline, seconds, after.usage.as_ref().map_or(0, |usage| usage.resident_kb));

    progress.draining();
    scenario.close(clients, &context).await?;
    sampler.refresh_metrics(&mut after).await;
    let recorded = context.recorder.take();
    let generator = generator(&recorded, &own_before, &own, seconds, &load);
    progress.done();
    Ok(Outcome {
        scenario: scenario.name().to_owned(),
        target: target.name.clone(),
        nodes: u32::try_from(target.nodes.len())?,
        load: scenario.offered(&load),
        settings: scenario.settings().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        keys: scenario.keys(),
        seconds,
        figures: Default::default(),
        server: sampler.costs(&before, &after, resident_before),
        operations: recorded.operations,
        extra: recorded.figures,
        tally: recorded.tally,
        violations: recorded.violations,
        generator,
        timeline: timeline.into_inner(),
        notes: recorded.notes,
    }
    .with_summaries())
}

/// Samples the run once a second, for the progress bar and for the timeline.
async fn sample_each_second(
    recorder: &Recorder,
    window: Window,
    sampler: &Sampler<'_>,
    progress: &Progress,
    timeline: &RefCell<Vec<Second>>,
) -> std::convert::Infallible {
    let mut next = window.from;
    let mut before = 0;
    loop {
        next += Duration::from_secs(1);
        tokio::time::sleep(next.saturating_duration_since(Instant::now())).await;
        sampler.sample_queue().await;
        let (completed, recent) = recorder.take_recent();
        let second = Second {
            at: window.from.elapsed().as_secs_f64(),
            completed: completed - before,
            p99: recent.quantile(0.99),
            p50: recent.quantile(0.5),
            resident_kb: sampler.resident_kb(),
        };
        before = completed;
        progress.second(&second);
        timeline.borrow_mut().push(second);
    }
}

/// Adds the last second to the timeline if [`sample_each_second`] was cancelled just before its last sample.
fn last_second(recorder: &Recorder, timeline: &RefCell<Vec<Second>>, seconds: f64, resident_kb: u32) {
    let (completed, recent) = recorder.take_recent();
    let mut timeline = timeline.borrow_mut();
    let before: u64 = timeline.iter().map(|second| second.completed).sum();
    if completed > before {
        let (p99, p50) = (recent.quantile(0.99), recent.quantile(0.5));
        timeline.push(Second { at: seconds, completed: completed - before, p99, p50, resident_kb });
    }
}

/// Returns why the run is invalid if the server refused too many requests.
fn refused(recorded: &Recorded) -> Option<String> {
    let too_many = |operation: &&Operation| {
        let refused = float(operation.error_count());
        refused > (refused + float(operation.completed)) * TOLERATED
    };
    let operation = recorded.operations.iter().find(too_many)?;
    let (name, refused) = (&operation.name, operation.error_count());
    let all = refused + operation.completed;
    let limited = operation.errors.contains_key("rate_limited");
    let hint = if limited { "; start the hub with CHAT_RATE_LIMIT=off to measure it" } else { "" };
    Some(format!("the server refused {refused} of {all} requests ({name}); the reasons are listed above{hint}"))
}

/// Summarises how the generator itself worked, and whether the run is valid.
fn generator(recorded: &Recorded, before: &Usage, after: &Usage, seconds: f64, load: &Load) -> Generator {
    let cpu = after.user + after.system - before.user - before.system;
    // One OS thread of the generator does the work.
    let busiest = after.since(before, seconds).into_iter().max_by(|one, other| one.on_cpu.total_cmp(&other.on_cpu));
    let mut generator = Generator {
        cpu,
        cpu_share: cpu / seconds.max(1e-9),
        run_queue_share: busiest.and_then(|thread| thread.in_run_queue),
        lateness_ms: recorded.lateness.summary(),
        scheduled: recorded.scheduled,
        unsent: recorded.unsent,
        limited: false,
        refused: refused(recorded),
        invalid: Vec::new(),
    };
    let allowed = load.max_lateness.as_secs_f64() * 1_000.0;
    let late = generator.lateness_ms.p99;
    if late > allowed {
        let reason = "the generator was late: 1 % of the requests became due more than";
        generator.invalid.push(format!("{reason} {late:.1} ms before it handled them (allowed: {allowed} ms)"));
    }
    if generator.cpu_share > SATURATED {
        let share = generator.cpu_share * 100.0;
        generator
            .invalid
            .push(format!("the generator was saturated: it used {share:.0} % of the one core that it can use"));
    }
    generator.limited = !generator.invalid.is_empty();
    generator.invalid.extend_from_slice(&recorded.invalid);
    if float(recorded.unsent) > float(recorded.scheduled) * TOLERATED {
        let (unsent, scheduled) = (recorded.unsent, recorded.scheduled);
        generator.invalid.push(format!(
            "the load was not offered: {unsent} of {scheduled} requests were never sent, because their clients waited for \
             earlier answers"
        ));
    }
    generator.invalid.extend(generator.refused.clone());
    generator
}
