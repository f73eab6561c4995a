//! Authentication: tokens of the marketplace's core, tickets, and the origins of pages.
//!
//! ```text
//!  authenticate  verifies the credentials of a request or a connection, and audits and counts refusals
//!  request       finds the credentials of a request
//!  keys          the keys that verify tokens, each pinned to one algorithm
//!  token         verifies a token and reads its claims
//!  ticket        makes and verifies tickets, which browsers use instead of a token in a URL
//!  mint          makes tokens for development and tests
//!  identity      the verified caller
//!  origin        the origins whose pages may open sockets and write by cookie
//! ```

mod authenticate;
mod identity;
pub mod keys;
pub mod mint;
pub mod origin;
pub mod request;
mod ticket;
mod token;

use std::sync::Arc;
use std::time::Duration;

use chat_actors::Error;
use chat_database::change::Ticket;
use chat_database::ids::UserId;
use chat_database::time::Timestamp;

pub use authenticate::{Purpose, authenticate};
pub use identity::{Identity, LEEWAY_SECONDS, Role};
pub use keys::{Issuer, Keys};
pub use request::Credentials;

/// The lifetime of a ticket, in seconds.
pub const TICKET_SECONDS: u64 = 60;

/// The lifetime of a connection that was authenticated by a ticket.
const TICKET_CONNECTION: Duration = Duration::from_secs(12 * 3600);

/// Verifies tokens and tickets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keys: Keys,
    tickets: ticket::Secret,
}

impl Authenticator {
    /// Makes an authenticator of the keys that verify tokens and the secret of tickets.
    #[must_use]
    pub fn new(keys: Keys, ticket_secret: &[u8]) -> Self {
        Self(Arc::new(Shared { keys, tickets: ticket::Secret::new(ticket_secret) }))
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// `unauthorized`.
    pub fn token(&self, token: &str) -> Result<Identity, Error> {
        token::verify(&self.0.keys, token)
    }

    /// Verifies a ticket. It must be used up (by `Hub::use_ticket`) before the identity counts.
    ///
    /// # Errors
    /// `unauthorized`.
    pub fn ticket(&self, ticket: &str) -> Result<(Identity, Ticket), Error> {
        let now = Timestamp::now();
        let read = self.0.tickets.verify(ticket, now)?;
        let issued_at = Some(read.expires_at.before(Duration::from_secs(TICKET_SECONDS)));
        let identity =
            Identity { user: read.user, role: Role::User, issued_at, expires_at: now.after(TICKET_CONNECTION) };
        Ok((identity, Ticket { id: read.id, expires_at: read.expires_at }))
    }

    /// Makes a ticket, which is valid once and for [`TICKET_SECONDS`].
    #[must_use]
    pub fn mint_ticket(&self, user: UserId) -> String {
        self.0.tickets.mint(user, Timestamp::now().after(Duration::from_secs(TICKET_SECONDS)))
    }
}
