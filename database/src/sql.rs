//! Statements over whole sets: one text, one parameter that holds all the rows as JSON.
//!
//! The text stays the same however many rows there are, so every statement is prepared once
//! per connection, and a set costs one round trip.

use rusqlite::{CachedStatement, Connection};
use sea_orm::{DatabaseBackend, Statement, Value};
use serde::Serialize;

use crate::backend::Backend;
pub(crate) use crate::backend::dialect::{Column, Kind};

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

/// Makes a statement of a text that is run over and over, on a connection of SQLite's own.
pub(crate) fn prepared<'a>(connection: &'a Connection, text: &str) -> rusqlite::Result<CachedStatement<'a>> {
    #[cfg(test)]
    note(text);
    connection.prepare_cached(text)
}

/// Notes a text that is run.
#[cfg(test)]
fn note(text: &str) {
    texts().insert(text.to_owned());
}

/// Returns text as a column holds it that is compared byte by byte.
pub(crate) fn binary_text(backend: DatabaseBackend, text: &str) -> Value {
    Backend::from(backend).dialect().binary_text(text)
}

/// Returns all texts that were ever made: what the test of the plans goes through.
#[cfg(test)]
pub(crate) fn texts() -> std::sync::MutexGuard<'static, std::collections::BTreeSet<String>> {
    static TEXTS: std::sync::Mutex<std::collections::BTreeSet<String>> =
        std::sync::Mutex::new(std::collections::BTreeSet::new());
    TEXTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Returns a table that is to be read through one index.
pub(crate) fn indexed(backend: DatabaseBackend, table: &str, index: &str) -> String {
    Backend::from(backend).dialect().with_index(table, index)
}

/// Writes rows as the parameter of a set: an array of arrays.
pub(crate) fn json<Row: Serialize>(rows: &[Row]) -> Value {
    // Numbers and strings in arrays can be written as JSON in every case.
    serde_json::to_string(rows).unwrap_or_default().into()
}

/// Returns the text of a table `name` over one JSON parameter.
pub(crate) fn set(backend: DatabaseBackend, name: &str, columns: &[Column]) -> String {
    Backend::from(backend).dialect().json_table(name, columns)
}

/// Returns the expression that reads a column of the set `name` as the tables hold it.
pub(crate) fn value(backend: DatabaseBackend, name: &str, column: Column) -> String {
    Backend::from(backend).dialect().json_column(name, column)
}
