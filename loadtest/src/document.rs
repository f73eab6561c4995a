//! A finding with the sheet of its environment: what is written as JSON and read again for a report.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::capacity::Capacity;
use crate::compare::Comparison;
use crate::environment::Environment;
use crate::outcome::Outcome;
use crate::plan::Plan;

/// The form of the document; another one is not read.
const VERSION: u32 = 2;

/// A finding with the sheet of its environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Document {
    /// The form of the document.
    pub version: u32,
    /// The sheet.
    pub environment: Environment,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Finding {
    /// By one run.
    Run(Box<Outcome>),
    /// By a search for capacity.
    Capacity(Box<Capacity>),
    /// By a comparison.
    Comparison(Box<Comparison>),
    /// By calculation.
    Plan(Box<Plan>),
}

/// What a finding amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every promise was kept.
    Good,
    /// One was broken.
    Broken,
    /// Nobody knows.
    Void,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Broken => Self::FAILURE,
            Verdict::Void => Self::from(3),
        }
    }
}

impl Document {
    /// Makes one of what was found here.
    #[must_use]
    pub fn new(environment: Environment, finding: Finding) -> Self {
        Self { version: VERSION, environment, finding }
    }

    /// Reads one.
    ///
    /// # Errors
    /// If the file is not there, or is something else.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let document: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not what chat-loadtest writes with --json or --out", path.display()))?;
        anyhow::ensure!(
            document.version == VERSION,
            "{} is of another version of chat-loadtest: measure again",
            path.display()
        );
        Ok(document)
    }

    /// Writes it as one line.
    ///
    /// # Errors
    /// If a number in it is none.
    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// Judges it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match &self.finding {
            Finding::Run(outcome) => of_run(outcome),
            Finding::Capacity(capacity) if capacity.faults() > 0 => Verdict::Broken,
            Finding::Comparison(comparison) if comparison.faults() > 0 => Verdict::Broken,
            Finding::Capacity(capacity) if capacity.is_empty() => Verdict::Void,
            Finding::Comparison(comparison) if comparison.void() > 0 => Verdict::Void,
            Finding::Capacity(_) | Finding::Comparison(_) | Finding::Plan(_) => Verdict::Good,
        }
    }
}

fn of_run(outcome: &Outcome) -> Verdict {
    match (outcome.is_clean(), outcome.is_void()) {
        (false, _) => Verdict::Broken,
        (true, true) => Verdict::Void,
        (true, false) => Verdict::Good,
    }
}
