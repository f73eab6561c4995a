//! The writer's connection, and a transaction on it.
//!
//! To a server, a table's rows travel as one statement with one parameter, for the round trip is what costs. SQLite is in
//! this process: there the writer has a connection of its own, outside of the pool and its threads, and writes row by row
//! through prepared statements, on whichever thread runs the commit. A commit of 100 messages takes about half the
//! time that way, and needs nobody else's turn in between.

use std::path::Path;
use std::time::Duration;

use rusqlite::Params;
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, TransactionTrait,
    Value,
};
use serde::Serialize;

use super::cache::Counters;
use super::history::{Offer, Taken};
use super::read_set::ReadSet;
use super::statements::Rewritten;
use super::write_set::Rows;
use crate::backend::sqlite;
use crate::driver_error::DriverError;
use crate::rows::bind;
use crate::sql::prepared;
use crate::{Database, Error, message_rows, sql};

/// The one connection of a node that writes.
#[derive(Debug)]
pub(super) struct Connection {
    database: Database,
    /// SQLite's; opened when it is first needed.
    embedded: Option<rusqlite::Connection>,
}

/// An open transaction. Rolled back if it is dropped.
#[derive(Debug)]
pub(super) enum Transaction<'a> {
    /// On a server.
    Server(DatabaseTransaction),
    /// In this process.
    Embedded(Embedded<'a>),
}

impl Connection {
    pub(super) fn new(database: Database) -> Self {
        Self { database, embedded: None }
    }

    pub(super) fn backend(&self) -> DatabaseBackend {
        self.database.backend
    }

    /// Begins a transaction. What it reads before it has written can also be read through the connection beside it: with
    /// SQLite, which has but one writer at a time, that sees the same.
    pub(super) async fn begin(&mut self) -> Result<(Transaction<'_>, &DatabaseConnection), DriverError> {
        let Self { database, embedded } = self;
        let transaction = if database.is_sqlite() {
            Transaction::Embedded(Embedded::begin(open(database, embedded)?)?)
        } else {
            Transaction::Server(database.writer.begin().await?)
        };
        Ok((transaction, &database.writer))
    }

    /// Runs one statement outside of a commit's transaction.
    pub(super) async fn run<const N: usize>(&mut self, text: &str, values: [Value; N]) -> Result<(), DriverError> {
        let Self { database, embedded } = self;
        if database.is_sqlite() {
            return run(open(database, embedded)?, text, values).map(drop);
        }
        let statement = sql::statement(database.backend, text, values);
        Ok(database.writer.execute_raw(statement).await.map(drop)?)
    }

    /// Opens SQLite's connection, if there is none.
    pub(super) fn open(&mut self) -> Result<(), DriverError> {
        let Self { database, embedded } = self;
        if database.is_sqlite() { open(database, embedded).map(drop) } else { Ok(()) }
    }

    /// Says how long SQLite waits for another's lock. A server's session has its own, see [`crate::connect`].
    pub(super) fn wait_for_lock(&mut self, patience: Duration) -> Result<(), DriverError> {
        let Self { database, embedded } = self;
        if database.is_sqlite() { Ok(open(database, embedded)?.busy_timeout(patience)?) } else { Ok(()) }
    }

    /// Returns SQLite's file.
    pub(super) fn file(&self) -> Option<&Path> {
        self.database.file()
    }

    /// Begins SQLite's log anew, and returns whether it is done. A server looks after its own.
    pub(super) fn restart_wal(&mut self) -> Result<bool, DriverError> {
        let Self { database, embedded } = self;
        if database.is_sqlite() { sqlite::restart_wal(open(database, embedded)?) } else { Ok(true) }
    }

    /// Returns the connection that reads for the writer.
    pub(super) fn reader(&self) -> &DatabaseConnection {
        &self.database.writer
    }

    /// Replaces the connection, which hangs or is in doubt.
    pub(super) async fn replace(&mut self) -> Result<(), Error> {
        // Whatever it had begun ends here.
        self.embedded = None;
        self.database.replace_writer().await
    }
}

