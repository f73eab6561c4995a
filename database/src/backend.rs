//! The interface between the hub and its databases: what differs between them is here, each database in a folder of its
//! own.
//!
//! ```text
//!  kind            which databases there are
//!  location        DATABASE_URL
//!  dialect         the fragments of SQL that differ, as a trait; column: how a value travels to a server
//!  errors          what kind of failure an error is
//!  pool            sea-orm's pools of connections
//!  read_pool       the connections that read, as a pool or in a snapshot
//!  writer          the connection that writes, and its transaction
//!  statements      the statements that write rows
//!  server          what MySQL and PostgreSQL share: connections, the writer, rows
//!  time_buckets    what SQLite's and PostgreSQL's indexes over a user's threads hold
//!  busy_life       (test) runs every statement
//!  worker          OS threads with a lower priority than those that messages pass through
//!  sqlite, mysql, postgres   one database each: location, open, dialect, error; and what it alone has
//! ```
//!
//! Another server is another folder, another variant of [`Backend`] and [`ServerKind`] with an arm in each `match` below,
//! and one in `migrations/src/backend.rs`: each `match` is exhaustive, so the compiler names the places.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod busy_life;
pub(crate) mod column;
pub(crate) mod dialect;
mod errors;
pub(crate) mod kind;
pub(crate) mod location;
mod mysql;
mod pool;
mod postgres;
pub(crate) mod read_pool;
pub(crate) mod server;
pub(crate) mod sqlite;
pub(crate) mod statements;
pub(crate) mod time_buckets;
pub(crate) mod worker;
pub(crate) mod writer;

use std::time::Duration;

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{ConnectOptions, DatabaseConnection, Value, sqlx};

use crate::Error;
use crate::driver_error::DriverError;
use crate::ids::UserId;
use crate::queries::messages::found::{Found, Side, ThreadRef};
use crate::rows::{FromRow, Reads};
use dialect::Dialect;
use kind::{Backend, ServerKind};
use location::Location;
pub(crate) use pool::ACQUIRE;
use pool::Role;
use read_pool::ReadPool;
use server::location::Server;

impl Backend {
    /// Returns the database's SQL dialect.
    pub(crate) fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Sqlite => &sqlite::SqliteDialect,
            Self::MySql => &mysql::MySqlDialect,
            Self::Postgres => &postgres::PostgresDialect,
        }
    }
}

/// Chooses what each server does in its own way; no other place does.
impl ServerKind {
    /// Returns the schemes of its URLs.
    fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::MySql => &["mysql", "mariadb"],
            Self::Postgres => &["postgres", "postgresql"],
        }
    }

    /// Parses what stands behind the scheme of a URL.
    fn parse(self, rest: &str) -> Result<Server, String> {
        match self {
            Self::MySql => mysql::parse(rest),
            Self::Postgres => postgres::parse(rest),
        }
    }

    /// Connects once, to see whether the server can be used; returns why not, if it cannot.
    async fn connect_once(self, server: &Server) -> Result<Option<String>, sqlx::Error> {
        match self {
            Self::MySql => mysql::connect_once(server).await.map(|()| None),
            Self::Postgres => postgres::connect_once(server).await,
        }
    }

    /// Sets what a pool's connections do when they open.
    fn settings(self, connect: &mut ConnectOptions, role: Role) {
        match self {
            Self::MySql => mysql::settings(connect, role),
            Self::Postgres => postgres::settings(connect, role),
        }
    }

    /// Says what an error of the server means for the operator who starts the hub.
    fn refusal(self, server: &Server, error: &sqlx::Error) -> Option<String> {
        match self {
            Self::MySql => mysql::refusal(server, error),
            Self::Postgres => postgres::refusal(server, error),
        }
    }

    /// Tells what kind of failure an error is, if it is this server's.
    fn classify(self, error: &dyn DatabaseError, why: &str) -> Option<DriverError> {
        match self {
            Self::MySql => mysql::classify(error, why),
            Self::Postgres => postgres::classify(error, why),
        }
    }

    /// Returns the statement that limits how long a transaction waits for a lock, if the server needs one.
    fn wait_for_lock(self, patience: Duration) -> Option<String> {
        match self {
            Self::MySql => None,
            Self::Postgres => postgres::wait_for_lock(patience),
        }
    }

    /// Returns the query that runs before COMMIT, in one statement with the rows of all tables, which are gathered until
    /// then. `None` if rows are written table by table.
    fn before_commit(self) -> Option<&'static str> {
        match self {
            Self::MySql => None,
            Self::Postgres => Some(postgres::BEFORE_COMMIT),
        }
    }
}

