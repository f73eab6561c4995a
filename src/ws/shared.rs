//! The state that all connections share.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chat_actors::{Error, Hub};
use chat_database::audit::Act;
use chat_database::change::Ticket;
use tokio::sync::Semaphore;

use super::rejection_log::RejectionLog;
use crate::auth::{Authenticator, Credentials, Identity, Purpose, Role, authenticate, origin};
use crate::client_address::TrustedProxies;
use crate::shutdown::Shutdown;

/// How long a connection may take to authenticate.
const AUTH_WITHIN: Duration = Duration::from_secs(10);

/// The state that all connections share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sockets(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) hub: Hub,
    pub(super) authenticator: Authenticator,
    pub(super) origins: origin::Policy,
    pub(super) base_path: String,
    pub(super) connection_permits: Arc<Semaphore>,
    pub(super) shutdown: Shutdown,
    pub(super) auth_within: Duration,
    pub(super) rejections: RejectionLog,
    pub(super) proxies: TrustedProxies,
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Source {
    /// The peer address of the connection: the proxy's, if there is a proxy.
    pub(super) peer: Option<SocketAddr>,
    /// The client's address, as far as it can be trusted.
    pub(super) client: Option<IpAddr>,
}

/// The settings of the WebSocket half.
#[derive(Debug, Clone)]
pub struct Options {
    /// Verifies tokens and tickets.
    pub authenticator: Authenticator,
    /// The origins whose pages may open sockets.
    pub origins: origin::Policy,
    /// The prefix of every path; empty, or `/api`.
    pub base_path: String,
    /// The maximum number of open WebSocket connections.
    pub connections: usize,
    /// The proxies whose `X-Forwarded-For` counts.
    pub proxies: TrustedProxies,
}

impl Sockets {
    /// Makes the sockets of a hub.
    #[must_use]
    pub fn new(hub: Hub, options: Options, shutdown: Shutdown) -> Self {
        let Options { authenticator, origins, base_path, connections, proxies } = options;
        let connection_permits = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Self(Arc::new(Shared {
            hub,
            authenticator,
            origins,
            base_path,
            connection_permits,
            shutdown,
            auth_within: AUTH_WITHIN,
            rejections: RejectionLog::default(),
            proxies,
        }))
    }
}

impl Shared {
    /// Verifies credentials; a ticket must still be used up. A refusal goes into the audit log.
    pub(super) fn verify(
        &self,
        shown: &Credentials,
        client: Option<IpAddr>,
    ) -> Result<(Identity, Option<Ticket>), Error> {
        authenticate(shown, &self.authenticator, &self.hub, client, Purpose::Connection)
    }

    /// Uses a ticket up. A refusal, as of a ticket that was used before, goes into the audit log.
    pub(super) async fn use_up(&self, ticket: Ticket, client: Option<IpAddr>) -> Result<(), Error> {
        self.hub.use_ticket(ticket).await.inspect_err(|refused| {
            if !refused.code.temporary() {
                self.hub.audit().refused(Act::TicketRefused, shown_address(client), &refused.message);
            }
        })
    }

    /// Counts in the audit log a connection that a token of the role `admin` or `service` has opened.
    pub(super) fn note_connection(&self, identity: &Identity, client: Option<IpAddr>) {
        if identity.role != Role::User {
            let who = format!("{}:{}", identity.role.as_str(), identity.user);
            self.hub.audit().read(Act::ChatConnect, who, shown_address(client), 1);
        }
    }
}

fn shown_address(client: Option<IpAddr>) -> Option<String> {
    client.map(|client| client.to_string())
}
