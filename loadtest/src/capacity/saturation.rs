//! Names the resource that was exhausted at the load above the capacity.

use crate::render::table::number;
use crate::result::{OsThreadShare, ServerCosts, Step};
use crate::stats::search::{Answer, Verdict};

/// The share of a core, or of the machine, above which it counts as exhausted.
const BUSY: f64 = 0.9;

/// The share of its time in the run queue above which an OS thread counts as starved.
const STARVED: f64 = 0.1;

/// Names the exhausted resource, from the measurement at the load above the answer.
pub(super) fn describe(steps: &[Step], answer: &Answer) -> String {
    let above = steps.iter().rev().find(|step| step.verdict != Verdict::Pass).or(steps.last());
    let Some(Step { outcome, load, .. }) = above else { return "nothing was measured".to_owned() };
    let at = format!("at {}/s", number(load.round()));
    if answer.below.is_none() && !answer.unsteady {
        return format!("nothing: {at} the objective was still met");
    }
    let generator = &outcome.generator;
    if generator.limited {
        return format!("the load generator: {}", generator.invalid.join("; "));
    }
    let Some(costs) = &outcome.server else {
        return format!("a resource of the server, {at}: its process is not known here (--pid)");
    };
    of_server(costs, outcome.seconds, generator.cpu_share, &at)
}

/// Names the exhausted resource of the server's machine; `at` names the load.
fn of_server(costs: &ServerCosts, seconds: f64, generator_share: f64, at: &str) -> String {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let busiest = costs.threads.first();
    let busy = percent(costs.machine_share);
    let waited = |thread: &&OsThreadShare| thread.in_run_queue.unwrap_or_default();
    let normal = costs.threads.iter().filter(|thread| !thread.low_priority);
    let starved = normal.max_by(|one, other| waited(one).total_cmp(&waited(other)));
    let starved = starved.filter(|thread| waited(thread) > STARVED).map(|thread| {
        let share = percent(waited(&thread));
        format!("its OS thread `{}` was ready and had no core for {share} of the time", thread.name)
    });
    match (busiest.filter(|thread| thread.on_cpu > BUSY), starved) {
        (Some(OsThreadShare { name, on_cpu, .. }), _) => {
            format!("CPU: the server's OS thread `{name}` used {} of a core {at}", percent(*on_cpu))
        }
        (None, starved) if costs.machine_share > BUSY => {
            let server = percent((costs.user + costs.system) / seconds);
            let own = percent(generator_share);
            let starved = starved.map_or(String::new(), |starved| format!("; {starved}"));
            format!("CPU: all cores, {busy} busy {at} (the server {server} of a core, this generator {own}{starved})")
        }
        _ if costs.disk_wait_share > 0.2 => {
            format!("the disk: the cores waited for it {} of the time {at}", percent(costs.disk_wait_share))
        }
        (None, Some(starved)) => format!("CPU: {busy} of the machine busy {at}, but {starved}"),
        (None, None) => {
            let commit = costs.metrics.as_ref();
            let commit = commit.map_or(String::new(), |hub| format!(", a commit took {:.1} ms", hub.commit_ms));
            format!(
                "not the CPU: {busy} of the machine busy {at}, busiest OS thread {}{commit}; the disk or locks remain",
                percent(busiest.map_or(0.0, |thread| thread.on_cpu))
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(name: &str, on_cpu: f64, in_run_queue: f64) -> OsThreadShare {
        OsThreadShare { name: name.to_owned(), on_cpu, in_run_queue: Some(in_run_queue), low_priority: false }
    }

    /// With three OS threads on two cores none of them is busy all the time, and still cores are the exhausted resource.
    #[test]
    fn a_starved_os_thread_is_named() {
        let named = |machine_share, threads| {
            let costs = ServerCosts { user: 1.0, system: 2.0, machine_share, threads, ..ServerCosts::default() };
            of_server(&costs, 2.0, 0.5, "at 86,000/s")
        };
        let reader = OsThreadShare { low_priority: true, ..thread("sqlite-read-1", 0.1, 0.9) };
        let starved = || vec![thread("hub", 0.78, 0.13), thread("storage", 0.39, 0.42), reader.clone()];
        assert_eq!(
            named(0.75, starved()),
            "CPU: 75 % of the machine busy at 86,000/s, but its OS thread `storage` was ready and had no core for 42 % of \
             the time"
        );
        assert_eq!(
            named(0.95, starved()),
            "CPU: all cores, 95 % busy at 86,000/s (the server 150 % of a core, this generator 50 %; its OS thread \
             `storage` was ready and had no core for 42 % of the time)"
        );
        assert_eq!(
            named(0.75, vec![thread("hub", 0.95, 0.2)]),
            "CPU: the server's OS thread `hub` used 95 % of a core at 86,000/s"
        );
        let waits = named(0.3, vec![thread("hub", 0.2, 0.05)]);
        assert!(
            waits.starts_with("not the CPU: 30 % of the machine busy at 86,000/s, busiest OS thread 20 %"),
            "{waits}"
        );
    }
}
