//! The kinds of failure of a database, and what may be said about one. [`crate::backend`] tells which kind an error is.

use std::fmt;

use crate::Error;

/// What kind of failure an error is.
#[derive(Debug)]
pub(crate) enum DriverError {
    /// The connection does not exist, or is broken.
    Lost(String),
    /// Another transaction was in the way: another try may succeed at once.
    Contended(String),
    /// The database answers, but cannot do it now.
    Unable(String),
    /// A unique index refused.
    Unique(String),
    /// Another try would fail, too.
    Refused(String),
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

/// Makes the error that a caller gets.
pub(crate) fn error(error: impl Into<DriverError>) -> Error {
    error.into().into()
}

/// Cuts a message before what it quotes: MySQL quotes values there, which users have written.
pub(crate) fn described(message: &str, code: Option<&str>) -> String {
    let message = message.split(['\'', '"']).next().unwrap_or_default().trim_end();
    match code {
        Some(code) => format!("{message} ({code})"),
        None => message.to_owned(),
    }
}
