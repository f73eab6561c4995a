//! The connection of a node that writes, and a transaction on it, over all backends.

use std::path::Path;
use std::time::Duration;

use sea_orm::{StatementBuilder, Value};

use super::kind::Backend;
use super::location::Location;
use super::statements::{Rewrite, RowStatement};
use super::{Connections, server, sqlite};
use crate::driver_error::DriverError;
use crate::rows::{FromRow, Reads};
use crate::written_row::WrittenRow;

/// The one connection of a node that writes.
#[derive(Debug)]
pub(crate) enum WriterConnection {
    Sqlite(sqlite::WriterConnection),
    Server(server::WriterConnection),
}

/// An open transaction. Rolled back if it is dropped.
#[derive(Debug)]
pub(crate) enum Transaction<'a> {
    Sqlite(sqlite::Transaction<'a>),
    Server(server::Transaction),
}

/// Rows that are inserted or updated, by what happens to them; see [`Rewrite`].
pub(crate) struct Rewritten<Row> {
    /// Rows that do not exist yet.
    pub(crate) made: Vec<Row>,
    /// Existing rows that move in an index of SQLite.
    pub(crate) moved: Vec<Row>,
    /// Existing rows that move in no index.
    pub(crate) kept: Vec<Row>,
}

impl<Row> Default for Rewritten<Row> {
    fn default() -> Self {
        Self { made: Vec::new(), moved: Vec::new(), kept: Vec::new() }
    }
}

impl<Row> Rewritten<Row> {
    /// Adds a row: `now` is its key in the indexes, `before` its former key, if the row exists.
    pub(crate) fn push<Key: PartialEq>(&mut self, before: Option<Key>, now: Key, row: Row) {
        match before {
            None => self.made.push(row),
            Some(before) if before == now => self.kept.push(row),
            Some(_) => self.moved.push(row),
        }
    }

    /// Returns all rows.
    pub(super) fn all(self) -> Vec<Row> {
        self.made.into_iter().chain(self.moved).chain(self.kept).collect()
    }
}

impl WriterConnection {
    /// Makes the connection that writes, beside those of `connections`; SQLite's is opened when it is first used.
    pub(crate) fn new(connections: &Connections, location: &Location) -> Self {
        match (connections, location) {
            (Connections::Sqlite(_), Location::Sqlite(file)) => Self::Sqlite(sqlite::WriterConnection::new(file)),
            (Connections::Server(connections), Location::Server(server)) => {
                Self::Server(server::WriterConnection::new(connections, server))
            }
            (Connections::Sqlite(_) | Connections::Server(_), _) => {
                unreachable!("the connections were opened at this location")
            }
        }
    }

    /// Opens another connection that writes, beside that of the commits.
    pub(crate) async fn another(location: &Location) -> Result<Self, DriverError> {
        match location {
            Location::Sqlite(file) => Ok(Self::Sqlite(sqlite::WriterConnection::new(file))),
            Location::Server(server) => server::WriterConnection::another(server).await.map(Self::Server),
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Server(connection) => connection.kind().into(),
        }
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self) -> Result<Transaction<'_>, DriverError> {
        match self {
            Self::Sqlite(connection) => connection.begin().map(Transaction::Sqlite),
            Self::Server(connection) => connection.begin().await.map(Transaction::Server),
        }
    }

    /// Builds a statement as sea-query describes it, and runs it in a transaction of its own; returns how many rows it has
    /// changed.
    pub(crate) async fn execute(&mut self, statement: &impl StatementBuilder) -> Result<u64, DriverError> {
        let (text, values) = self.backend().build(statement);
        self.run(&text, values).await
    }

    /// Runs one statement in a transaction of its own.
    pub(crate) async fn run(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
        match self {
            Self::Sqlite(connection) => connection.run(text, values),
            Self::Server(connection) => connection.run(text, values).await,
        }
    }

    /// Opens the connection, if it is not open.
    pub(crate) async fn open(&mut self) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(connection) => connection.open().map(drop),
            Self::Server(connection) => connection.open().await,
        }
    }

    /// Sets how long the next transactions wait for another connection's lock. A session of MySQL has its own setting.
    pub(crate) fn wait_for_lock(&mut self, patience: Duration) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(connection) => connection.wait_for_lock(patience),
            Self::Server(connection) => {
                connection.wait_for_lock(patience);
                Ok(())
            }
        }
    }

    /// Returns SQLite's file.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(connection) => Some(connection.file()),
            Self::Server(_) => None,
        }
    }

    /// Restarts SQLite's write-ahead log, and returns whether that is done. A server looks after its own.
    pub(crate) fn restart_wal(&mut self) -> Result<bool, DriverError> {
        match self {
            Self::Sqlite(connection) => connection.restart_wal(),
            Self::Server(_) => Ok(true),
        }
    }

    /// Replaces the connection, which hangs or is in doubt; its transaction ends with it.
    pub(crate) async fn replace(&mut self) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(connection) => {
                connection.close();
                Ok(())
            }
            Self::Server(connection) => connection.replace().await,
        }
    }
}

