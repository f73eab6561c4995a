//! Statements over whole sets: one text, one parameter that holds all the rows as JSON.
//!
//! The text stays the same however many rows there are, so every statement is prepared once
//! per connection, and a set costs one round trip.

use sea_orm::{DatabaseBackend, Statement, Value};
use serde::Serialize;

/// Makes a statement of a text with `?` for its values.
pub(crate) fn statement(
    backend: DatabaseBackend,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    let statement = Statement::from_sql_and_values(backend, sql, values);
    #[cfg(test)]
    note(&statement.sql);
    statement
}

/// Notes a text that is run.
#[cfg(test)]
pub(crate) fn note(text: &str) {
    texts().insert(text.to_owned());
}

/// Returns all texts that were ever made: what the test of the plans goes through.
#[cfg(test)]
pub(crate) fn texts() -> std::sync::MutexGuard<'static, std::collections::BTreeSet<String>> {
    static TEXTS: std::sync::Mutex<std::collections::BTreeSet<String>> =
        std::sync::Mutex::new(std::collections::BTreeSet::new());
    TEXTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Writes rows as the parameter of a set: an array of arrays.
pub(crate) fn json<Row: Serialize>(rows: &[Row]) -> Value {
    json_text(rows).into()
}

/// Writes rows as JSON.
pub(crate) fn json_text<Row: Serialize>(rows: &[Row]) -> String {
    // Numbers and strings in arrays can be written as JSON in every case.
    serde_json::to_string(rows).unwrap_or_default()
}
