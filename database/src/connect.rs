//! A database: its connections, opened, waited for and closed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{DatabaseConnection, Value};
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::backend::kind::Backend;
pub use crate::backend::kind::ServerKind;
pub use crate::backend::location::Location;
use crate::backend::read_pool::ReadPool;
pub use crate::backend::server::location::Server;
pub use crate::backend::sqlite::{Checkpoint, File, ProcessLock};
use crate::backend::writer::WriterConnection;
use crate::backend::{ACQUIRE, Connections, sqlite};
use crate::driver_error::DriverError;
use crate::ids::UserId;
use crate::queries::messages::found::{Found, Side, ThreadRef};
use crate::rows::{FromRow, Reads};
use crate::time::Timestamp;

/// The pause between two attempts to reach a database that is away.
const AGAIN: Duration = Duration::from_millis(500);

/// How to reach the database.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://path?mode=rwc`, `mysql://…` (MariaDB too), `postgres://…`: see [`Location`].
    pub url: String,
    /// How many connections the pool has that reads; SQLite has as many again for pages. 1–64.
    pub readers: u32,
}

impl fmt::Debug for Options {
    /// Leaves out the URL: it may hold a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Options").field("readers", &self.readers).finish_non_exhaustive()
    }
}

/// The connections of one node. Cheap to clone.
///
/// Another node needs connections of its own, in the same process too: a transaction on SQLite that waits for another's lock
/// holds up its thread, and with it a connection that both would read through.
#[derive(Debug, Clone)]
pub struct Database {
    /// Reads without blocking the calling thread.
    pub(crate) readers: ReadPool,
    pub(crate) backend: Backend,
    connections: Connections,
    location: Arc<Location>,
    reader_count: u32,
}

impl Database {
    /// Connects; makes the file and its folder for SQLite. Does not migrate.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if a server cannot be reached, or another program holds the lock of a file;
    /// [`Error::Refused`] if the URL is not understood, the server does not take us, or the file cannot be used. They name
    /// file, host, port, user and database, and never the password.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        let location: Location = options.url.parse().map_err(Error::Refused)?;
        let reader_count = options.readers.clamp(1, 64);
        let connections = Connections::open(&location, reader_count).await?;
        let (readers, backend) = (connections.read_pool(), connections.backend());
        Ok(Self { readers, backend, connections, location: Arc::new(location), reader_count })
    }

    /// Connects, and waits for a while for a database that is away, or whose file another program holds. Logs when it begins to
    /// wait, and when the database is there after that.
    ///
    /// # Errors
    /// As [`Database::connect`]; what waiting cannot mend is returned at once.
    pub async fn connect_within(options: &Options, patience: Duration) -> Result<Self, Error> {
        let since = Instant::now();
        let mut waits = false;
        loop {
            match Self::connect(options).await {
                Ok(database) => {
                    if waits {
                        let after_ms = since.elapsed().as_millis();
                        tracing::info!(database = %database.location, after_ms, "the database is there");
                    }
                    return Ok(database);
                }
                Err(Error::Unavailable(why)) if since.elapsed() < patience => {
                    if !waits {
                        let seconds = patience.as_secs_f64();
                        tracing::warn!(error = %why, seconds, "the database is away; waiting for it");
                        waits = true;
                    }
                }
                Err(Error::Unavailable(why)) if waits => {
                    return Err(Error::Unavailable(format!("{why}; waited for {} s", patience.as_secs_f64())));
                }
                Err(error) => return Err(error),
            }
            sleep(AGAIN.min(patience.saturating_sub(since.elapsed()))).await;
        }
    }

    /// Returns where it is; shown without the password.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Returns the connection that migrations run on.
    #[must_use]
    pub fn for_migrations(&self) -> &DatabaseConnection {
        self.connections.for_migrations()
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without one.
    pub async fn ping(&self) -> Result<(), Error> {
        let one = Query::select().expr(Expr::cust(self.backend.dialect().as_integer("1"))).take();
        match timeout(ACQUIRE, (&self.readers).select_one::<i64>(&one)).await {
            Ok(answered) => answered.map(drop).map_err(crate::driver_error::error),
            Err(_) => Err(Error::Unavailable("no answer in time".to_owned())),
        }
    }

    /// Returns what the database's clock says; that of SQLite is the machine's.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn clock(&self) -> Result<Timestamp, Error> {
        let clock = Query::select().expr(Expr::cust(self.backend.dialect().now_millis())).take();
        let now = (&self.readers).select_one::<i64>(&clock).await.map_err(crate::driver_error::error)?;
        Ok(Timestamp::from_millis(now.unwrap_or_default()))
    }

    /// Tells whether the hub has to call [`checkpoint`](Database::checkpoint): a server looks after its own log.
    #[must_use]
    pub fn needs_checkpoints(&self) -> bool {
        self.connections.checkpointer().is_some()
    }

    /// Moves what was committed from the write-ahead log into the tables, beside the commits, and syncs them; `None` if this
    /// database [needs no checkpoints](Database::needs_checkpoints), or is closed.
    ///
    /// To be called a few times a second by one task; without it the log grows until a commit moves it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        match self.connections.checkpointer() {
            Some(checkpointer) => checkpointer.checkpoint().await,
            None => Ok(None),
        }
    }

    /// Takes a lock beside SQLite's file, and tells whether other hubs hold it, too. `None` with a server, which many nodes
    /// share, and where the system has no such locks.
    #[must_use]
    pub fn join(&self) -> Option<ProcessLock> {
        let joined = sqlite::join(self.file()?);
        joined
            .inspect_err(|error| tracing::warn!(%error, "whether another hub uses the database's file is not known"))
            .ok()
    }

    /// Returns SQLite's file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.location.file()
    }

    /// Makes the connection that writes.
    pub(crate) fn writer_connection(&self) -> WriterConnection {
        WriterConnection::new(&self.connections, &self.location)
    }

    /// Opens another connection that writes, beside the commits.
    pub(crate) async fn another_writer_connection(&self) -> Result<WriterConnection, DriverError> {
        WriterConnection::another(&self.location).await
    }

    /// Tells whether nodes register in the database: see [`crate::nodes`].
    pub(crate) fn has_nodes(&self) -> bool {
        self.connections.has_nodes()
    }

    /// Reads the messages that are nearest to a place: see [`Connections::nearest`].
    pub(crate) async fn nearest(
        &self,
        reader: UserId,
        thread: ThreadRef,
        side: Side,
        most: i64,
    ) -> Result<Option<Found>, DriverError> {
        self.connections.nearest(reader, thread, side, most).await
    }

    /// Returns how many connections the pool has that reads: further queries at a time would wait.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.reader_count as usize
    }

    /// Returns how many OS threads are needed to render pages.
    #[must_use]
    pub fn page_workers(&self) -> usize {
        self.connections.page_workers(self.reader_count)
    }

    /// Closes all connections; SQLite's write-ahead log is moved into its file.
    pub async fn close(&self) {
        self.connections.close().await;
    }
}

/// Reads pages: SQLite on the calling thread, which waits; a server by its pool.
impl Reads for &Database {
    fn backend(&self) -> Backend {
        self.backend
    }

    async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        (&self.connections).rows(text, values).await
    }
}
