//! Why something was refused, and why a connection was closed: two closed lists.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a request or a frame was refused. The same list for REST and WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is not of the form that its name asks for.
    BadRequest,
    /// No such frame.
    UnknownType,
    /// `sender_id`, `from` or `user_id` is not the authenticated user.
    SenderMismatch,
    /// Neither text nor images.
    EmptyMessage,
    /// More characters than allowed.
    TextTooLong,
    /// More images than allowed.
    TooManyImages,
    /// A user cannot write to themselves.
    SelfMessage,
    /// No valid token or ticket.
    Unauthorized,
    /// The ticket has been used before.
    TicketUsed,
    /// The role does not allow it.
    Forbidden,
    /// The page's origin is not on the allow-list.
    ForbiddenOrigin,
    /// Only the author may.
    NotAuthor,
    /// Too late to edit.
    EditWindowClosed,
    /// The user is suspended: sends nothing until a time.
    Suspended,
    /// It does not exist, or is not the caller's.
    NotFound,
    /// The key was used for another message.
    TempIdConflict,
    /// The core's key was used for something else.
    Conflict,
    /// The events behind the cursor are not kept any more, or it is of another history.
    GoneCursor,
    /// The image is over the limit.
    ImageTooLarge,
    /// Not an image of a kind that is taken.
    UnsupportedMedia,
    /// The image cannot be read.
    ImageInvalid,
    /// Too many in too short a time.
    RateLimited,
    /// The node has more work than it can take.
    Overloaded,
    /// The database or the relay is away.
    Unavailable,
    /// The node is about to stop.
    ShuttingDown,
    /// A defect of the hub; what was acknowledged is safe.
    Internal,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 26] = [
        Self::BadRequest,
        Self::UnknownType,
        Self::SenderMismatch,
        Self::EmptyMessage,
        Self::TextTooLong,
        Self::TooManyImages,
        Self::SelfMessage,
        Self::Unauthorized,
        Self::TicketUsed,
        Self::Forbidden,
        Self::ForbiddenOrigin,
        Self::NotAuthor,
        Self::EditWindowClosed,
        Self::Suspended,
        Self::NotFound,
        Self::TempIdConflict,
        Self::Conflict,
        Self::GoneCursor,
        Self::ImageTooLarge,
        Self::UnsupportedMedia,
        Self::ImageInvalid,
        Self::RateLimited,
        Self::Overloaded,
        Self::Unavailable,
        Self::ShuttingDown,
        Self::Internal,
    ];

    /// Returns the HTTP status that carries it.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest
            | Self::UnknownType
            | Self::SenderMismatch
            | Self::EmptyMessage
            | Self::TextTooLong
            | Self::TooManyImages
            | Self::SelfMessage => 400,
            Self::Unauthorized | Self::TicketUsed => 401,
            Self::Forbidden | Self::ForbiddenOrigin | Self::NotAuthor | Self::EditWindowClosed | Self::Suspended => 403,
            Self::NotFound => 404,
            Self::TempIdConflict | Self::Conflict => 409,
            Self::GoneCursor => 410,
            Self::ImageTooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::ImageInvalid => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Overloaded | Self::Unavailable | Self::ShuttingDown => 503,
        }
    }

    /// Tells whether the same request may succeed later. The same `temp_id` may be sent again, safely.
    #[must_use]
    pub const fn temporary(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded | Self::Unavailable | Self::ShuttingDown | Self::Internal)
    }

    /// Returns the name on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::UnknownType => "unknown_type",
            Self::SenderMismatch => "sender_mismatch",
            Self::EmptyMessage => "empty_message",
            Self::TextTooLong => "text_too_long",
            Self::TooManyImages => "too_many_images",
            Self::SelfMessage => "self_message",
            Self::Unauthorized => "unauthorized",
            Self::TicketUsed => "ticket_used",
            Self::Forbidden => "forbidden",
            Self::ForbiddenOrigin => "forbidden_origin",
            Self::NotAuthor => "not_author",
            Self::EditWindowClosed => "edit_window_closed",
            Self::Suspended => "suspended",
            Self::NotFound => "not_found",
            Self::TempIdConflict => "temp_id_conflict",
            Self::Conflict => "conflict",
            Self::GoneCursor => "gone_cursor",
            Self::ImageTooLarge => "image_too_large",
            Self::UnsupportedMedia => "unsupported_media",
            Self::ImageInvalid => "image_invalid",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::ShuttingDown => "shutting_down",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Why the hub closed a connection. 4000–4499: come back, with back-off and the cursor.
