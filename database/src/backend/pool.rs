//! sea-orm's pools of connections.

use std::time::Duration;

use futures_util::FutureExt;
use sea_orm::sqlx;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr};
use tokio::time::timeout;

use crate::driver_error::DriverError;

/// How long a caller waits for a connection.
pub(crate) const ACQUIRE: Duration = Duration::from_secs(3);

/// Statements that each connection to a server keeps prepared.
pub(super) const PREPARED: usize = 256;

/// How long a server may take to close a connection: it has answered, so whether it closes in time does not matter.
pub(super) const CLOSE: Duration = Duration::from_secs(1);

/// A connection to a server that was idle for this long is tested before it is used.
pub(super) const TRUSTED: Duration = Duration::from_secs(1);

/// What a pool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Readers,
}

/// Returns the options that all pools share.
pub(super) fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut connect = ConnectOptions::new(url);
    connect.max_connections(connections).acquire_timeout(ACQUIRE).connect_timeout(ACQUIRE).sqlx_logging(false);
    connect
}

/// Opens a pool; `None` if there was no answer in time.
pub(super) async fn open(connect: ConnectOptions) -> Result<Option<DatabaseConnection>, DriverError> {
    // A silent server would otherwise be waited for without end: the driver has no time-out of its own here.
    match timeout(2 * ACQUIRE, sea_orm::Database::connect(connect).boxed()).await {
        Ok(Ok(connected)) => Ok(Some(connected)),
        Ok(Err(error)) if !is_late(&error) => Err(DriverError::of(&error)),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

/// Closes a pool.
pub(super) async fn close(pool: &DatabaseConnection) {
    if let Err(error) = pool.close_by_ref().await {
        tracing::debug!(%error, "could not close a pool of connections");
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
