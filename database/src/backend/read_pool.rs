//! The connections that read, over all backends: one query at a time, or several in one snapshot.

use sea_orm::{DatabaseConnection, DatabaseTransaction, TransactionTrait, Value};

use super::kind::{Backend, ServerKind};
use super::{server, sqlite};
use crate::driver_error::DriverError;
use crate::rows::{FromRow, Reads};

/// The connections that read without blocking the calling thread. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum ReadPool {
    Sqlite(sqlite::ReadPool),
    Server(ServerKind, DatabaseConnection),
}

/// Queries on one state of the database. To be closed; one that is dropped ends by itself.
#[derive(Debug)]
pub(crate) enum Snapshot {
    Sqlite(sqlite::Snapshot),
    Server(ServerKind, DatabaseTransaction),
}

impl ReadPool {
    /// Begins a snapshot.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, DriverError> {
        match self {
            Self::Sqlite(pool) => pool.snapshot().await.map(Snapshot::Sqlite),
            Self::Server(kind, pool) => Ok(Snapshot::Server(*kind, pool.begin().await?)),
        }
    }
}

impl Reads for &ReadPool {
    fn backend(&self) -> Backend {
        match self {
            ReadPool::Sqlite(_) => Backend::Sqlite,
            ReadPool::Server(kind, _) => (*kind).into(),
        }
    }

    async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        match self {
            ReadPool::Sqlite(pool) => pool.rows(text, values.into_iter().collect()).await,
            ReadPool::Server(_, pool) => server::rows(pool, text, values).await,
        }
    }
}

impl Reads for Snapshot {
    fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Server(kind, _) => (*kind).into(),
        }
    }

    async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        match self {
            Self::Sqlite(snapshot) => snapshot.rows(text, values.into_iter().collect()).await,
            Self::Server(_, transaction) => server::rows(transaction, text, values).await,
        }
    }
}

impl Snapshot {
    /// Ends the snapshot, in which nothing was written.
    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite(snapshot) => drop(snapshot),
            Self::Server(_, transaction) => {
                if let Err(error) = transaction.rollback().await {
                    tracing::debug!(%error, "could not close a snapshot");
                }
            }
        }
    }
}
