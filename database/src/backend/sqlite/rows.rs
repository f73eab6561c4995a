//! Queries of SQLite by rusqlite's cached prepared statements, and the rows that they stand at.

use rusqlite::Connection;
use rusqlite::types::{FromSql, ValueRef};
use sea_orm::{TryGetable, Value};

use super::statement::{bind, prepared};
use crate::driver_error::DriverError;
use crate::rows::{Columns, FromRow};

/// Runs a query on the calling thread, and takes a `T` of each row.
pub(crate) fn rows<T: FromRow>(
    connection: &Connection,
    text: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<T>, DriverError> {
    let mut query = prepared(connection, text)?;
    bind(&mut query, values)?;
    let (mut rows, mut taken) = (query.raw_query(), Vec::new());
    while let Some(row) = rows.next()? {
        taken.push(T::take(&mut RowColumns { row, next: 0 })?);
    }
    Ok(taken)
}

/// Takes a `T` of the row that a query stands at.
pub(crate) fn take<T: FromRow>(row: &rusqlite::Row<'_>) -> Result<T, DriverError> {
    T::take(&mut RowColumns { row, next: 0 })
}

/// The columns of the row that a query stands at.
struct RowColumns<'r> {
    row: &'r rusqlite::Row<'r>,
    next: usize,
}

impl Columns for RowColumns<'_> {
    fn take<T: TryGetable + FromSql>(&mut self) -> Result<T, DriverError> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    fn is_null(&self) -> Result<bool, DriverError> {
        Ok(matches!(self.row.get_ref(self.next)?, ValueRef::Null))
    }

    fn skip(&mut self, columns: usize) {
        self.next += columns;
    }
}
