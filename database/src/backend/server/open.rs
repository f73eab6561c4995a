//! Opens a server: checks first that the hub can use it, and opens its pools.

use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection, sqlx};
use tokio::time::timeout;

use super::location::Server;
use crate::Error;
use crate::backend::pool::{self, ACQUIRE, Role, TRUSTED};
use crate::driver_error::DriverError;

/// How long the connection of the migrations is kept while none runs.
const IDLE: Duration = Duration::from_secs(10);

/// Checks that the hub can use a server. A pool would wait for a server that is not there, and not say why.
pub(super) async fn check(server: &Server) -> Result<(), Error> {
    match timeout(ACQUIRE, server.kind.connect_once(server)).await {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(why_not))) => Err(Error::Refused(format!("{}: {why_not}", server.address()))),
        Ok(Err(error)) => Err(of_driver(server, &error)),
        Err(_) => Err(away(server, "no answer in time")),
    }
}

/// Opens a pool.
pub(super) async fn pool(server: &Server, role: Role, connections: u32) -> Result<DatabaseConnection, DriverError> {
    pool_with(server, role, connections, |connect| connect).await
}

/// Opens the pool of the migrations.
pub(super) async fn pool_for_migrations(server: &Server) -> Result<DatabaseConnection, DriverError> {
    pool_with(server, Role::Writer, 1, |connect| connect.idle_timeout(IDLE)).await
}

/// Makes the pool of a writer, which opens its connection when it first writes.
pub(super) async fn lazy_writer(server: &Server) -> Result<DatabaseConnection, DriverError> {
    pool_with(server, Role::Writer, 1, |connect| connect.connect_lazy(true)).await
}

async fn pool_with(
    server: &Server,
    role: Role,
    connections: u32,
    more: impl FnOnce(&mut ConnectOptions) -> &mut ConnectOptions,
) -> Result<DatabaseConnection, DriverError> {
    let mut connect = pool::options(&server.url, connections);
    connect.test_before_acquire_if_idle_for(TRUSTED);
    more(&mut connect);
    server.kind.settings(&mut connect, role);
    pool::open(connect).await?.ok_or_else(|| DriverError::Unable("no answer in time".to_owned()))
}

/// Names the server in a failure.
pub(super) fn refused(server: &Server, failure: DriverError) -> Error {
    match failure {
        DriverError::Refused(why) | DriverError::Unique(why) => {
            Error::Refused(format!("{} for the user {:?}: {why}", server.address(), server.user))
        }
        failure @ (DriverError::Lost(_) | DriverError::Contended(_) | DriverError::Unable(_)) => {
            away(server, &failure.to_string())
        }
    }
}

fn away(server: &Server, why: &str) -> Error {
    Error::Unavailable(format!("{} does not answer: {why}", server.address()))
}

fn of_driver(server: &Server, error: &sqlx::Error) -> Error {
    let known = server.kind.refusal(server, error);
    known.map_or_else(|| refused(server, DriverError::of_driver(error)), Error::Refused)
}
