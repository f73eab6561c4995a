//! What kind of failure a database's error is, and what may be said about it.

use std::fmt;

use sea_orm::sqlx;
use sea_orm::sqlx::error::{DatabaseError, ErrorKind};
use sea_orm::{DbErr, RuntimeErr};

use crate::{Error, backend};

/// What kind of failure an error is.
#[derive(Debug)]
pub(crate) enum DriverError {
    /// The connection is not there, or is no more.
    Lost(String),
    /// Somebody else was in the way: the same thing may work at once.
    Contended(String),
    /// The database is there, and cannot do it now.
    Unable(String),
    /// A unique index refused.
    Unique(String),
    /// It will not work another time either.
    Refused(String),
}

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

impl From<rusqlite::Error> for DriverError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(code, message) = &error else {
            return Self::Refused(error.to_string());
        };
        let message = message.as_deref().unwrap_or("SQLite failed");
        let why = described(message, Some(&code.extended_code.to_string()));
        backend::sqlite::classify(code.extended_code.cast_unsigned(), why)
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Lost(why) | Self::Contended(why) | Self::Unable(why) | Self::Unique(why) | Self::Refused(why)) =
            self;
        out.write_str(why)
    }
}

impl From<DriverError> for Error {
    fn from(failure: DriverError) -> Self {
        match failure {
            DriverError::Lost(why) | DriverError::Contended(why) | DriverError::Unable(why) => Self::Unavailable(why),
            DriverError::Unique(why) | DriverError::Refused(why) => Self::Refused(why),
        }
    }
}

/// Says what a caller is told about an error.
pub(crate) fn error(error: impl Into<DriverError>) -> Error {
    error.into().into()
}

fn of_database(error: &dyn DatabaseError) -> DriverError {
    let why = described(error.message(), error.code().as_deref());
    if error.kind() == ErrorKind::UniqueViolation {
        return DriverError::Unique(why);
    }
    backend::classify(error, why)
}

/// Cuts a message before what it quotes: MySQL puts values there, which are people's.
fn described(message: &str, code: Option<&str>) -> String {
    let message = message.split(['\'', '"']).next().unwrap_or_default().trim_end();
    match code {
        Some(code) => format!("{message} ({code})"),
        None => message.to_owned(),
    }
}
