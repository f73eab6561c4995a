//! Queries of a server through sea-orm's connection, and the rows that it sends.

use std::borrow::Cow;

use rusqlite::types::FromSql;
use sea_orm::{ConnectionTrait, DatabaseBackend, QueryResult, Statement, TryGetable, Value};

use super::placeholders::numbered;
use crate::driver_error::DriverError;
use crate::rows::{Columns, FromRow};

/// Runs a query on a pool or in a transaction, and takes a `T` of each row.
pub(crate) async fn rows<T: FromRow>(
    db: &impl ConnectionTrait,
    text: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<T>, DriverError> {
    let rows = db.query_all_raw(statement(db.get_database_backend(), text, values)).await?;
    rows.iter().map(|row| T::take(&mut SentColumns { row, next: 0 })).collect()
}

/// Runs a statement on a pool or in a transaction, and returns how many rows it has changed.
pub(crate) async fn run(
    db: &impl ConnectionTrait,
    text: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, DriverError> {
    Ok(db.execute_raw(statement(db.get_database_backend(), text, values)).await?.rows_affected())
}

/// Makes a statement of a text with `?` for its values.
fn statement(backend: DatabaseBackend, text: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    let text = if backend == DatabaseBackend::Postgres { numbered(text) } else { Cow::Borrowed(text) };
    #[cfg(test)]
    crate::sql::note(backend, &text);
    Statement::from_sql_and_values(backend, text, values)
}

/// The columns of a row that a server has sent.
struct SentColumns<'r> {
    row: &'r QueryResult,
    next: usize,
}

impl Columns for SentColumns<'_> {
    fn take<T: TryGetable + FromSql>(&mut self) -> Result<T, DriverError> {
        let value = self.row.try_get_by_index(self.next)?;
        self.next += 1;
        Ok(value)
    }

    fn is_null(&self) -> Result<bool, DriverError> {
        Ok(self.row.try_get_by_index::<Option<i64>>(self.next)?.is_none())
    }

    fn skip(&mut self, columns: usize) {
        self.next += columns;
    }
}
