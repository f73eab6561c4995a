//! A database: one connection that writes, a pool of connections that read; for SQLite also connections that are read through
//! on the thread that asks.

mod company;
pub(crate) mod embedded;
mod mover;
mod mysql;
mod place;
mod reach;
pub(crate) mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sea_orm::sqlx;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, RuntimeErr};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::Error;
use crate::driver_error::DriverError;
pub use company::Company;
use embedded::Embedded;
use mover::Mover;
pub use place::{Place, Server};

/// How much less urgent the threads are that read SQLite or move its log, as `nice` counts it.
const NICE: i32 = 10;

/// How long anybody waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(3);

/// How long somebody rests who waits for a database that is away.
const AGAIN: Duration = Duration::from_millis(500);

/// How to reach the database.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://path?mode=rwc`, `mysql://…` (MariaDB too): see [`Place`].
    pub url: String,
    /// How many connections the pool has that reads; of SQLite as many may be read through outside of it. 1–64.
    pub readers: u32,
}

impl Options {
    fn connections(&self, role: Role) -> u32 {
        match role {
            Role::Writer => 1,
            Role::Readers => self.readers.clamp(1, 64),
        }
    }
}

impl fmt::Debug for Options {
    /// Leaves out the URL: it may hold a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Options").field("readers", &self.readers).finish_non_exhaustive()
    }
}

/// SQLite's log was moved into its file.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// It has become so long that the writer should [begin it anew](crate::commit::Writer::restart_wal).
    pub long: bool,
    /// How long it took, without the wait for the turn of whoever has asked.
    pub took: Duration,
}

/// The connections of one node. Cheap to clone.
///
/// Another node wants connections of its own, in the same process too: a transaction on SQLite that waits for another's
/// holds up its thread, and with it a connection that both would read through.
#[derive(Debug, Clone)]
pub struct Database {
    /// For SQLite it only migrates, and reads for the writer: see [`crate::commit`].
    pub(crate) writer: DatabaseConnection,
    /// With SQLite each has a thread, which gives way to those that messages pass through.
    pub(crate) readers: DatabaseConnection,
    /// SQLite, read on the thread that asks.
    pub(crate) embedded: Option<Embedded>,
    /// SQLite's.
    mover: Option<Mover>,
    pub(crate) backend: DatabaseBackend,
    at: Arc<At>,
}

/// Where the database is, and how many connections there are to be.
#[derive(Debug)]
struct At {
    place: Place,
    options: Options,
}

impl Database {
    /// Connects; makes the file and its folder for SQLite. Does not migrate.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if a server cannot be reached, or another program holds the lock of a file;
    /// [`Error::Refused`] if the URL is not understood, the server does not take us, or the file cannot be used. They name
    /// file, host, port, user and database, and never the password.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        let place: Place = options.url.parse().map_err(Error::Refused)?;
        reach::check(&place).await?;
        let backend = place.backend();
        let at = Arc::new(At { place, options: options.clone() });
        // The writer comes first: for SQLite it sets the file's journal mode.
        let open = async |role| open(&at, role).await.map_err(|failure| reach::told(&at.place, failure));
        let writer = open(Role::Writer).await?;
        let (readers, embedded, mover) = match &at.place {
            Place::File { path, .. } => {
                let readers = open_giving_way(&at).await?;
                let mover = Mover::start(path.clone()).await?;
                let embedded = Embedded::open(path, at.options.connections(Role::Readers) as usize);
                (readers, Some(embedded.map_err(|failure| reach::told(&at.place, failure))?), Some(mover))
            }
            Place::Server(_) => (open(Role::Readers).await?, None, None),
        };
        Ok(Self { writer, readers, embedded, mover, backend, at })
    }

    /// Connects, and waits for a while for a database that is away, or whose file another program holds. Says so in the log
    /// when it begins to wait, and when it has been worth it.
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
                        tracing::info!(database = %database.at.place, after_ms, "the database is there");
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
    pub fn place(&self) -> &Place {
        &self.at.place
    }

    /// Returns the connection that migrations run on.
    #[must_use]
    pub fn for_migrations(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without one.
    pub async fn ping(&self) -> Result<(), Error> {
        let answer = tokio::time::timeout(ACQUIRE, self.readers.execute_unprepared("SELECT 1")).await;
        match answer {
            Ok(answered) => answered.map(drop).map_err(crate::driver_error::error),
            Err(_) => Err(Error::Unavailable("no answer in time".to_owned())),
        }
    }

    /// Moves what was committed from SQLite's log into its file, beside the writer's path; nothing elsewhere.
    ///
    /// To be called a few times a second by one task; without it the log grows until the writer does it itself. Returns
    /// what was moved; `None` elsewhere.
    ///
    /// `busy`: commits carry many writes. They cost less in a log that is short, for its pages are written again and again
    /// and its file does not grow. With few writes in each nobody needs that.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn checkpoint(&self, busy: bool) -> Result<Option<Moved>, Error> {
        let Some(mover) = &self.mover else {
            return Ok(None);
        };
        let most = if busy { sqlite::BUSY_LOG_PAGES } else { sqlite::QUIET_LOG_PAGES };
        let mover::Moved { pages, took } = mover.move_log().await?;
        Ok(Some(Moved { long: pages > most, took }))
    }

    /// Takes a place among the hubs that use SQLite's file, for as long as what is returned lives; it tells whether there are
    /// others. `None` with a server, which many nodes share, and where the system has no such locks.
    #[must_use]
    pub fn join(&self) -> Option<Company> {
        let joined = company::join(self.file()?);
        joined
            .inspect_err(|error| tracing::warn!(%error, "whether another hub uses the database's file is not known"))
            .ok()
    }

    /// Returns SQLite's file.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.at.place {
            Place::File { path, .. } => Some(path),
            Place::Server(_) => None,
        }
    }

    /// Returns how many connections the pool has that reads: as many questions are worth asking at a time.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.at.options.connections(Role::Readers) as usize
    }

    /// Returns whether this is SQLite: one machine, one file.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.backend == DatabaseBackend::Sqlite
    }

    /// Closes all connections; SQLite's log is moved into its file.
    pub async fn close(&self) {
        for pool in [&self.readers, &self.writer] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::debug!(%error, "could not close a pool of connections");
            }
        }
        if let Some(embedded) = &self.embedded {
            embedded.close().await;
        }
        if let Some(mover) = &self.mover {
            mover.close().await;
        }
    }

    /// Replaces the writing connection: the old one hangs, and must not be waited for.
    pub(crate) async fn replace_writer(&mut self) -> Result<(), Error> {
        self.writer = open(&self.at, Role::Writer).await?;
        Ok(())
    }
}

