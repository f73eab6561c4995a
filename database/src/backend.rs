//! The seam between the hub and its databases: what differs between them stands here, each database in a folder of its own.
//!
//! ```text
//!  backend         which databases there are; every `match` over them
//!  location        DATABASE_URL
//!  dialect         the fragments of SQL that differ, as a trait
//!  pool            sea-orm's pools of connections
//!  worker          OS threads with a lower priority than those that messages pass through
//!  sqlite, mysql   one database each: location, open, dialect, error; and what it alone has
//! ```
//!
//! Another database is another folder, another variant of [`Backend`] and [`Connections`] here, one of
//! [`Location`](location::Location), and one in `migrations/src/table.rs`: each `match` is exhaustive, so the compiler names
//! the places.

pub(crate) mod dialect;
pub(crate) mod location;
pub(crate) mod mysql;
mod pool;
pub(crate) mod sqlite;
mod worker;

use std::time::Duration;

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::{DatabaseBackend, DatabaseConnection};

use crate::Error;
use crate::driver_error::DriverError;
use dialect::Dialect;
use location::Location;

/// How long a caller waits for a connection.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(3);

/// The databases that the hub runs on. MariaDB is MySQL here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    MySql,
}

impl Backend {
    /// Returns how this database writes what SQL leaves open.
    pub(crate) fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Sqlite => &sqlite::SqliteDialect,
            Self::MySql => &mysql::MySqlDialect,
        }
    }

    /// Returns sea-orm's name for it.
    pub(crate) fn sea_orm(self) -> DatabaseBackend {
        match self {
            Self::Sqlite => DatabaseBackend::Sqlite,
            Self::MySql => DatabaseBackend::MySql,
        }
    }
}

impl From<DatabaseBackend> for Backend {
    fn from(backend: DatabaseBackend) -> Self {
        match backend {
            DatabaseBackend::Sqlite => Self::Sqlite,
            DatabaseBackend::MySql => Self::MySql,
            // sea-orm has its driver only with a feature that is off.
            other => unreachable!("{other:?} is not connected to"),
        }
    }
}

/// Tells what kind of failure an error of a server or of SQLite is; `why` is what may be said about it.
pub(crate) fn classify(error: &dyn DatabaseError, why: String) -> DriverError {
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return mysql::classify(error.number(), why);
    }
    sqlite::classify(error.code().and_then(|code| code.parse().ok()).unwrap_or_default(), why)
}

/// The connections of one node.
#[derive(Debug, Clone)]
pub(crate) enum Connections {
    Sqlite(sqlite::Connections),
    MySql(mysql::Connections),
}

impl Connections {
    /// Opens them; `readers` of them read.
    pub(crate) async fn open(location: &Location, readers: u32) -> Result<Self, Error> {
        match location {
            Location::Sqlite(file) => sqlite::Connections::open(file, readers).await.map(Self::Sqlite),
            Location::MySql(server) => mysql::Connections::open(server, readers).await.map(Self::MySql),
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::MySql(_) => Backend::MySql,
        }
    }

    /// Returns the connection that migrations run on; a server's commits do, too.
    pub(crate) fn writer(&self) -> &DatabaseConnection {
        match self {
            Self::Sqlite(connections) => &connections.migrations,
            Self::MySql(connections) => &connections.writer,
        }
    }

    /// Returns the pool that reads.
    pub(crate) fn readers(&self) -> &DatabaseConnection {
        match self {
            Self::Sqlite(connections) => &connections.readers,
            Self::MySql(connections) => &connections.readers,
        }
    }

    /// Returns how many OS threads it takes to read pages with as many connections as `readers`.
    pub(crate) fn page_workers(&self, readers: u32) -> usize {
        match self {
            // Pages are read on the worker that renders them.
            Self::Sqlite(_) => readers as usize,
            // MySQL reads go through an async pool, so one page-rendering worker is enough.
            Self::MySql(_) => 1,
        }
    }

    /// Returns what reads on the calling thread, if this database can be read so.
    pub(crate) fn inline_reader(&self) -> Option<&sqlite::InlineReader> {
        match self {
            Self::Sqlite(connections) => Some(&connections.inline_reader),
            Self::MySql(_) => None,
        }
    }

    /// Returns what moves the write-ahead log into the tables, if the hub has to see to that.
    pub(crate) fn checkpointer(&self) -> Option<&sqlite::Checkpointer> {
        match self {
            Self::Sqlite(connections) => Some(&connections.checkpointer),
            Self::MySql(_) => None,
        }
    }

    /// Replaces the writing connection of a pool: the old one hangs, and must not be waited for.
    pub(crate) async fn replace_writer(&mut self, location: &Location) -> Result<(), Error> {
        match (self, location) {
            (Self::Sqlite(connections), Location::Sqlite(file)) => connections.replace_writer(file).await,
            (Self::MySql(connections), Location::MySql(server)) => connections.replace_writer(server).await,
            (Self::Sqlite(_), Location::MySql(_)) | (Self::MySql(_), Location::Sqlite(_)) => {
                unreachable!("the connections were opened at this location")
            }
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(connections) => connections.close().await,
            Self::MySql(connections) => connections.close().await,
        }
    }
}
