//! The error type of the hub, for frames and for REST.

use chat_database::Error as DatabaseError;
use chat_database::time::Timestamp;

use crate::protocol::ErrorCode;
use crate::protocol::server::{About, ErrorFrame, ServerFrame};

/// Why a request was not done, and what to do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// The code.
    pub code: ErrorCode,
    /// What happened and what to do.
    pub message: String,
    /// When to try again, in milliseconds; for temporary codes alone.
    pub retry_after_ms: Option<u64>,
    /// Until when the user is suspended; for `suspended` alone.
    pub until: Option<Timestamp>,
    /// How many requests at once the rate allows; for `rate_limited`, where a rate was exceeded.
    pub limit: Option<u32>,
}

impl Error {
    /// Makes an error. A temporary code gets a delay of a second; see [`Error::after`].
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let retry_after_ms = code.temporary().then_some(1_000);
        Self { code, message: message.into(), retry_after_ms, until: None, limit: None }
    }

    /// Sets when to try again, in milliseconds.
    #[must_use]
    pub fn after(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }

    /// Makes a `not_found`: `what` does not exist, or is not the caller's. The answer is the same for both.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what}"))
    }

    /// Makes a `suspended`: the user may send nothing until then.
    #[must_use]
    pub fn suspended(until: Timestamp) -> Self {
        let text = format!("the marketplace has suspended this account: it sends nothing until {until}");
        Self { until: Some(until), ..Self::new(ErrorCode::Suspended, text) }
    }

    /// Makes a `bad_request`: the request is malformed.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// Makes an `internal`: a part of the hub has failed; what was acknowledged is safe.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            ErrorCode::Internal,
            "something failed on our side; what was acknowledged is safe, and you may try again",
        )
    }

    /// Makes a `shutting_down`: the node is about to stop.
    #[must_use]
    pub fn shutting_down() -> Self {
        Self::new(ErrorCode::ShuttingDown, "this node is shutting down; connect again and repeat")
    }

    /// Makes the error frame that answers the request `about`.
    #[must_use]
    pub fn frame(self, about: About) -> ServerFrame {
        ServerFrame::Error(ErrorFrame {
            code: self.code,
            message: self.message,
            temporary: self.code.temporary(),
            retry_after_ms: self.retry_after_ms,
            until: self.until,
            about,
        })
    }
}

impl From<DatabaseError> for Error {
    fn from(error: DatabaseError) -> Self {
        Self::from(&error)
    }
}

impl From<&DatabaseError> for Error {
    fn from(error: &DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(_) => {
                Self::new(ErrorCode::Unavailable, "the database is away; nothing was stored, try again shortly")
            }
            DatabaseError::Unsettled(_) => Self::new(
                ErrorCode::Unavailable,
                "the database went away in the middle; repeat with the same temp_id, and it is stored once",
            ),
            DatabaseError::WentBack => Self::new(
                ErrorCode::Unavailable,
                "the database was put back to an earlier state; nothing was stored: reload, and try again",
            ),
            DatabaseError::Refused(_) => Self::internal(),
        }
    }
}
