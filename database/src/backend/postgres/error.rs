//! PostgreSQL's error codes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;

use crate::driver_error::DriverError;

/// Tells what kind of failure an error is, if it is PostgreSQL's.
pub(in crate::backend) fn classify(error: &dyn DatabaseError, why: &str) -> Option<DriverError> {
    let error = error.try_downcast_ref::<PgDatabaseError>()?;
    Some(of_code(error.code(), error.message(), why.to_owned()))
}

/// Tells what kind of failure an error code is; `message` is the server's, `why` what may be said of it.
fn of_code(code: &str, message: &str, why: String) -> DriverError {
    let class = code.get(..2).unwrap_or_default();
    match (class, code) {
        // unique_violation.
        (_, "23505") => DriverError::Unique(why),
        // serialization_failure, deadlock_detected, lock_not_available.
        (_, "40001" | "40P01" | "55P03") => DriverError::Contended(why),
        // Connection exceptions; the server shuts down, has crashed or starts; the transaction or the session was idle for too
        // long; a prepared statement is not there.
        ("08", _) | (_, "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" | "26000") => DriverError::Lost(why),
        // "cached plan must not change result type": a table was altered beside us.
        (_, "0A000") if message.starts_with("cached plan") => DriverError::Lost(why),
        // Out of memory, disk or connections; a statement took too long; read-only; files cannot be read or written; rights
        // taken away.
        ("53" | "58", _) | (_, "57014" | "25006" | "42501" | "28000" | "28P01") => DriverError::Unable(why),
        _ => DriverError::Refused(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_another_try_may_succeed() {
        let kind = |code: &str, message: &str| match of_code(code, message, String::new()) {
            DriverError::Lost(_) => "lost",
            DriverError::Contended(_) => "contended",
            DriverError::Unable(_) => "unable",
            DriverError::Unique(_) => "unique",
            DriverError::Refused(_) => "refused",
        };
        for (code, expected) in [
            ("23505", "unique"),
            ("40001", "contended"),
            ("40P01", "contended"),
            ("55P03", "contended"),
            ("08006", "lost"),
            ("57P01", "lost"),
            ("57P02", "lost"),
            ("57P03", "lost"),
            ("25P03", "lost"),
            ("26000", "lost"),
            ("53100", "unable"),
            ("53200", "unable"),
            ("53300", "unable"),
            ("57014", "unable"),
            ("25006", "unable"),
            ("58030", "unable"),
            ("21000", "refused"),
            ("22021", "refused"),
            ("22P05", "refused"),
            ("0A000", "refused"),
            ("", "refused"),
        ] {
            assert_eq!(kind(code, ""), expected, "{code}");
        }
        assert_eq!(kind("0A000", "cached plan must not change result type"), "lost");
    }
}