/// What a pool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Readers,
}

/// Opens the readers of SQLite on a thread that gives way: their own threads take that from the one that starts them.
async fn open_giving_way(at: &Arc<At>) -> Result<DatabaseConnection, Error> {
    let (done, opened) = oneshot::channel();
    let at = Arc::clone(at);
    let opening = move || {
        give_way();
        // A runtime of its own, for the pool opens some of its connections by tasks.
        let runtime = runtime::Builder::new_current_thread().enable_time().build();
        let opened = runtime.map_err(|error| Error::Unavailable(error.to_string())).and_then(|runtime| {
            runtime.block_on(async {
                let pool = open(&at, Role::Readers).await.map_err(|failure| reach::told(&at.place, failure))?;
                sqlite::wait_for_all(&pool).await;
                Ok(pool)
            })
        });
        // Nobody waits any more if it cannot be sent.
        let _ = done.send(opened);
    };
    let started = std::thread::Builder::new().name("sqlite-open".to_owned()).spawn(opening);
    started.map_err(|error| Error::Unavailable(format!("cannot start a thread: {error}")))?;
    opened
        .await
        .unwrap_or_else(|_| Err(Error::Unavailable("the database's connections could not be opened".to_owned())))
}

/// Makes the calling thread less urgent.
fn give_way() {
    // Elsewhere it is the whole process that would be less urgent.
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(NICE)
    {
        tracing::debug!(%error, "the database is read and moved as urgently as messages pass");
    }
}

async fn open(at: &At, role: Role) -> Result<DatabaseConnection, DriverError> {
    let connections = at.options.connections(role);
    let mut connect = match &at.place {
        // The path is said beside it: sea-orm would read it as a host's name.
        Place::File { .. } => ConnectOptions::new("sqlite:file"),
        Place::Server(server) => ConnectOptions::new(server.url()),
    };
    connect.max_connections(connections).acquire_timeout(ACQUIRE).connect_timeout(ACQUIRE).sqlx_logging(false);
    match &at.place {
        Place::File { path, .. } => sqlite::tune(&mut connect, path, role, connections),
        Place::Server(_) => mysql::tune(&mut connect, role),
    }
    // A silent server would otherwise be waited for without end: the driver has no time-out of its own here.
    match tokio::time::timeout(2 * ACQUIRE, sea_orm::Database::connect(connect)).await {
        Ok(Err(error)) if !is_late(&error) => Err(DriverError::of(&error)),
        Ok(Ok(connected)) => Ok(connected),
        // What a file is waited for is its lock.
        _ if at.place.backend() == DatabaseBackend::Sqlite => {
            Err(DriverError::Contended("no answer in time".to_owned()))
        }
        _ => Err(DriverError::Unable("no answer in time".to_owned())),
    }
}

/// Tells whether a pool had no connection in time.
fn is_late(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error)) => matches!(**error, sqlx::Error::PoolTimedOut),
        _ => false,
    }
}
