//! SQLite's result codes (<https://www.sqlite.org/rescode.html>).

use super::File;
use crate::Error;
use crate::driver_error::{DriverError, described};

impl From<rusqlite::Error> for DriverError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(code, message) = &error else {
            return Self::Refused(error.to_string());
        };
        let message = message.as_deref().unwrap_or("SQLite failed");
        let why = described(message, Some(&code.extended_code.to_string()));
        classify(code.extended_code.cast_unsigned(), why)
    }
}

/// Tells what kind of failure an extended result code is.
pub(crate) fn classify(code: u32, why: String) -> DriverError {
    match code {
        // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE.
        1555 | 2067 => DriverError::Unique(why),
        // The low byte is the primary code.
        code => match code & 0xff {
            5 | 6 => DriverError::Contended(why),         // BUSY, LOCKED
            8 | 10 | 13 | 14 => DriverError::Unable(why), // READONLY, IOERR, FULL, CANTOPEN
            _ => DriverError::Refused(why),
        },
    }
}

/// Says why a file cannot be used.
pub(crate) fn cannot_use(file: &File, failure: DriverError) -> Error {
    match failure {
        // Another program holds its lock, and will release it.
        DriverError::Contended(why) => Error::Unavailable(format!("{file} is in use by another program ({why})")),
        // Waiting does not repair a file.
        failure
        @ (DriverError::Lost(_) | DriverError::Unable(_) | DriverError::Unique(_) | DriverError::Refused(_)) => {
            Error::Refused(format!("{file} cannot be used: {failure}"))
        }
    }
}