impl Reads for WriterConnection {
    fn backend(&self) -> Backend {
        Self::backend(self)
    }

    async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        match self {
            Self::Sqlite(connection) => connection.rows(text, values),
            Self::Server(connection) => connection.rows(text, values).await,
        }
    }
}

impl Reads for Transaction<'_> {
    fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Server(transaction) => transaction.kind().into(),
        }
    }

    async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        match self {
            Self::Sqlite(transaction) => transaction.rows(text, values),
            Self::Server(transaction) => transaction.rows(text, values).await,
        }
    }
}

impl Transaction<'_> {
    /// Writes rows of a table.
    pub(crate) async fn write<Row>(&mut self, statement: &RowStatement, rows: Vec<Row>) -> Result<(), DriverError>
    where
        Row: WrittenRow,
    {
        if rows.is_empty() {
            return Ok(());
        }
        match self {
            Self::Sqlite(transaction) => transaction.write(&statement.text, rows),
            Self::Server(transaction) => transaction.write(statement, rows).await,
        }
    }

    /// Inserts or updates rows; see [`Rewrite`].
    pub(crate) async fn rewrite<Row>(&mut self, texts: &Rewrite, rows: Rewritten<Row>) -> Result<(), DriverError>
    where
        Row: WrittenRow,
    {
        match (self, texts) {
            (Self::Sqlite(transaction), Rewrite::Each { made, moved, kept }) => {
                transaction.write(&made.text, rows.made)?;
                transaction.change(&moved.text, rows.moved)?;
                transaction.change(&kept.text, rows.kept)
            }
            (Self::Server(transaction), Rewrite::All(statement)) => transaction.write(statement, rows.all()).await,
            (Self::Server(transaction), Rewrite::Apart { made, present }) => {
                transaction.write(made, rows.made).await?;
                let there = rows.moved.into_iter().chain(rows.kept).collect();
                transaction.write(present, there).await
            }
            (Self::Sqlite(_) | Self::Server(_), _) => {
                unreachable!("the texts were made for this backend")
            }
        }
    }

    /// Builds a statement as sea-query describes it, and runs it; returns how many rows it has changed.
    pub(crate) async fn execute(&mut self, statement: &impl StatementBuilder) -> Result<u64, DriverError> {
        let (text, values) = self.backend().build(statement);
        self.run(&text, values).await
    }

    /// Runs one statement with values of its own; returns how many rows it has changed.
    pub(crate) async fn run(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
        match self {
            Self::Sqlite(transaction) => transaction.run(text, values),
            Self::Server(transaction) => transaction.run(text, values).await,
        }
    }

    /// Runs what was gathered, so that only COMMIT is left to do.
    pub(crate) async fn flush(&mut self) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Server(transaction) => transaction.flush().await,
        }
    }

    /// Ends the transaction, which was [flushed](Transaction::flush).
    pub(crate) async fn commit(self) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit(),
            Self::Server(transaction) => transaction.commit().await,
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), DriverError> {
        match self {
            Self::Sqlite(transaction) => {
                drop(transaction);
                Ok(())
            }
            Self::Server(transaction) => transaction.rollback().await,
        }
    }
}
