//! The verified caller.

use chat_actors::Error;
use chat_actors::protocol::ErrorCode;
use chat_database::ids::UserId;
use chat_database::time::Timestamp;

/// The tolerated difference of two clocks, in seconds. It applies to tokens; tickets have no leeway.
pub const LEEWAY_SECONDS: u64 = 30;

/// The role of a caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// A user.
    #[default]
    User,
    /// A member of the marketplace's staff.
    Admin,
    /// The marketplace's core.
    Service,
}

impl Role {
    /// Returns the name in the claim `role`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Service => "service",
        }
    }
}

/// A verified caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserId,
    /// The role.
    pub role: Role,
    /// When the token was issued, if it says so; for a ticket: its expiry minus the lifetime of tickets.
    pub issued_at: Option<Timestamp>,
    /// When the credentials expire: a connection is closed then.
    pub expires_at: Timestamp,
}

/// Makes the error of a caller whose credentials are missing or invalid.
pub(super) fn unauthorized(why: impl Into<String>) -> Error {
    Error::new(ErrorCode::Unauthorized, why)
}
