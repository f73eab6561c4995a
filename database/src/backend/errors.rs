//! What kind of failure an error of sea-orm or of its drivers is.

use sea_orm::sqlx;
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::{DbErr, RuntimeErr};

use super::kind::ServerKind;
use super::sqlite;
use crate::driver_error::{DriverError, described};

impl DriverError {
    /// Tells what kind of failure an error is.
    pub(crate) fn of(error: &DbErr) -> Self {
        match error {
            // There is no connection to be had: to try again at once would only wait again.
            DbErr::ConnectionAcquire(why) => Self::Unable(why.to_string()),
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Self::of_driver(error),
            other => Self::Refused(other.to_string()),
        }
    }

    /// Tells what kind of failure an error of the driver is.
    pub(crate) fn of_driver(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => of_database(error.as_ref()),
            // Neither holds a value of ours, nor the password.
            sqlx::Error::Io(why) => Self::Lost(why.to_string()),
            sqlx::Error::Tls(why) => Self::Lost(why.to_string()),
            sqlx::Error::Protocol(_) => Self::Lost("the connection broke".to_owned()),
            sqlx::Error::PoolTimedOut => Self::Unable(error.to_string()),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Self::Lost(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<DbErr> for DriverError {
    fn from(error: DbErr) -> Self {
        Self::of(&error)
    }
}

fn of_database(error: &dyn DatabaseError) -> DriverError {
    let why = described(error.message(), error.code().as_deref());
    if error.kind() == ErrorKind::UniqueViolation {
        return DriverError::Unique(why);
    }
    let of_server = ServerKind::ALL.into_iter().find_map(|kind| kind.classify(error, &why));
    let code = || error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    of_server.unwrap_or_else(|| sqlite::classify(code(), why))
}
