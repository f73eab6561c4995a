//! One run: opens a scenario, measures while it works, closes it, and says what was found.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::enter;
use crate::gauge::Gauge;
use crate::live::Live;
use crate::outcome::{Generator, Operation, Outcome, Second};
use crate::recorder::{Recorder, Seen, Window};
use crate::scenario::Scenario;
use crate::stage::{Load, Stage};
use crate::stats::float;
use crate::target::Target;
use crate::usage::{self, Usage};

/// The share of its one core up to which the generator is believed.
const SATURATED: f64 = 0.95;

/// The share of what was due that may be left out.
const DROPPED: f64 = 0.001;

/// Measures a scenario under a load.
///
/// # Errors
/// If there are too few files for its connections, or the hub cannot be reached or does not answer; what it does wrong
/// stands in the outcome.
pub async fn measure<S: Scenario>(
    scenario: &S,
    target: &Target,
    load: Load,
    first_user: u64,
    live: &Live,
) -> anyhow::Result<Outcome> {
    enter::afford(scenario.connections(), target.pid())?;
    let load = scenario.load(load);
    let stage = Stage::new(target, load, first_user);
    let gauge = Gauge::new(target);
    let resident_before = gauge.resident_kb();
    live.opening(scenario.name(), &target.name);
    let mut crew = scenario.open(&stage).await?;
    let window = stage.recorder.begin(load.warmup, load.length);
    live.running(&load);
    tokio::time::sleep(window.from.saturating_duration_since(Instant::now())).await;

    let before = gauge.read().await?;
    let own_before = usage::usage(std::process::id())?;
    let timeline = RefCell::new(Vec::new());
    let worked = tokio::select! {
        worked = scenario.work(&mut crew, &stage) => worked,
        never = watch(&stage.recorder, window, &gauge, live, &timeline) => match never {},
    };
    let mut after = gauge.read().await?;
    let own = usage::usage(std::process::id())?;
    let seconds = after.at.duration_since(before.at).as_secs_f64();
    worked?;
    last_second(&stage.recorder, &timeline, seconds, after.usage.as_ref().map_or(0, |usage| usage.resident_kb));

    live.closing();
    scenario.close(crew, &stage).await?;
    gauge.count_to_the_end(&mut after).await;
    let seen = stage.recorder.seen();
    let generator = generator(&seen, &own_before, &own, seconds, &load);
    live.done();
    Ok(Outcome {
        scenario: scenario.name().to_owned(),
        target: target.name.clone(),
        load: scenario.offered(&load),
        settings: scenario.settings().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        keys: scenario.keys(),
        seconds,
        figures: Default::default(),
        server: gauge.costs(&before, &after, resident_before),
        operations: seen.operations,
        extra: seen.figures,
        tally: seen.tally,
        faults: seen.faults,
        generator,
        timeline: timeline.into_inner(),
        notes: seen.notes,
    }
    .summed_up())
}

/// Looks at the run once a second, for whoever watches it and for the timeline.
async fn watch(
    recorder: &Recorder,
    window: Window,
    gauge: &Gauge<'_>,
    live: &Live,
    timeline: &RefCell<Vec<Second>>,
) -> std::convert::Infallible {
    let mut next = window.from;
    let mut before = 0;
    loop {
        next += Duration::from_secs(1);
        tokio::time::sleep(next.saturating_duration_since(Instant::now())).await;
        gauge.glance().await;
        let (completed, recent) = recorder.look();
        let second = Second {
            at: window.from.elapsed().as_secs_f64(),
            completed: completed - before,
            p99: recent.quantile(0.99),
            p50: recent.quantile(0.5),
            resident_kb: gauge.resident_kb(),
        };
        before = completed;
        live.second(&second);
        timeline.borrow_mut().push(second);
    }
}

/// The watch may be cut off just before its last look.
fn last_second(recorder: &Recorder, timeline: &RefCell<Vec<Second>>, seconds: f64, resident_kb: u32) {
    let (completed, recent) = recorder.look();
    let mut timeline = timeline.borrow_mut();
    let before: u64 = timeline.iter().map(|second| second.completed).sum();
    if completed > before {
        let (p99, p50) = (recent.quantile(0.99), recent.quantile(0.5));
        timeline.push(Second { at: seconds, completed: completed - before, p99, p50, resident_kb });
    }
}

/// Says what the server did not take of what it was offered.
fn refused(seen: &Seen) -> Option<String> {
    let not_taken = |operation: &&Operation| {
        let refused = float(operation.error_count());
        refused > (refused + float(operation.completed)) * DROPPED
    };
    let operation = seen.operations.iter().find(not_taken)?;
    let (name, refused) = (&operation.name, operation.error_count());
    let all = refused + operation.completed;
    let limited = operation.errors.contains_key("rate_limited");
    let hint = if limited { "; start the hub with CHAT_RATE_LIMIT=off to measure it" } else { "" };
    Some(format!(
        "the load was not taken: {refused} of {all} were refused ({name}), for reasons that stand above{hint}"
    ))
}

/// Judges the generator's own work.
fn generator(seen: &Seen, before: &Usage, after: &Usage, seconds: f64, load: &Load) -> Generator {
    let cpu = after.user + after.system - before.user - before.system;
    // One thread does the work.
    let most = after.since(before, seconds).into_iter().max_by(|one, other| one.worked.total_cmp(&other.worked));
    let mut generator = Generator {
        cpu,
        cpu_share: cpu / seconds.max(1e-9),
        kept_waiting: most.and_then(|thread| thread.kept_waiting),
        lateness_ms: seen.lateness.summary(),
        scheduled: seen.scheduled,
        dropped: seen.unsent,
        limited: false,
        refused: refused(seen),
        void: Vec::new(),
    };
    let allowed = load.max_lateness.as_secs_f64() * 1_000.0;
    let late = generator.lateness_ms.p99;
    if late > allowed {
        let why = "the generator was late: 1 % of what was due was handed out more than";
        generator.void.push(format!("{why} {late:.1} ms after its time (allowed: {allowed} ms)"));
    }
    if generator.cpu_share > SATURATED {
        let share = generator.cpu_share * 100.0;
        generator
            .void
            .push(format!("the generator was saturated: it used {share:.0} % of the one core that it can use"));
    }
    generator.limited = !generator.void.is_empty();
    generator.void.extend_from_slice(&seen.void);
    if float(seen.unsent) > float(seen.scheduled) * DROPPED {
        let (unsent, scheduled) = (seen.unsent, seen.scheduled);
        generator.void.push(format!(
            "the load was not offered: {unsent} of the {scheduled} that were due were never sent, because their clients still waited for answers"
        ));
    }
    generator.void.extend(generator.refused.clone());
    generator
}
