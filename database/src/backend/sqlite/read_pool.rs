//! SQLite, read on low-priority OS threads.
//!
//! A query runs as a whole on one of the workers, with one of the connections that [`InlineReader`] keeps, and its rows
//! come back together. sqlx's pool would hand over each column of each row by itself, which takes longer than finding it.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::inline_reader::{InlineReader, Taken};
use super::rows::rows;
use super::statement::prepared;
use crate::Error;
use crate::backend::{ACQUIRE, worker};
use crate::driver_error::DriverError;
use crate::rows::FromRow;

/// How long a worker lives without work. It may be impossible to start another later, if the process has as many threads as
/// it may have.
const KEEP_ALIVE: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The workers, and the connections through which they read. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ReadPool {
    connections: InlineReader,
    workers: Arc<Workers>,
}

#[derive(Debug)]
struct Workers {
    /// Its blocking threads are the workers. `None` once they end.
    runtime: Option<Runtime>,
    /// One for each query or snapshot that may run at a time.
    permits: Arc<Semaphore>,
}

impl ReadPool {
    /// Makes a pool of `workers` workers; each OS thread starts when it is first needed.
    pub(super) fn start(connections: InlineReader, workers: usize) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .thread_name("sqlite-read")
            .max_blocking_threads(workers)
            .thread_keep_alive(KEEP_ALIVE)
            .on_thread_start(worker::lower_priority)
            .build()
            .map_err(|error| Error::Unavailable(format!("the readers' workers cannot start: {error}")))?;
        let permits = Arc::new(Semaphore::new(workers));
        Ok(Self { connections, workers: Arc::new(Workers { runtime: Some(runtime), permits }) })
    }

    /// Runs a query on a worker.
    pub(crate) async fn rows<T: FromRow>(&self, text: &str, values: Vec<Value>) -> Result<Vec<T>, DriverError> {
        let permit = self.permit().await?;
        let (connections, text) = (self.connections.clone(), text.to_owned());
        let query = move || {
            let _permit = permit;
            connections.read_one(|connection| rows(connection, &text, values))
        };
        self.work(query).await?
    }

    /// Begins to read in one snapshot.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, DriverError> {
        let permit = self.permit().await?;
        let connections = self.connections.clone();
        let begin = move || {
            let connection = connections.take()?;
            prepared(&connection.connection, "BEGIN")?.execute(())?;
            Ok::<_, DriverError>(connection)
        };
        let connection = self.work(begin).await??;
        Ok(Snapshot { pool: self.clone(), connection: Some(connection), _permit: permit })
    }

    /// Waits for a permit.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, DriverError> {
        match timeout(ACQUIRE, Arc::clone(&self.workers.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(closed()),
            Err(_) => Err(DriverError::Unable("no reader was free in time".to_owned())),
        }
    }

    /// Runs something on a worker.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, DriverError> {
        let runtime = self.workers.runtime.as_ref().ok_or_else(closed)?;
        runtime.spawn_blocking(work).await.map_err(|ended| match ended.is_panic() {
            true => DriverError::Unable("the read panicked".to_owned()),
            false => closed(),
        })
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Waiting for the workers here would block an async thread, and a runtime that is dropped there panics.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection in a transaction that reads. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pool: ReadPool,
    /// `None` while a worker reads through it, and after that has failed.
    connection: Option<Taken>,
    _permit: OwnedSemaphorePermit,
}

impl Snapshot {
    /// Runs a query on a worker.
    pub(crate) async fn rows<T: FromRow>(&mut self, text: &str, values: Vec<Value>) -> Result<Vec<T>, DriverError> {
        let connection =
            self.connection.take().ok_or_else(|| DriverError::Lost("the snapshot has ended".to_owned()))?;
        let text = text.to_owned();
        let query = move || {
            let rows = rows(&connection.connection, &text, values)?;
            Ok::<_, DriverError>((connection, rows))
        };
        let (connection, rows) = self.pool.work(query).await??;
        self.connection = Some(connection);
        Ok(rows)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // Nothing was written, so the COMMIT does not wait for the disk. A connection that fails here is not used again.
        if let Some(connection) = self.connection.take()
            && prepared(&connection.connection, "COMMIT").and_then(|mut end| end.execute(())).is_ok()
        {
            self.pool.connections.give_back(connection);
        }
    }
}

fn closed() -> DriverError {
    DriverError::Lost("the database is closed".to_owned())
}
