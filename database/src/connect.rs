//! A database: one connection that writes, a pool of connections that read; for SQLite also connections that are read through
//! on the thread that asks.

pub(crate) mod embedded;
mod mover;
mod mysql;
pub(crate) mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::Error;
use crate::failure::Failure;
use embedded::Embedded;
use mover::Mover;

/// How much less urgent the threads are that read SQLite or move its log, as `nice` counts it.
const NICE: i32 = 10;

/// How long anybody waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(3);

/// How to reach the database.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://path?mode=rwc`, `mysql://…` (MariaDB too).
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
    /// It has become so long that the writer should [begin it anew](crate::commit::Writer::begin_log_anew).
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
    options: Arc<Options>,
}

impl Database {
    /// Connects; makes the file and its folder for SQLite. Does not migrate.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server cannot be reached, with the URL's password left out;
    /// [`Error::Refused`] for a URL of another kind.
    pub async fn connect(options: &Options) -> Result<Self, Error> {
        let backend = backend(&options.url)?;
        if backend == DatabaseBackend::Sqlite {
            sqlite::make_room(&options.url)?;
        }
        // The writer comes first: for SQLite it makes the file and sets its journal mode.
        let writer = open(options, backend, Role::Writer).await?;
        let (readers, embedded, mover) = if backend == DatabaseBackend::Sqlite {
            let readers = open_giving_way(options).await?;
            (readers, Some(Embedded::new(&options.url)), Some(Mover::start(options.url.clone()).await?))
        } else {
            (open(options, backend, Role::Readers).await?, None, None)
        };
        Ok(Self { writer, readers, embedded, mover, backend, options: Arc::new(options.clone()) })
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
            Ok(answered) => answered.map(drop).map_err(crate::failure::error),
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

    /// Returns the URL, password and all.
    pub(crate) fn url(&self) -> &str {
        &self.options.url
    }

    /// Returns how many connections the pool has that reads: as many questions are worth asking at a time.
    #[must_use]
    pub fn readers(&self) -> usize {
        self.options.connections(Role::Readers) as usize
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
        self.writer = open(&self.options, self.backend, Role::Writer).await?;
        Ok(())
    }
}

/// What a pool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Writer,
    Readers,
}

fn backend(url: &str) -> Result<DatabaseBackend, Error> {
    match url.split(':').next() {
        Some("sqlite") => Ok(DatabaseBackend::Sqlite),
        Some("mysql" | "mariadb") => Ok(DatabaseBackend::MySql),
        _ => Err(Error::Refused("the database URL begins with neither sqlite: nor mysql:".to_owned())),
    }
}

/// Opens the readers of SQLite on a thread that gives way: their own threads take that from the one that starts them.
async fn open_giving_way(options: &Options) -> Result<DatabaseConnection, Error> {
    let (done, opened) = oneshot::channel();
    let options = options.clone();
    let opening = move || {
        give_way();
        // A runtime of its own, for the pool opens some of its connections by tasks.
        let runtime = runtime::Builder::new_current_thread().enable_time().build();
        let opened = runtime.map_err(|error| Error::Unavailable(error.to_string())).and_then(|runtime| {
            runtime.block_on(async {
                let pool = open(&options, DatabaseBackend::Sqlite, Role::Readers).await?;
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

async fn open(options: &Options, backend: DatabaseBackend, role: Role) -> Result<DatabaseConnection, Error> {
    let url = match options.url.strip_prefix("mariadb://") {
        Some(rest) => format!("mysql://{rest}"),
        None => options.url.clone(),
    };
    let connections = options.connections(role);
    let mut connect = ConnectOptions::new(url);
    connect.max_connections(connections).acquire_timeout(ACQUIRE).connect_timeout(ACQUIRE).sqlx_logging(false);
    match backend {
        DatabaseBackend::MySql => mysql::tune(&mut connect, role),
        _ => sqlite::tune(&mut connect, role, connections),
    }
    // A silent server would otherwise be waited for without end: the driver has no time-out of its own here.
    match tokio::time::timeout(2 * ACQUIRE, sea_orm::Database::connect(connect)).await {
        Ok(connected) => connected.map_err(|error| match Failure::of(&error) {
            Failure::Refused(why) if backend == DatabaseBackend::Sqlite => Error::Refused(why),
            failure => Error::Unavailable(failure.to_string()),
        }),
        Err(_) => Err(Error::Unavailable("no answer in time".to_owned())),
    }
}
