//! What was found, for people.

pub mod files;
mod findings;
pub mod html;
mod plots;
mod scale;
mod svg;
pub mod table;
mod text;

use crate::document::{Document, Finding};

/// Writes a document as text that reads well in a terminal and in a log.
#[must_use]
pub fn text(document: &Document) -> String {
    match &document.finding {
        Finding::Run(outcome) => text::run(outcome),
        Finding::Capacity(capacity) => findings::capacity(capacity),
        Finding::Comparison(comparison) => findings::comparison(comparison),
        Finding::Plan(plan) => findings::plan(plan),
    }
}
