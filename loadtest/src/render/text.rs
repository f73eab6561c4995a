//! A report as text that reads well in a terminal and in a log.

mod capacity;
mod comparison;
mod labels;
mod plan;
mod run;

pub(super) use self::capacity::interval;
pub(super) use self::labels::load;

use crate::report::{Report, ReportResult};

/// Renders a report as text.
#[must_use]
pub fn text(report: &Report) -> String {
    match &report.result {
        ReportResult::Run(outcome) => run::text(outcome),
        ReportResult::Capacity(capacity) => capacity::text(capacity),
        ReportResult::Comparison(comparison) => comparison::text(comparison),
        ReportResult::Plan(plan) => plan::text(plan),
    }
}
