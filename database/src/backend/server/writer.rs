//! The connection to a server that writes.
//!
//! A table's rows travel as one statement with one parameter, JSON, for it is the round trip that costs. On PostgreSQL
//! statements of several tables travel as one, too: a commit that has nothing to read takes four round trips (BEGIN, the
//! counter's lock, all rows, COMMIT).

use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, TransactionTrait, Value};

use super::Connections;
use super::location::Server;
use super::open;
use super::rows::{rows, run};
use crate::backend::kind::ServerKind;
use crate::backend::pool::Role;
use crate::backend::postgres::Gathered;
use crate::backend::statements::RowStatement;
use crate::driver_error::DriverError;
use crate::rows::FromRow;
use crate::sql;
use crate::written_row::WrittenRow;

/// The connection that writes.
#[derive(Debug)]
pub(crate) struct WriterConnection {
    server: Server,
    /// A pool of one connection.
    pool: DatabaseConnection,
    /// How long the next transactions wait for a lock. A session of MySQL has its own setting.
    patience: Duration,
}

impl WriterConnection {
    pub(in crate::backend) fn new(connections: &Connections, server: &Server) -> Self {
        Self { server: server.clone(), pool: connections.writer.clone(), patience: Duration::MAX }
    }

    pub(in crate::backend) async fn another(server: &Server) -> Result<Self, DriverError> {
        let pool = open::pool(server, Role::Writer, 1).await?;
        Ok(Self { server: server.clone(), pool, patience: Duration::MAX })
    }

    pub(in crate::backend) fn kind(&self) -> ServerKind {
        self.server.kind
    }

    /// Opens the connection, if it is not open.
    pub(in crate::backend) async fn open(&mut self) -> Result<(), DriverError> {
        Ok(self.pool.ping().await?)
    }

    pub(in crate::backend) async fn begin(&mut self) -> Result<Transaction, DriverError> {
        let (kind, transaction) = (self.server.kind, self.pool.begin().await?);
        if let Some(setting) = kind.wait_for_lock(self.patience) {
            transaction.execute_unprepared(&setting).await?;
        }
        Ok(Transaction { kind, transaction, gathered: Gathered::default() })
    }

    pub(in crate::backend) fn wait_for_lock(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub(in crate::backend) async fn run(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
        run(&self.pool, text, values).await
    }

    pub(in crate::backend) async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        rows(&self.pool, text, values).await
    }

    /// Opens another connection, and does not wait for the old one.
    pub(in crate::backend) async fn replace(&mut self) -> Result<(), DriverError> {
        self.pool = open::pool(&self.server, Role::Writer, 1).await?;
        Ok(())
    }
}

/// A server's transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    kind: ServerKind,
    transaction: DatabaseTransaction,
    /// On PostgreSQL, statements that must run before anything else is done.
    gathered: Gathered,
}

impl Transaction {
    pub(in crate::backend) fn kind(&self) -> ServerKind {
        self.kind
    }

    /// Writes rows by one statement over a JSON array; on PostgreSQL together with other tables' rows.
    pub(in crate::backend) async fn write<Row: WrittenRow>(
        &mut self,
        statement: &RowStatement,
        rows: Vec<Row>,
    ) -> Result<(), DriverError> {
        if rows.is_empty() {
            return Ok(());
        }
        let values = sql::json(&rows);
        drop(rows);
        if self.kind.before_commit().is_none() {
            return run(&self.transaction, &statement.text, [values]).await.map(drop);
        }
        if !self.gathered.takes(statement) {
            self.run_gathered().await?;
        }
        self.gathered.add(statement, values);
        Ok(())
    }

    /// Runs what was gathered, if anything was.
    async fn run_gathered(&mut self) -> Result<(), DriverError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let (text, values) = self.gathered.take("SELECT 1");
        run(&self.transaction, &text, values).await.map(drop)
    }

    pub(in crate::backend) async fn run(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
        self.run_gathered().await?;
        run(&self.transaction, text, values).await
    }

    pub(in crate::backend) async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        self.run_gathered().await?;
        rows(&self.transaction, text, values).await
    }

    pub(in crate::backend) async fn flush(&mut self) -> Result<(), DriverError> {
        let Some(last) = self.kind.before_commit() else { return Ok(()) };
        let (text, values) = self.gathered.take(last);
        run(&self.transaction, &text, values).await.map(drop)
    }

    pub(in crate::backend) async fn commit(self) -> Result<(), DriverError> {
        debug_assert!(self.gathered.is_empty(), "what was written last is not in the transaction");
        Ok(self.transaction.commit().await?)
    }

    pub(in crate::backend) async fn rollback(self) -> Result<(), DriverError> {
        Ok(self.transaction.rollback().await?)
    }
}
