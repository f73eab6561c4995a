//! PostgreSQL.
//!
//! ```text
//!  location        the server, and the database on it
//!  open            asks whether the server takes us, and opens the pools; session: what each connection says first
//!  dialect, error  its SQL, its errors
//!  writer          writes, through sea-orm's connection; gathered: several tables' rows by one statement
//!  plans           (test) no statement walks a table
//! ```

mod dialect;
mod error;
mod gathered;
mod location;
mod open;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod plans;
mod session;
mod writer;

use sea_orm::DatabaseConnection;

use super::pool::{self, Role};
use crate::Error;
pub(crate) use dialect::PostgresDialect;
pub(crate) use error::classify;
pub use location::PostgresServer;
pub(crate) use writer::{Transaction, WriterConnection};

/// The connections of one node to a server.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    /// One connection.
    pub(super) writer: DatabaseConnection,
    pub(super) readers: DatabaseConnection,
}

impl Connections {
    pub(super) async fn open(server: &PostgresServer, readers: u32) -> Result<Self, Error> {
        open::check(server).await?;
        let refused = |failure| open::refused(server, failure);
        Ok(Self {
            writer: open::pool(server, Role::Writer, 1).await.map_err(refused)?,
            readers: open::pool(server, Role::Readers, readers).await.map_err(refused)?,
        })
    }

    pub(super) async fn close(&self) {
        pool::close(&self.readers).await;
        pool::close(&self.writer).await;
    }
}