/// 4500–4999: do not come back as you are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CloseCode {
    /// The server is shutting down; the reason is the suggested delay in milliseconds.
    ShuttingDown,
    /// The outbox was full: the client reads too slowly.
    TooSlow,
    /// No sign of life.
    NoPong,
    /// A defect of the hub; what was acknowledged is safe.
    Internal,
    /// The token has expired.
    TokenExpired,
    /// No valid token or ticket.
    Unauthorized,
    /// Binary, not JSON, or three bad frames in a row.
    NotTheProtocol,
    /// A frame over the limit.
    FrameTooLarge,
    /// Kept sending after `rate_limited`.
    Flooding,
    /// This user has too many connections.
    TooManyConnections,
    /// The staff has ended the user's sessions: tokens from before are not taken any more.
    SessionsEnded,
}

impl CloseCode {
    /// Every code.
    pub const ALL: [Self; 11] = [
        Self::ShuttingDown,
        Self::TooSlow,
        Self::NoPong,
        Self::Internal,
        Self::TokenExpired,
        Self::Unauthorized,
        Self::NotTheProtocol,
        Self::FrameTooLarge,
        Self::Flooding,
        Self::TooManyConnections,
        Self::SessionsEnded,
    ];

    /// Returns the number on the wire (RFC 6455, 7.4.2: 4000–4999 are the application's).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::ShuttingDown => 4001,
            Self::TooSlow => 4002,
            Self::NoPong => 4003,
            Self::Internal => 4004,
            Self::TokenExpired => 4005,
            Self::Unauthorized => 4500,
            Self::NotTheProtocol => 4501,
            Self::FrameTooLarge => 4502,
            Self::Flooding => 4503,
            Self::TooManyConnections => 4504,
            Self::SessionsEnded => 4505,
        }
    }

    /// Returns the reason's usual text.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ShuttingDown => "server is shutting down",
            Self::TooSlow => "too slow: outbox full",
            Self::NoPong => "no pong",
            Self::Internal => "internal error, state is safe",
            Self::TokenExpired => "token expired",
            Self::Unauthorized => "unauthorized",
            Self::NotTheProtocol => "not the protocol",
            Self::FrameTooLarge => "frame too large",
            Self::Flooding => "flooding",
            Self::TooManyConnections => "too many connections of this user",
            Self::SessionsEnded => "sessions ended: sign in again",
        }
    }

    /// Tells whether the client should come back as it is.
    #[must_use]
    pub const fn reconnect(self) -> bool {
        self.code() < 4500
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseCode, ErrorCode};

    #[test]
    fn a_code_is_written_as_it_is_named() {
        for code in ErrorCode::ALL {
            let written = serde_json::to_string(&code).expect("a code is a string");
            assert_eq!(written, format!("\"{code}\""));
        }
    }

    #[test]
    fn temporary_errors_are_those_that_http_calls_retryable() {
        for code in ErrorCode::ALL {
            assert_eq!(code.temporary(), matches!(code.status(), 429 | 500 | 503), "{code}");
        }
    }

    #[test]
    fn close_codes_say_by_their_range_whether_to_come_back() {
        for code in CloseCode::ALL {
            assert_eq!(code.reconnect(), (4000..4500).contains(&code.code()), "{code:?}");
            assert!(code.reason().len() <= 123, "RFC 6455, 5.5: a control frame carries at most 125 bytes");
        }
    }
}
