//! The connection to a server that writes.
//!
//! A table's rows travel as one statement with one parameter, JSON, for it is the round trip that costs.

use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait, Value};

use super::{Connections, Server, open};
use crate::backend::pool::Role;
use crate::backend::server::{rows, run};
use crate::backend::statements::RowStatement;
use crate::driver_error::DriverError;
use crate::rows::FromRow;
use crate::sql;
use crate::written_row::WrittenRow;

/// The connection that writes.
#[derive(Debug)]
pub(crate) struct WriterConnection {
    server: Server,
    /// Of one connection.
    pool: DatabaseConnection,
}

impl WriterConnection {
    pub(in crate::backend) fn new(connections: &Connections, server: &Server) -> Self {
        Self { server: server.clone(), pool: connections.writer.clone() }
    }

    pub(in crate::backend) async fn open(server: &Server) -> Result<Self, DriverError> {
        Ok(Self { server: server.clone(), pool: open::pool(server, Role::Writer, 1).await? })
    }

    pub(in crate::backend) async fn begin(&mut self) -> Result<Transaction, DriverError> {
        Ok(Transaction { transaction: self.pool.begin().await? })
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

/// A server's transaction.
#[derive(Debug)]
pub(crate) struct Transaction {
    transaction: DatabaseTransaction,
}

impl Transaction {
    /// Writes rows by one statement over a JSON table.
    pub(in crate::backend) async fn write<Row: WrittenRow>(
        &mut self,
        statement: &RowStatement,
        rows: Vec<Row>,
    ) -> Result<(), DriverError> {
        if rows.is_empty() {
            return Ok(());
        }
        let values = vec![sql::json(&rows)];
        drop(rows);
        run(&self.transaction, &statement.text, values).await.map(drop)
    }

    pub(in crate::backend) async fn run(&mut self, text: &str, values: Vec<Value>) -> Result<u64, DriverError> {
        run(&self.transaction, text, values).await
    }

    pub(in crate::backend) async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        rows(&self.transaction, text, values).await
    }

    pub(in crate::backend) async fn commit(self) -> Result<(), DriverError> {
        Ok(self.transaction.commit().await?)
    }

    pub(in crate::backend) async fn rollback(self) -> Result<(), DriverError> {
        Ok(self.transaction.rollback().await?)
    }
}