impl Transaction<'_> {
    /// Takes the next commit number, and as many ids as may be needed; holds the counter's lock till the end.
    pub(super) async fn take_numbers(&mut self, read_set: &ReadSet<'_>, offer: Offer) -> Result<Taken, DriverError> {
        // A server assigns from left to right: what was there before comes first.
        const TAKE: &str = "UPDATE hub_state SET commit_no = commit_no + 1, last_thread_id = last_thread_id + ?, \
             last_message_id = last_message_id + ?, last_notification_id = last_notification_id + ?, \
             nonce_before = nonce, nonce = ?, newest_before = newest_at, newest_at = ";
        const TAKEN: &str = "commit_no, last_thread_id, last_message_id, last_notification_id, \
             nonce_before, newest_before, newest_at, tickets_forgotten, epoch";

        let Offer { nonce, step, newest } = offer;
        let taken = (
            read_set.threads,
            read_set.new_messages,
            read_set.new_notifications,
            nonce.column(),
            step,
            newest.unwrap_or_default(),
        );
        match self {
            Self::Embedded(embedded) => {
                let text = format!("{TAKE}max(newest_at + ?, ?) WHERE id = 1 RETURNING {TAKEN}");
                embedded.take_numbers(&text, taken)
            }
            Self::Server(transaction) => {
                let backend = transaction.get_database_backend();
                let (threads, messages, notifications, nonce, step, newest) = taken;
                let values: [Value; 6] = [threads, messages, notifications, nonce, step, newest].map(Value::from);
                let take = format!("{TAKE}GREATEST(newest_at + ?, ?) WHERE id = 1");
                transaction.execute_raw(sql::statement(backend, take, values)).await?;
                let read = format!("SELECT {TAKEN} FROM hub_state WHERE id = 1");
                let row = transaction.query_one_raw(sql::statement(backend, read, [])).await?;
                let row = row.ok_or_else(|| DbErr::Query(RuntimeErr::Internal("hub_state is empty".to_owned())))?;
                Ok(Taken {
                    counters: Counters {
                        commit: row.try_get_by_index(0)?,
                        thread: row.try_get_by_index(1)?,
                        message: row.try_get_by_index(2)?,
                        notification: row.try_get_by_index(3)?,
                    },
                    nonce_before: row.try_get_by_index(4)?,
                    newest_before: row.try_get_by_index(5)?,
                    newest: row.try_get_by_index(6)?,
                    tickets_forgotten: row.try_get_by_index(7)?,
                    epoch: message_rows::text(row.try_get_by_index(8)?),
                })
            }
        }
    }

    /// Writes rows of a table by a text of [`super::statements`].
    pub(super) async fn write<Row>(&mut self, text: &str, rows: Vec<Row>) -> Result<(), DriverError>
    where
        Row: Serialize + Params + Send,
    {
        if rows.is_empty() {
            return Ok(());
        }
        match self {
            Self::Embedded(embedded) => embedded.write(text, rows),
            Self::Server(transaction) => {
                let statement = sql::statement(transaction.get_database_backend(), text, [sql::json(&rows)]);
                drop(rows);
                Ok(transaction.execute_raw(statement).await.map(drop)?)
            }
        }
    }

    /// Writes rows that are written over and over.
    pub(super) async fn rewrite<Row>(&mut self, texts: &Rewritten, rows: Rows<Row>) -> Result<(), DriverError>
    where
        Row: Serialize + Params + Send,
    {
        let Rows { made, moved, kept } = rows;
        if let Self::Embedded(embedded) = self {
            embedded.write(&texts.made, made)?;
            embedded.change(&texts.moved, moved)?;
            return embedded.change(&texts.kept, kept);
        }
        self.write(&texts.made, made.into_iter().chain(moved).chain(kept).collect()).await
    }

    /// Returns which SQL it understands.
    pub(super) fn backend(&self) -> DatabaseBackend {
        match self {
            Self::Embedded(_) => DatabaseBackend::Sqlite,
            Self::Server(transaction) => transaction.get_database_backend(),
        }
    }

    /// Runs one statement with values of its own, numbers and texts; returns how many rows it has changed.
    pub(super) async fn run<const N: usize>(&mut self, text: &str, values: [Value; N]) -> Result<u64, DriverError> {
        match self {
            Self::Embedded(embedded) => run(embedded.connection, text, values),
            Self::Server(transaction) => {
                let statement = sql::statement(transaction.get_database_backend(), text, values);
                Ok(transaction.execute_raw(statement).await?.rows_affected())
            }
        }
    }

    pub(super) async fn commit(self) -> Result<(), DriverError> {
        match self {
            Self::Embedded(embedded) => embedded.commit(),
            Self::Server(transaction) => Ok(transaction.commit().await?),
        }
    }
}

