//! A report: the result of a command with a description of the machine, as JSON keeps it.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::result::{Capacity, Comparison, Outcome, Plan};

/// The version of the JSON format. Reports of other versions are not read.
const VERSION: u32 = 3;

/// The result of a command with a description of the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The version of the JSON format.
    pub version: u32,
    /// The machine, its settings, and the command.
    pub environment: Environment,
    /// The result.
    #[serde(flatten)]
    pub result: ReportResult,
}

/// The result of a command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ReportResult {
    /// Of `run`.
    Run(Box<Outcome>),
    /// Of `capacity`.
    Capacity(Box<Capacity>),
    /// Of `compare`.
    Comparison(Box<Comparison>),
    /// Of `plan`.
    Plan(Box<Plan>),
}

/// What a report proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The server kept every guarantee.
    Kept,
    /// The server broke a guarantee.
    Broken,
    /// Nothing: the measurement is invalid.
    Invalid,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Kept => Self::SUCCESS,
            Verdict::Broken => Self::FAILURE,
            Verdict::Invalid => Self::from(3),
        }
    }
}

impl Report {
    /// Makes the report of a result.
    #[must_use]
    pub fn new(environment: Environment, result: ReportResult) -> Self {
        Self { version: VERSION, environment, result }
    }

    /// Reads a report.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a report of this version.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let report: Self = serde_json::from_str(&text).with_context(|| {
            format!("{} is not a report that this version of chat-loadtest writes (--json, --out)", path.display())
        })?;
        anyhow::ensure!(
            report.version == VERSION,
            "{} is a report of another version of chat-loadtest: measure again",
            path.display()
        );
        Ok(report)
    }

    /// Writes the report as one line of JSON.
    ///
    /// # Errors
    /// If a number in it cannot be written as JSON.
    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// Judges the result.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match &self.result {
            ReportResult::Run(outcome) => of_run(outcome),
            ReportResult::Capacity(capacity) if capacity.violations() > 0 => Verdict::Broken,
            ReportResult::Comparison(comparison) if comparison.violations() > 0 => Verdict::Broken,
            ReportResult::Capacity(capacity) if capacity.is_empty() => Verdict::Invalid,
            ReportResult::Comparison(comparison) if comparison.is_invalid() => Verdict::Invalid,
            ReportResult::Capacity(_) | ReportResult::Comparison(_) | ReportResult::Plan(_) => Verdict::Kept,
        }
    }
}

fn of_run(outcome: &Outcome) -> Verdict {
    match (outcome.is_clean(), outcome.is_invalid()) {
        (false, _) => Verdict::Broken,
        (true, true) => Verdict::Invalid,
        (true, false) => Verdict::Kept,
    }
}
