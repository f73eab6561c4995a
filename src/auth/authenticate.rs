//! Authenticates the caller of a request or of a connection: the one path of both halves of the edge.

use std::net::IpAddr;

use chat_actors::{Error, Hub};
use chat_database::audit::Act;
use chat_database::change::Ticket;

use super::{Authenticator, Credentials, Identity, Role};

/// What credentials are shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A request. The core's token names a user because every token does: it is no session of that user, and the end of the
    /// user's sessions does not concern it.
    Request,
    /// A connection: whatever the role, it is a session of the user.
    Connection,
}

/// Verifies credentials, and that the sessions of their user were not ended since they were issued; a ticket must still be used
/// up. A refusal goes into the audit log, and counts against the rate of the client address.
///
/// # Errors
/// `unauthorized`; `rate_limited` if the address exceeds its rate.
pub fn authenticate(
    shown: &Credentials,
    by: &Authenticator,
    hub: &Hub,
    client: Option<IpAddr>,
    purpose: Purpose,
) -> Result<(Identity, Option<Ticket>), Error> {
    let verified = shown.verify(by).and_then(|(identity, ticket)| {
        if purpose == Purpose::Connection || identity.role != Role::Service {
            hub.check_token(identity.user, identity.issued_at)?;
        }
        Ok((identity, ticket))
    });
    let what = if matches!(shown, Credentials::Ticket(_)) { Act::TicketRefused } else { Act::TokenRefused };
    verified.map_err(|refused| {
        hub.audit().refused(what, client.map(|client| client.to_string()), &refused.message);
        hub.check_address_rate(client).err().unwrap_or(refused)
    })
}
