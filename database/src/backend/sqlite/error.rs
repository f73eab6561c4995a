//! SQLite's result codes (<https://www.sqlite.org/rescode.html>).

use crate::driver_error::DriverError;

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
