//! Two servers in turn, A B A B, under the same load.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::args::{CompareArgs, Receipts};
use crate::live::Live;
use crate::outcome::{Offered, Outcome};
use crate::run::measure;
use crate::scenario::Chat;
use crate::stage::{Load, READ_BACK};
use crate::stats::float;
use crate::stats::schedule::Arrivals;
use crate::stats::spread::Spread;
use crate::target::Target;
use crate::{peer, stats};

/// What a comparison found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// The one server.
    pub one: String,
    /// The other.
    pub other: String,
    /// Under each load.
    pub loads: Vec<Compared>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// What was found under one load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Compared {
    /// The load.
    pub load: Offered,
    /// What is compared.
    pub rows: Vec<Row>,
    /// The runs of the one server.
    pub one: Vec<Outcome>,
    /// The runs of the other.
    pub other: Vec<Outcome>,
}

/// One figure of both.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// What.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Whether more of it is better.
    pub more_is_better: bool,
    /// Of the one server.
    pub one: Spread,
    /// Of the other.
    pub other: Spread,
    /// The one's by the other's, of each round.
    pub ratio: Spread,
}

/// What is compared: name, unit, whether more is better, and where it stands.
type Measure = (&'static str, &'static str, bool, fn(&Outcome) -> Option<f64>);

const MEASURES: [Measure; 7] = [
    ("messages", "/s", true, |outcome| Some(outcome.throughput())),
    ("messages per server CPU second", "", true, |outcome| {
        outcome.cpu_us_each().filter(|each| *each > 0.0).map(|each| 1e6 / each)
    }),
    ("p50", "ms", false, |outcome| outcome.own().map(|own| own.corrected_ms.p50)),
    ("p99", "ms", false, |outcome| outcome.own().map(|own| own.corrected_ms.p99)),
    ("p99.9", "ms", false, |outcome| outcome.own().map(|own| own.corrected_ms.p999)),
    ("resident memory", "MB", false, |outcome| {
        outcome.server.as_ref().map(|costs| f64::from(costs.resident_kb) * 1024.0 / 1e6)
    }),
    ("written to disk", "B a message", false, |outcome| {
        let completed = outcome.own().map_or(0, |own| own.completed);
        outcome.server.as_ref().filter(|_| completed > 0).map(|costs| float(costs.written) / float(completed))
    }),
];

/// Measures both in turn.
///
/// # Errors
/// If one of them cannot be started or reached.
pub async fn compare(args: &CompareArgs, live: &Live) -> anyhow::Result<Comparison> {
    let one = Target::open(&args.target, false).await?;
    let other = other(args, live).await?;
    let mut loads = Vec::new();
    for offered in offered(args) {
        loads.push(under(offered, args, &one, &other, live).await?);
    }
    let mut comparison = Comparison { one: one.name.clone(), other: other.name.clone(), loads, notes: Vec::new() };
    if without_receipts(args) && args.shape.receipts != Receipts::None {
        comparison
            .notes
            .push("readers confirm what they get on side A alone: the other server has no receipts".to_owned());
    }
    comparison.note_what_runs_say();
    one.close().await?;
    other.close().await?;
    Ok(comparison)
}

async fn other(args: &CompareArgs, live: &Live) -> anyhow::Result<Target> {
    match (args.peer, &args.against) {
        (Some(which), _) => peer::start(which, args, live).await,
        (None, Some(url)) => Target::find("--against", url, &args.target, args.legacy, args.against_pid),
        (None, None) => anyhow::bail!("with what? Give --peer or --against"),
    }
}

/// Tells whether the other server has no receipts.
fn without_receipts(args: &CompareArgs) -> bool {
    args.peer.is_some() || args.legacy
}

fn offered(args: &CompareArgs) -> Vec<Offered> {
    match args.rate {
        Some(rate) => vec![Offered::Open { rate, arrivals: Arrivals::Constant }],
        None => args.in_flight.iter().map(|in_flight| Offered::Closed { in_flight: *in_flight }).collect(),
    }
}

async fn under(
    offered: Offered,
    args: &CompareArgs,
    one: &Target,
    other: &Target,
    live: &Live,
) -> anyhow::Result<Compared> {
    let load = Load {
        offered,
        seed: 1,
        warmup: Duration::from_secs_f64(args.warmup),
        length: Duration::from_secs_f64(args.seconds),
        deadline: Duration::from_secs(10),
        max_lateness: Duration::from_millis(20),
        read_back: READ_BACK,
    };
    let chat = Chat::new(args.shape.clone());
    let mut shape = args.shape.clone();
    if without_receipts(args) {
        shape.receipts = Receipts::None;
    }
    let bare = Chat::new(shape);
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        for (target, scenario, outcomes) in [(one, &chat, &mut ones), (other, &bare, &mut others)] {
            let outcome = measure(scenario, target, load, 1, live).await?;
            let rate = crate::report::table::number(outcome.throughput().round());
            live.say(&format!("round {round}: {} · {rate} messages/s", target.name));
            outcomes.push(outcome);
        }
    }
    Ok(Compared { load: offered, rows: rows(&ones, &others), one: ones, other: others })
}

/// Compares round by round, so that what changes on the machine from round to round changes both.
#[must_use]
pub fn rows(ones: &[Outcome], others: &[Outcome]) -> Vec<Row> {
    let row = |(name, unit, more_is_better, of): &Measure| {
        let one: Vec<f64> = ones.iter().map(*of).collect::<Option<_>>()?;
        let other: Vec<f64> = others.iter().map(*of).collect::<Option<_>>()?;
        let ratios: Vec<f64> = one.iter().zip(&other).map(|(one, other)| one / other).collect();
        Some(Row {
            name: (*name).to_owned(),
            unit: (*unit).to_owned(),
            more_is_better: *more_is_better,
            one: Spread::of(&one)?,
            other: Spread::of(&other)?,
            ratio: Spread::of(&ratios).filter(|ratio| ratio.median.is_finite())?,
        })
    };
    MEASURES.iter().filter_map(row).collect()
}

impl Comparison {
    /// Notes what the runs of either side say, once.
    fn note_what_runs_say(&mut self) {
        let ones = self.loads.iter().flat_map(|load| &load.one).map(|run| ("A", run));
        let others = self.loads.iter().flat_map(|load| &load.other).map(|run| ("B", run));
        let said =
            ones.chain(others).flat_map(|(side, run)| run.notes.iter().map(move |note| format!("{side}: {note}")));
        let said: BTreeSet<String> = said.collect();
        self.notes.extend(said);
    }

    /// Returns all runs.
    pub fn runs(&self) -> impl Iterator<Item = &Outcome> {
        self.loads.iter().flat_map(|load| load.one.iter().chain(&load.other))
    }

    /// Returns how many promises were broken, over all runs.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.runs().map(|run| run.faults.total()).sum()
    }

    /// Returns how many runs say nothing.
    #[must_use]
    pub fn void(&self) -> u64 {
        stats::count(float(self.runs().filter(|run| run.is_void()).count() as u64))
    }
}
