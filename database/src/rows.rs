//! Rows, and where they are read.
//!
//! A query of a page is the same wherever it is asked: of a pool's connection, or of SQLite on the calling thread
//! ([`crate::backend::sqlite`]).

use rusqlite::Statement;
use rusqlite::types::FromSql;
use sea_orm::{ConnectionTrait, DatabaseBackend, QueryResult, TryGetable, Value};

use crate::Database;
use crate::driver_error::DriverError;
use crate::sql::{self, prepared};

/// A row of an answer.
pub(crate) enum Row<'a> {
    /// As a pool's connection has sent it.
    Sent(&'a QueryResult),
    /// As SQLite stands at it.
    Embedded(&'a rusqlite::Row<'a>),
}

impl Row<'_> {
    /// Returns what a column holds.
    pub(crate) fn get<T: TryGetable + FromSql>(&self, at: usize) -> Result<T, DriverError> {
        match self {
            Self::Sent(row) => Ok(row.try_get_by_index(at)?),
            Self::Embedded(row) => Ok(row.get(at)?),
        }
    }

    /// Returns text that servers hold as bytes.
    pub(crate) fn bytes(&self, at: usize) -> Result<Option<Vec<u8>>, DriverError> {
        match self {
            Self::Sent(row) => Ok(row.try_get_by_index(at)?),
            Self::Embedded(row) => Ok(row.get::<_, Option<String>>(at)?.map(String::into_bytes)),
        }
    }
}

/// What can be asked for rows.
pub(crate) trait Reads: Sync {
    /// Which SQL it understands.
    fn backend(&self) -> DatabaseBackend;

    /// Runs a query, and makes something of each row.
    fn rows<T: Send>(
        &self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
        each: impl Fn(&Row<'_>) -> Result<T, DriverError> + Send,
    ) -> impl Future<Output = Result<Vec<T>, DriverError>> + Send;
}

/// A pool, or a transaction.
impl<Connection: ConnectionTrait> Reads for Connection {
    fn backend(&self) -> DatabaseBackend {
        self.get_database_backend()
    }

    async fn rows<T: Send>(
        &self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
        each: impl Fn(&Row<'_>) -> Result<T, DriverError> + Send,
    ) -> Result<Vec<T>, DriverError> {
        let rows = self.query_all_raw(sql::statement(self.get_database_backend(), text, values)).await?;
        rows.iter().map(|row| each(&Row::Sent(row))).collect()
    }
}

/// SQLite on the calling thread, which waits; a server's pool.
impl Reads for Database {
    fn backend(&self) -> DatabaseBackend {
        self.backend
    }

    async fn rows<T: Send>(
        &self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
        each: impl Fn(&Row<'_>) -> Result<T, DriverError> + Send,
    ) -> Result<Vec<T>, DriverError> {
        let Some(embedded) = self.inline_reader() else {
            return self.readers.rows(text, values, each).await;
        };
        embedded.read_one(|connection| {
            let mut query = prepared(connection, text)?;
            bind(&mut query, values)?;
            let (mut rows, mut made) = (query.raw_query(), Vec::new());
            while let Some(row) = rows.next()? {
                made.push(each(&Row::Embedded(row))?);
            }
            Ok(made)
        })
    }
}

/// Gives a statement of SQLite's its values: numbers and texts.
pub(crate) fn bind(statement: &mut Statement<'_>, values: impl IntoIterator<Item = Value>) -> Result<(), DriverError> {
    let mut given = 0;
    for (at, value) in (1..).zip(values) {
        given = at;
        match value {
            Value::BigInt(number) => statement.raw_bind_parameter(at, number)?,
            Value::String(text) => statement.raw_bind_parameter(at, text)?,
            other => return Err(DriverError::Refused(format!("{other:?} is neither a number nor a text"))),
        }
    }
    // SQLite takes what is missing for NULL.
    let wanted = statement.parameter_count();
    if given == wanted { Ok(()) } else { Err(DriverError::Refused(format!("{given} values for {wanted} parameters"))) }
}
