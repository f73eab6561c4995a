//! Statements over whole sets: one text, one parameter that holds all the rows as JSON.
//!
//! The text stays the same however many rows there are, so every statement is prepared once
//! per connection, and a set costs one round trip.

use std::borrow::Cow;

use sea_orm::{DatabaseBackend, Statement, Value};
use serde::Serialize;

/// Makes a statement of a text with `?` for its values.
pub(crate) fn statement(
    backend: DatabaseBackend,
    sql: impl Into<String>,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    let mut statement = Statement::from_sql_and_values(backend, sql, values);
    if backend == DatabaseBackend::Postgres
        && let Cow::Owned(numbered) = numbered(&statement.sql)
    {
        statement.sql = numbered;
    }
    #[cfg(test)]
    note(backend, &statement.sql);
    statement
}

/// Numbers the parameters of a text, `?` outside quotes, as PostgreSQL wants them: `$1`, `$2`. No text of ours uses an operator
/// with a question mark, and sea-query's have numbers already.
fn numbered(text: &str) -> Cow<'_, str> {
    if !text.contains('?') {
        return Cow::Borrowed(text);
    }
    debug_assert!(!text.contains('$'), "parameters of two kinds: {text}");
    let (mut numbered, mut quote, mut parameters) = (String::with_capacity(text.len() + 16), None, 0);
    for character in text.chars() {
        match (quote, character) {
            (None, '?') => {
                parameters += 1;
                numbered.push('$');
                numbered.push_str(&parameters.to_string());
                continue;
            }
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
        numbered.push(character);
    }
    Cow::Owned(numbered)
}

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

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_are_numbered_and_quotes_are_left_alone() {
        for (text, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("a = ? AND b IN (?, ?)", "a = $1 AND b IN ($2, $3)"),
            (
                "a = '?' AND \"b?\" = ? AND c = 'it''s ?' AND d = ?",
                "a = '?' AND \"b?\" = $1 AND c = 'it''s ?' AND d = $2",
            ),
            ("'\"' || ? || \"'\" || ?", "'\"' || $1 || \"'\" || $2"),
            ("\"a\" = $1", "\"a\" = $1"),
        ] {
            assert_eq!(numbered(text), expected);
        }
    }
}
