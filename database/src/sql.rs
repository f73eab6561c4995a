//! Statements over whole sets: one text, one parameter that holds all the rows as JSON.
//!
//! The text stays the same however many rows there are, so every statement is prepared once
//! per connection, and a set costs one round trip.

use rusqlite::{CachedStatement, Connection};
use sea_orm::{DatabaseBackend, Statement, Value};
use serde::Serialize;

/// How a column travels in the JSON parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Number,
    /// Text.
    Text,
    /// Text that is compared byte by byte.
    BinaryText,
    /// Bytes, written as hexadecimal digits.
    Hex,
}

/// A column of a set.
pub(crate) type Column = (&'static str, Kind);

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
    match backend {
        DatabaseBackend::MySql => text.as_bytes().to_vec().into(),
        _ => text.into(),
    }
}

/// Returns all texts that were ever made: what the test of the plans goes through.
#[cfg(test)]
pub(crate) fn texts() -> std::sync::MutexGuard<'static, std::collections::BTreeSet<String>> {
    static TEXTS: std::sync::Mutex<std::collections::BTreeSet<String>> =
        std::sync::Mutex::new(std::collections::BTreeSet::new());
    TEXTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Returns a table that is to be read through one index.
///
/// Which one is right does not depend on how many rows there are; what the servers believe of that may be old, and then
/// they walk a long thread to sort it.
pub(crate) fn indexed(backend: DatabaseBackend, table: &str, index: &str) -> String {
    match backend {
        DatabaseBackend::MySql => format!("{table} FORCE INDEX ({index})"),
        DatabaseBackend::Sqlite => format!("{table} INDEXED BY {index}"),
        _ => table.to_owned(),
    }
}

/// Writes rows as the parameter of a set: an array of arrays.
pub(crate) fn json<Row: Serialize>(rows: &[Row]) -> Value {
    // Numbers and strings in arrays can be written as JSON in every case.
    serde_json::to_string(rows).unwrap_or_default().into()
}

/// Returns the text of a table `name` over one JSON parameter.
pub(crate) fn set(backend: DatabaseBackend, name: &str, columns: &[Column]) -> String {
    match backend {
        DatabaseBackend::MySql => {
            let columns: Vec<String> = (0..).zip(columns).map(|(at, column)| table_column(at, *column)).collect();
            format!("JSON_TABLE(?, '$[*]' COLUMNS ({})) AS {name}", columns.join(", "))
        }
        _ => {
            let columns: Vec<String> = (0..).zip(columns).map(|(at, column)| extracted(at, *column)).collect();
            // Each row is parsed once: without the step between, SQLite would write and parse it for each column.
            let rows = "WITH r AS MATERIALIZED (SELECT jsonb(value) AS v FROM json_each(?))";
            format!("({rows} SELECT {} FROM r) AS {name}", columns.join(", "))
        }
    }
}

/// Returns the expression that reads a column of the set `name` as the tables hold it.
pub(crate) fn value(backend: DatabaseBackend, name: &str, (column, kind): Column) -> String {
    match (backend, kind) {
        (DatabaseBackend::MySql, Kind::Hex) => format!("UNHEX({name}.{column})"),
        (DatabaseBackend::MySql, Kind::BinaryText) => format!("CAST({name}.{column} AS BINARY)"),
        _ => format!("{name}.{column}"),
    }
}

fn table_column(at: usize, (name, kind): Column) -> String {
    let sql_type = match kind {
        Kind::Number => "BIGINT",
        // Without its character set a column would have the database's, which may be a narrow one.
        Kind::Text => "MEDIUMTEXT CHARACTER SET utf8mb4",
        Kind::BinaryText => "VARCHAR(255) CHARACTER SET utf8mb4",
        Kind::Hex => "VARCHAR(64) CHARACTER SET utf8mb4",
    };
    format!("{name} {sql_type} PATH '$[{at}]'")
}

fn extracted(at: usize, (name, kind): Column) -> String {
    match kind {
        Kind::Hex => format!("unhex(v->>{at}) AS {name}"),
        _ => format!("v->>{at} AS {name}"),
    }
}
