//! Is the database there, and does it take us: asked once before anything is opened, and told by name.

use std::time::Duration;

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use tokio::time::timeout;

use super::{ACQUIRE, Place, Server, sqlite};
use crate::Error;
use crate::driver_error::DriverError;

/// How long a server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Makes room for a file, or asks a server whether it takes us. A pool would wait for a server that is not there, and not say
/// why.
pub(super) async fn check(place: &Place) -> Result<(), Error> {
    match place {
        Place::File { path, make } => sqlite::make_room(path, *make).map_err(Error::Refused),
        Place::Server(server) => match timeout(ACQUIRE, knock(server)).await {
            Ok(answered) => answered.map_err(|error| of_driver(server, error)),
            Err(_) => Err(away(server, "no answer in time")),
        },
    }
}

/// Says of which database something is that could not be opened.
pub(super) fn told(place: &Place, failure: DriverError) -> Error {
    match (place, failure) {
        // Whoever holds its lock lets go of it.
        (Place::File { path, .. }, DriverError::Contended(why)) => {
            Error::Unavailable(format!("{} is in use by another program ({why})", path.display()))
        }
        // A file does not get better by waiting.
        (Place::File { path, .. }, failure) => Error::Refused(format!("{} cannot be used: {failure}", path.display())),
        (Place::Server(server), DriverError::Refused(why) | DriverError::Unique(why)) => {
            Error::Refused(format!("{} for the user {:?}: {why}", server.address(), server.user))
        }
        (Place::Server(server), failure) => away(server, &failure.to_string()),
    }
}

async fn knock(server: &Server) -> Result<(), sqlx::Error> {
    let options: MySqlConnectOptions = server.url().parse()?;
    let connection = options.connect().await?;
    // It has answered: how it takes the goodbye does not matter.
    let _ = timeout(GOODBYE, connection.close()).await;
    Ok(())
}

fn away(server: &Server, why: &str) -> Error {
    Error::Unavailable(format!("{} does not answer: {why}", server.address()))
}

fn of_driver(server: &Server, error: sqlx::Error) -> Error {
    let Server { user, database, .. } = server;
    let address = server.address();
    let number = match &error {
        sqlx::Error::Database(error) => error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number),
        _ => None,
    };
    let refused = match number {
        Some(1045 | 1698) => {
            format!("{address} refuses the user {user:?}: the password is wrong, or there is no such user (1045)")
        }
        Some(1044) => format!("the user {user:?} may not use the database {database:?} at {address}: GRANT it (1044)"),
        Some(1049) => {
            format!("{address} has no database {database:?} for the user {user:?}: CREATE DATABASE makes it (1049)")
        }
        Some(1130) => format!("{address} takes nobody from this machine as the user {user:?} (1130)"),
        _ => return told(&Place::Server(server.clone()), DriverError::of_driver(&error)),
    };
    Error::Refused(refused)
}
