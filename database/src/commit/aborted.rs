//! Why a transaction did not stand.

use crate::driver_error::DriverError;

/// Why a transaction did not stand.
#[derive(Debug)]
pub(crate) enum Aborted {
    /// It failed before COMMIT.
    Failed(DriverError),
    /// There was no answer; nothing was committed.
    Hung,
    /// COMMIT was sent, its answer was lost or was an error, and the log has no such commit.
    NotCommitted(Option<DriverError>),
    /// COMMIT was sent, its answer was lost, and the log cannot be read.
    Unsettled(String),
    /// The number was given out before: the database has gone back.
    WentBack,
}

impl<F: Into<DriverError>> From<F> for Aborted {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}
