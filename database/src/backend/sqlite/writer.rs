//! SQLite's connection that writes, on whichever OS thread runs the commit.
//!
//! It stands outside of sea-orm's pools and their threads, and writes row by row through cached prepared statements, with typed
//! values bound to them. A commit of 100 messages takes about half the time that way, and waits for no other thread.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use sea_orm::Value;

use super::rows::rows;
use super::statement::{bind, prepared};
use super::{File, open};
use crate::driver_error::DriverError;
use crate::rows::FromRow;
use crate::written_row::WrittenRow;

/// The connection that writes; opened when it is first used.
#[derive(Debug)]
pub(crate) struct WriterConnection {
    file: PathBuf,
    connection: Option<Connection>,
}

impl WriterConnection {
    pub(in crate::backend) fn new(file: &File) -> Self {
        Self { file: file.path.clone(), connection: None }
    }

    pub(in crate::backend) fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the connection, and opens it if there is none.
    pub(in crate::backend) fn open(&mut self) -> Result<&mut Connection, DriverError> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(open::writer(&self.file)?)),
        }
    }

    /// Closes the connection; a transaction that it has begun is rolled back.
    pub(in crate::backend) fn close(&mut self) {
        self.connection = None;
    }

    pub(in crate::backend) fn wait_for_lock(&mut self, patience: Duration) -> Result<(), DriverError> {
        Ok(self.open()?.busy_timeout(patience)?)
    }

    pub(in crate::backend) fn restart_wal(&mut self) -> Result<bool, DriverError> {
        open::restart_wal(self.open()?)
    }

    pub(in crate::backend) fn run(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
        run(self.open()?, text, values)
    }

    pub(in crate::backend) fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<T>, DriverError> {
        rows(self.open()?, text, values)
    }

    pub(in crate::backend) fn begin(&mut self) -> Result<Transaction<'_>, DriverError> {
        let connection = self.open()?;
        // This transaction is the only writer from its start: what it reads stays true.
        prepared(connection, "BEGIN IMMEDIATE")?.execute(())?;
        Ok(Transaction { connection })
    }
}

/// SQLite's transaction.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    connection: &'a mut Connection,
}

impl Transaction<'_> {
    /// Runs a statement for each row.
    pub(in crate::backend) fn write<Row: WrittenRow>(&mut self, text: &str, rows: Vec<Row>) -> Result<(), DriverError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut statement = prepared(self.connection, text)?;
        for row in rows {
            row.bind(&mut statement)?;
            statement.raw_execute()?;
        }
        Ok(())
    }

    /// Runs a statement for each row, which changes a row that is there.
    pub(in crate::backend) fn change<Row: WrittenRow>(
        &mut self,
        text: &str,
        rows: Vec<Row>,
    ) -> Result<(), DriverError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut statement = prepared(self.connection, text)?;
        for row in rows {
            row.bind(&mut statement)?;
            if statement.raw_execute()? == 0 {
                // Only a program that is no hub deletes such rows. The writer then reads again, and makes the row.
                return Err(DriverError::Contended("a row is gone that this writer had written".to_owned()));
            }
        }
        Ok(())
    }

    pub(in crate::backend) fn run(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
        run(self.connection, text, values)
    }

    pub(in crate::backend) fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<T>, DriverError> {
        rows(self.connection, text, values)
    }

    pub(in crate::backend) fn commit(self) -> Result<(), DriverError> {
        Ok(prepared(self.connection, "COMMIT")?.execute(()).map(drop)?)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // After some errors, and after COMMIT, there is nothing left to roll back.
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::warn!(%error, "could not roll a transaction back");
        }
    }
}

fn run(connection: &Connection, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
    let mut statement = prepared(connection, text)?;
    bind(&mut statement, values)?;
    Ok(u64::try_from(statement.raw_execute()?).unwrap_or(u64::MAX))
}