/// The connections of one node.
#[derive(Debug, Clone)]
pub(crate) enum Connections {
    Sqlite(sqlite::Connections),
    Server(server::Connections),
}

impl Connections {
    /// Opens them; `readers` of them read.
    pub(crate) async fn open(location: &Location, readers: u32) -> Result<Self, Error> {
        match location {
            Location::Sqlite(file) => sqlite::Connections::open(file, readers).await.map(Self::Sqlite),
            Location::Server(server) => server::Connections::open(server, readers).await.map(Self::Server),
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Self::Sqlite(_) => Backend::Sqlite,
            Self::Server(connections) => connections.kind.into(),
        }
    }

    /// Returns the connection that migrations run on.
    pub(crate) fn for_migrations(&self) -> &DatabaseConnection {
        match self {
            Self::Sqlite(connections) => &connections.migrations,
            Self::Server(connections) => &connections.migrations,
        }
    }

    /// Returns the connections that read without blocking the calling thread.
    pub(crate) fn read_pool(&self) -> ReadPool {
        match self {
            Self::Sqlite(connections) => ReadPool::Sqlite(connections.read_pool.clone()),
            Self::Server(connections) => ReadPool::Server(connections.kind, connections.readers.clone()),
        }
    }

    /// Reads a thread's counters, and the messages on one side of a place that are nearest to it: at most `most`, and no
    /// more than fit into a page, in no order. `None` if the reader is not a member. SQLite is read on the calling thread.
    pub(crate) async fn nearest(
        &self,
        reader: UserId,
        thread: ThreadRef,
        side: Side,
        most: i64,
    ) -> Result<Option<Found>, DriverError> {
        match self {
            Self::Sqlite(connections) => {
                let nearest = |snapshot: &_| sqlite::nearest(snapshot, reader, thread, side, most);
                connections.inline_reader.read(nearest)
            }
            Self::Server(_) => server::nearest(&mut &self.read_pool(), reader, thread, side, most).await,
        }
    }

    /// Returns how many OS threads it takes to read pages with as many connections as `readers`.
    pub(crate) fn page_workers(&self, readers: u32) -> usize {
        match self {
            // Pages are read on the worker that renders them.
            Self::Sqlite(_) => readers as usize,
            // A server's reads go through an async pool, so one page-rendering worker is enough.
            Self::Server(_) => 1,
        }
    }

    /// Tells whether nodes register in the database, which shows each other that they live. Hubs that share SQLite's file
    /// do not.
    pub(crate) fn has_nodes(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Server(_) => true,
        }
    }

    /// Returns the checkpointer of the write-ahead log, if the hub has to run checkpoints.
    pub(crate) fn checkpointer(&self) -> Option<&sqlite::Checkpointer> {
        match self {
            Self::Sqlite(connections) => Some(&connections.checkpointer),
            Self::Server(_) => None,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(connections) => connections.close().await,
            Self::Server(connections) => connections.close().await,
        }
    }
}

/// Reads pages: SQLite on the calling thread, which waits; a server by its pool.
impl Reads for &Connections {
    fn backend(&self) -> Backend {
        Connections::backend(self)
    }

    async fn rows<T: FromRow>(
        &mut self,
        text: &str,
        values: impl IntoIterator<Item = Value> + Send,
    ) -> Result<Vec<T>, DriverError> {
        match self {
            Connections::Sqlite(connections) => {
                connections.inline_reader.read_one(|connection| sqlite::rows(connection, text, values))
            }
            Connections::Server(connections) => server::rows(&connections.readers, text, values).await,
        }
    }
}