/// SQLite's transaction.
#[derive(Debug)]
pub(super) struct Embedded<'a> {
    connection: &'a mut rusqlite::Connection,
}

impl<'a> Embedded<'a> {
    fn begin(connection: &'a mut rusqlite::Connection) -> Result<Self, DriverError> {
        // From the start the only writer: what is read after this stays true.
        prepared(connection, "BEGIN IMMEDIATE")?.execute(())?;
        Ok(Self { connection })
    }

    fn take_numbers(&mut self, text: &str, taken: (i64, i64, i64, i64, i64, i64)) -> Result<Taken, DriverError> {
        let taken = prepared(self.connection, text)?.query_row(taken, |row| {
            Ok(Taken {
                counters: Counters {
                    commit: row.get(0)?,
                    thread: row.get(1)?,
                    message: row.get(2)?,
                    notification: row.get(3)?,
                },
                nonce_before: row.get(4)?,
                newest_before: row.get(5)?,
                newest: row.get(6)?,
                tickets_forgotten: row.get(7)?,
                epoch: row.get(8)?,
            })
        });
        Ok(taken?)
    }

    fn write<Row: Params>(&mut self, text: &str, rows: Vec<Row>) -> Result<(), DriverError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut statement = prepared(self.connection, text)?;
        for row in rows {
            statement.execute(row)?;
        }
        Ok(())
    }

    /// Changes rows that are there, one each.
    fn change<Row: Params>(&mut self, text: &str, rows: Vec<Row>) -> Result<(), DriverError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut statement = prepared(self.connection, text)?;
        for row in rows {
            if statement.execute(row)? == 0 {
                // Whoever took it away was no hub. The writer looks again, and makes another.
                return Err(DriverError::Contended("a row is gone that this writer had written".to_owned()));
            }
        }
        Ok(())
    }

    fn commit(self) -> Result<(), DriverError> {
        Ok(prepared(self.connection, "COMMIT")?.execute(()).map(drop)?)
    }
}

impl Drop for Embedded<'_> {
    fn drop(&mut self) {
        // After some errors, and after COMMIT, there is nothing left to roll back.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "could not roll a transaction back");
        }
    }
}

/// Returns SQLite's connection, opening it if there is none.
fn open<'a>(
    database: &Database,
    connection: &'a mut Option<rusqlite::Connection>,
) -> Result<&'a mut rusqlite::Connection, DriverError> {
    match connection {
        Some(connection) => Ok(connection),
        none => {
            let file = database.file().ok_or_else(|| DriverError::Refused("a server has no file".to_owned()))?;
            Ok(none.insert(sqlite::writer(file)?))
        }
    }
}

fn run<const N: usize>(connection: &rusqlite::Connection, text: &str, values: [Value; N]) -> Result<u64, DriverError> {
    let mut statement = prepared(connection, text)?;
    bind(&mut statement, values)?;
    Ok(u64::try_from(statement.raw_execute()?).unwrap_or(u64::MAX))
}
