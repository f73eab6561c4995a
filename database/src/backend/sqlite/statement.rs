//! Cached prepared statements, and the values that are bound to them.

use rusqlite::{CachedStatement, Connection, Statement};
use sea_orm::Value;

use crate::driver_error::DriverError;

/// Prepares a text that is run over and over, or takes it from the connection's cache.
pub(crate) fn prepared<'a>(connection: &'a Connection, text: &str) -> rusqlite::Result<CachedStatement<'a>> {
    #[cfg(test)]
    crate::sql::note(sea_orm::DatabaseBackend::Sqlite, text);
    connection.prepare_cached(text)
}

/// Gives a statement its values: numbers and texts.
pub(super) fn bind(statement: &mut Statement<'_>, values: impl IntoIterator<Item = Value>) -> Result<(), DriverError> {
    let mut given = 0;
    for (at, value) in (1..).zip(values) {
        given = at;
        match value {
            Value::BigInt(number) => statement.raw_bind_parameter(at, number)?,
            // sea-query's limits.
            Value::BigUnsigned(number) => {
                statement.raw_bind_parameter(at, number.map(|number| i64::try_from(number).unwrap_or(i64::MAX)))?;
            }
            Value::String(text) => statement.raw_bind_parameter(at, text)?,
            other => return Err(DriverError::Refused(format!("{other:?} is neither a number nor a text"))),
        }
    }
    // SQLite takes what is missing for NULL.
    let wanted = statement.parameter_count();
    if given == wanted { Ok(()) } else { Err(DriverError::Refused(format!("{given} values for {wanted} parameters"))) }
}
