//! The error numbers of MySQL and MariaDB.

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;

use crate::driver_error::DriverError;

/// Tells what kind of failure an error is, if it is one of these servers.
pub(in crate::backend) fn classify(error: &dyn DatabaseError, why: &str) -> Option<DriverError> {
    let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(of_number(error.number(), why.to_owned()))
}

/// Tells what kind of failure an error number is.
fn of_number(number: u16, why: String) -> DriverError {
    match number {
        // Lock wait time-out, deadlock, a snapshot that is too old.
        1205 | 1213 | 1020 => DriverError::Contended(why),
        // Shutting down, killed, server gone, timed out.
        1053 | 1077 | 1078 | 1079 | 1317 | 1927 | 2006 | 2013 | 4031 => DriverError::Lost(why),
        // Too many connections, full, cannot write (quota, disk), read-only, out of memory or resources, statement took too
        // long, rights taken away.
        1040 | 1203 | 1226 | 1021 | 1114 | 1026 | 1030 | 1290 | 1792 | 1836 | 1037 | 1038 | 1041 | 1969 | 3024
        | 1044 | 1045 | 1142 | 1143 | 1227 => DriverError::Unable(why),
        _ => DriverError::Refused(why),
    }
}
