//! The connection to PostgreSQL that writes.
//!
//! A table's rows travel as one statement with one parameter, JSON, and statements of several tables as one, for it is the round
//! trip that costs: a commit that has nothing to read takes four (BEGIN, the counter's lock, all rows, COMMIT).

use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, TransactionTrait, Value};

use super::gathered::Gathered;
use super::{Connections, PostgresServer, open};
use crate::backend::pool::Role;
use crate::backend::server::{rows, run};
use crate::backend::statements::RowStatement;
use crate::driver_error::DriverError;
use crate::rows::FromRow;
use crate::sql;
use crate::written_row::WrittenRow;

/// How long a session waits for a lock, if it is not told to wait for less: see [`super::session`].
const LOCK: Duration = Duration::from_secs(3);

/// A COMMIT that was cancelled while it waits for a standby says that it is done, and is not on the standby.
const BEFORE_COMMIT: &str = "SELECT set_config('statement_timeout', '0', true)";

/// The connection that writes.
#[derive(Debug)]
pub(crate) struct WriterConnection {
    server: PostgresServer,
    /// Of one connection.
    pool: DatabaseConnection,
    /// How long the next transactions wait for a lock.
    patience: Duration,
}

impl WriterConnection {
    pub(in crate::backend) fn new(connections: &Connections, server: &PostgresServer) -> Self {
        Self { server: server.clone(), pool: connections.writer.clone(), patience: LOCK }
    }

    pub(in crate::backend) async fn open(server: &PostgresServer) -> Result<Self, DriverError> {
        Ok(Self { server: server.clone(), pool: open::pool(server, Role::Writer, 1).await?, patience: LOCK })
    }

    pub(in crate::backend) async fn begin(&mut self) -> Result<Transaction, DriverError> {
        let transaction = self.pool.begin().await?;
        if self.patience < LOCK {
            let patience = self.patience.as_millis().max(1);
            transaction.execute_unprepared(&format!("SET LOCAL lock_timeout = {patience}")).await?;
        }
        Ok(Transaction { transaction, gathered: Gathered::default() })
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

    /// Opens another connection; the old one is not waited for.
    pub(in crate::backend) async fn replace(&mut self) -> Result<(), DriverError> {
        self.pool = open::pool(&self.server, Role::Writer, 1).await?;
        Ok(())
    }
}

/// A transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    transaction: DatabaseTransaction,
    /// What is to be written before anything else is done.
    gathered: Gathered,
}

impl Transaction {
    /// Writes rows by one statement over a JSON array, together with other tables' rows.
    pub(in crate::backend) async fn write<Row: WrittenRow>(
        &mut self,
        statement: &RowStatement,
        rows: Vec<Row>,
    ) -> Result<(), DriverError> {
        if rows.is_empty() {
            return Ok(());
        }
        if !self.gathered.takes(statement) {
            self.run_gathered().await?;
        }
        self.gathered.add(statement, sql::json(&rows));
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
        let (text, values) = self.gathered.take(BEFORE_COMMIT);
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
