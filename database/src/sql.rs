//! Statements over whole sets: one text, one parameter that holds all the rows as JSON.
//!
//! The text stays the same however many rows there are, so every statement is prepared once
//! per connection, and a set costs one round trip.
//!
//! sea-query builds every statement that it can express. What it has no words for are a table made of a JSON parameter, the
//! index that a table is to be read through, and the other fragments of a [`Dialect`](crate::backend::dialect::Dialect). A
//! query over one of these is a text around the dialect's fragments; the columns that it selects come from the entities.

#[cfg(test)]
use sea_orm::DatabaseBackend;
use sea_orm::Value;
use serde::Serialize;

/// Notes a text that is run.
#[cfg(test)]
pub(crate) fn note(backend: DatabaseBackend, text: &str) {
    noted().insert((format!("{backend:?}"), text.to_owned()));
}

/// Returns all texts that were ever made for a backend: what the tests of the plans go through.
#[cfg(test)]
pub(crate) fn texts(backend: DatabaseBackend) -> Vec<String> {
    let backend = format!("{backend:?}");
    noted().iter().filter(|(of, _)| *of == backend).map(|(_, text)| text.clone()).collect()
}

#[cfg(test)]
fn noted() -> std::sync::MutexGuard<'static, std::collections::BTreeSet<(String, String)>> {
    static TEXTS: std::sync::Mutex<std::collections::BTreeSet<(String, String)>> =
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
