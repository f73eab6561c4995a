//! Who is calling: tokens of the marketplace's core, tickets, and the pages that may ask.
//!
//! ```text
//!  request   where a credential stands in a request
//!  keys      the keys that tokens are verified with, each pinned to one algorithm
//!  token     what a token says
//!  ticket    what a browser shows instead of a token
//!  mint      tokens for development and tests
//!  origin    which pages may open sockets and act by cookie
//! ```

pub mod keys;
pub mod mint;
pub mod origin;
pub mod request;
mod ticket;
mod token;

use std::sync::Arc;
use std::time::Duration;

use chat_actors::Error;
use chat_actors::protocol::ErrorCode;
use chat_database::change::Ticket;
use chat_database::ids::UserId;
use chat_database::time::Timestamp;

pub use keys::{Issuer, Keys};
pub use request::Credentials;

/// How far two clocks may be apart, in seconds. For tokens alone: tickets know no leeway.
pub const LEEWAY_SECONDS: u64 = 30;

/// How long a minted ticket is good, in seconds.
pub const TICKET_SECONDS: u64 = 60;

/// How long a connection lives that was made with a ticket.
const TICKET_CONNECTION: Duration = Duration::from_secs(12 * 3600);

/// What a caller may do beyond what is their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// A person.
    #[default]
    User,
    /// A person of the marketplace's staff.
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

/// Who is calling, proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The person.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// Until when that holds: a connection is closed then.
    pub expires_at: Timestamp,
}

/// Tells who is calling. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keys: Keys,
    tickets: ticket::Secret,
}

impl Authenticator {
    /// Makes one from the keys that tokens are verified with and the secret of tickets.
    #[must_use]
    pub fn new(keys: Keys, ticket_secret: &[u8]) -> Self {
        Self(Arc::new(Shared { keys, tickets: ticket::Secret::new(ticket_secret) }))
    }

    /// Tells who a token belongs to.
    ///
    /// # Errors
    /// `unauthorized`.
    pub fn token(&self, token: &str) -> Result<Identity, Error> {
        token::verify(&self.0.keys, token)
    }

    /// Tells who a ticket belongs to, and what must be used up (with `Hub::use_ticket`) before it counts.
    ///
    /// # Errors
    /// `unauthorized`.
    pub fn ticket(&self, ticket: &str) -> Result<(Identity, Ticket), Error> {
        let now = Timestamp::now();
        let read = self.0.tickets.verify(ticket, now)?;
        let identity = Identity { user: read.user, role: Role::User, expires_at: now.after(TICKET_CONNECTION) };
        Ok((identity, Ticket { id: read.id, expires_at: read.expires_at }))
    }

    /// Makes a ticket that is good once, for [`TICKET_SECONDS`].
    #[must_use]
    pub fn mint_ticket(&self, user: UserId) -> String {
        self.0.tickets.mint(user, Timestamp::now().after(Duration::from_secs(TICKET_SECONDS)))
    }
}

/// Says that somebody could not prove who they are.
fn unauthorized(why: impl Into<String>) -> Error {
    Error::new(ErrorCode::Unauthorized, why)
}
