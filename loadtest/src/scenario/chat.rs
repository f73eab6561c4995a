//! Pairs of users in a closed loop.

mod pair;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::task::JoinHandle;

use self::pair::{Ledger, Pair};
use super::Scenario;
use crate::args::ChatArgs;
use crate::report::Report;
use crate::rest::Rest;
use crate::target::Target;
use crate::usage;

/// How long the last messages may take.
const LAST: Duration = Duration::from_secs(20);

/// A closed loop of pairs.
#[derive(Debug)]
pub struct Chat {
    args: ChatArgs,
}

/// What all pairs share.
#[derive(Debug)]
struct Board {
    phase: Cell<Phase>,
    completed: Cell<u64>,
    latency: RefCell<Histogram<u64>>,
    report: RefCell<Report>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Warming,
    Measuring,
    Ending,
}

impl Chat {
    /// Makes the scenario.
    #[must_use]
    pub fn new(args: ChatArgs) -> Self {
        Self { args }
    }

    /// Connects all pairs and lets them begin.
    async fn begin(&self, target: &Target, board: &Rc<Board>) -> anyhow::Result<Vec<Running>> {
        let mut running = Vec::new();
        let run = uuid::Uuid::new_v4().simple().to_string();
        for number in 0..self.args.pairs {
            let author = self.args.first_user + u64::from(number) * 2;
            let ledger = Rc::new(RefCell::new(Ledger::new(author, author + 1)));
            let key = format!("{}-{number}-", &run[..8]);
            let pair = Pair::open(target, key, &self.args, Rc::clone(&ledger), Rc::clone(board)).await?;
            running.push(Running { ledger, task: tokio::task::spawn_local(pair.run()) });
        }
        Ok(running)
    }
}

struct Running {
    ledger: Rc<RefCell<Ledger>>,
    task: JoinHandle<()>,
}

impl Scenario for Chat {
    async fn run(&self, target: &Target) -> anyhow::Result<Report> {
        let board = Rc::new(Board {
            phase: Cell::new(Phase::Warming),
            completed: Cell::new(0),
            latency: RefCell::new(Histogram::new_with_bounds(1, 60_000_000, 3)?),
            report: RefCell::default(),
        });
        let mut pairs = self.begin(target, &board).await?;
        tokio::time::sleep(Duration::from_secs(self.args.warmup)).await;

        let before = Sample::take(target)?;
        board.phase.set(Phase::Measuring);
        tokio::time::sleep(Duration::from_secs(self.args.seconds)).await;
        board.phase.set(Phase::Ending);
        let after = Sample::take(target)?;
        let completed = board.completed.get();

        let ending = async {
            for pair in &mut pairs {
                // A pair that panicked has said why.
                let _ = (&mut pair.task).await;
            }
        };
        let late = tokio::time::timeout(LAST, ending).await.is_err();
        let mut report = board.report.take();
        if late {
            report.note(format!("the last messages were not complete after {LAST:?}"));
        }
        self.figures(&mut report, &board, &before, &after, completed);
        audit(target, &pairs, &mut report).await?;
        Ok(report)
    }
}

impl Chat {
    fn figures(&self, report: &mut Report, board: &Board, before: &Sample, after: &Sample, completed: u64) {
        let seconds = after.at.duration_since(before.at).as_secs_f64();
        // Counts of a run fit a float exactly.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let completed = completed as f64;
        let latency = board.latency.borrow();
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a run, far below 2^53")]
        let millis = |quantile: f64| latency.value_at_quantile(quantile) as f64 / 1_000.0;
        report.figure("pairs", f64::from(self.args.pairs), "");
        report.figure("in flight", f64::from(self.args.in_flight), "each");
        report.figure("messages", completed / seconds, "/s");
        report.figure("p50", millis(0.50), "ms");
        report.figure("p99", millis(0.99), "ms");
        report.figure("p99.9", millis(0.999), "ms");
        if let (Some(before), Some(after)) = (before.hub, after.hub) {
            report.figure("server cpu", after - before, "s");
            report.figure("messages per server cpu second", completed / (after - before).max(0.01), "");
        }
        report.figure("generator cpu", after.own - before.own, "s");
    }
}

/// The clock and the CPU times at one moment.
struct Sample {
    at: Instant,
    own: f64,
    hub: Option<f64>,
}

impl Sample {
    fn take(target: &Target) -> anyhow::Result<Self> {
        let hub = target.pid().map(usage::cpu_seconds).transpose().context("the hub has ended")?;
        Ok(Self { at: Instant::now(), own: usage::cpu_seconds(std::process::id())?, hub })
    }
}

/// Holds what was counted against what is stored.
async fn audit(target: &Target, pairs: &[Running], report: &mut Report) -> anyhow::Result<()> {
    let rest = Rest::new(target)?;
    for Running { ledger, .. } in pairs {
        let ledger = ledger.borrow().clone();
        let (author, reader) = (ledger.author, ledger.reader);
        for (what, count) in [("acknowledged", ledger.acked), ("delivered", ledger.delivered)] {
            if count != ledger.sent {
                report.defect(format!("{author} → {reader}: {} sent, {count} {what}", ledger.sent));
            }
        }
        let newest = rest.newest(&target.token(reader)?, author).await?;
        if newest.seq != ledger.seq {
            report.defect(format!("{author} → {reader}: history ends at {}, delivery at {}", newest.seq, ledger.seq));
        }
    }
    Ok(())
}
