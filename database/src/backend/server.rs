//! What the servers share: they are spoken to through sea-orm's connections, and find messages by an index over their places.
//!
//! ```text
//!  location   the server, and the database on it; open: whether it takes us, and its pools
//!  writer     the connection that writes, and its transaction
//!  rows       queries, and the rows that a server sends; placeholders: where a text has parameters
//!  seq_range  finds messages by their place; nearest: those next to one
//! ```

pub(crate) mod location;
mod nearest;
mod open;
mod placeholders;
mod rows;
pub(super) mod seq_range;
mod writer;

use sea_orm::DatabaseConnection;

use super::kind::ServerKind;
use super::pool::{self, Role};
use crate::Error;
use location::Server;
pub(crate) use nearest::nearest;
pub(crate) use rows::rows;
pub(crate) use writer::{Transaction, WriterConnection};

/// The connections of one node to a server.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pub(super) kind: ServerKind,
    /// One connection, closed soon after it was used.
    pub(super) migrations: DatabaseConnection,
    /// One connection, opened when it is first used. So it belongs to the runtime that writes: the server's answers wake the OS
    /// thread that waits for them, and no other one before it.
    pub(super) writer: DatabaseConnection,
    pub(super) readers: DatabaseConnection,
}

impl Connections {
    pub(super) async fn open(server: &Server, readers: u32) -> Result<Self, Error> {
        open::check(server).await?;
        let refused = |failure| open::refused(server, failure);
        Ok(Self {
            kind: server.kind,
            migrations: open::pool_for_migrations(server).await.map_err(refused)?,
            writer: open::lazy_writer(server).await.map_err(refused)?,
            readers: open::pool(server, Role::Readers, readers).await.map_err(refused)?,
        })
    }

    pub(super) async fn close(&self) {
        pool::close(&self.readers).await;
        pool::close(&self.writer).await;
        pool::close(&self.migrations).await;
    }
}
