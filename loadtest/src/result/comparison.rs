//! The result of a comparison of two servers.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::load::Offered;
use crate::stats::float;
use crate::stats::spread::Spread;

/// The result of a comparison of two servers, A and B.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// The name of server A.
    pub a: String,
    /// The name of server B.
    pub b: String,
    /// The results under each load.
    pub loads: Vec<LoadComparison>,
    /// Remarks for the reader of the report.
    pub notes: Vec<String>,
}

/// The results under one load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadComparison {
    /// The load.
    pub load: Offered,
    /// The figures that are compared.
    pub rows: Vec<Row>,
    /// The runs of A.
    pub a: Vec<Outcome>,
    /// The runs of B.
    pub b: Vec<Outcome>,
}

/// One figure of both servers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Whether a higher value is better.
    pub more_is_better: bool,
    /// The values of A.
    pub a: Spread,
    /// The values of B.
    pub b: Spread,
    /// A's value divided by B's, round by round.
    pub ratio: Spread,
}

/// A figure that is compared.
struct Measure {
    name: &'static str,
    unit: &'static str,
    more_is_better: bool,
    of: fn(&Outcome) -> Option<f64>,
}

const MEASURES: [Measure; 7] = [
    Measure { name: "messages", unit: "/s", more_is_better: true, of: |outcome| Some(outcome.throughput()) },
    Measure {
        name: "messages per server CPU second",
        unit: "",
        more_is_better: true,
        of: |outcome| outcome.cpu_us_per_operation().filter(|us| *us > 0.0).map(|us| 1e6 / us),
    },
    Measure { name: "p50", unit: "ms", more_is_better: false, of: |outcome| Some(outcome.primary()?.corrected_ms.p50) },
    Measure { name: "p99", unit: "ms", more_is_better: false, of: |outcome| Some(outcome.primary()?.corrected_ms.p99) },
    Measure {
        name: "p99.9",
        unit: "ms",
        more_is_better: false,
        of: |outcome| Some(outcome.primary()?.corrected_ms.p999),
    },
    Measure {
        name: "resident memory",
        unit: "MB",
        more_is_better: false,
        of: |outcome| Some(f64::from(outcome.server.as_ref()?.resident_kb) * 1024.0 / 1e6),
    },
    Measure {
        name: "written to disk",
        unit: "B per message",
        more_is_better: false,
        of: |outcome| {
            let completed = outcome.primary().map(|primary| primary.completed).filter(|completed| *completed > 0)?;
            Some(float(outcome.server.as_ref()?.written) / float(completed))
        },
    },
];

impl LoadComparison {
    /// Compares the runs round by round, so that a change of the machine between two rounds affects both servers.
    #[must_use]
    pub fn new(load: Offered, a: Vec<Outcome>, b: Vec<Outcome>) -> Self {
        let rows = MEASURES.iter().filter_map(|measure| measure.compare(&a, &b)).collect();
        Self { load, rows, a, b }
    }
}

impl Measure {
    fn compare(&self, a: &[Outcome], b: &[Outcome]) -> Option<Row> {
        let a: Vec<f64> = a.iter().map(self.of).collect::<Option<_>>()?;
        let b: Vec<f64> = b.iter().map(self.of).collect::<Option<_>>()?;
        let ratios: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a / b).collect();
        Some(Row {
            name: self.name.to_owned(),
            unit: self.unit.to_owned(),
            more_is_better: self.more_is_better,
            a: Spread::of(&a)?,
            b: Spread::of(&b)?,
            ratio: Spread::of(&ratios).filter(|ratio| ratio.median.is_finite())?,
        })
    }
}

impl Comparison {
    /// Returns the outcomes of all runs, each with the name of its side.
    pub fn runs(&self) -> impl Iterator<Item = (&'static str, &Outcome)> {
        self.loads.iter().flat_map(|load| {
            let (a, b) = (load.a.iter().map(|run| ("A", run)), load.b.iter().map(|run| ("B", run)));
            a.chain(b)
        })
    }

    /// Counts the broken guarantees over all runs.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.runs().map(|(_, run)| run.violations.total()).sum()
    }

    /// Tells whether a run is invalid.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.runs().any(|(_, run)| run.is_invalid())
    }
}
