//! What the edge asks of the hub on behalf of operators, and for the audit log.

use std::net::IpAddr;
use std::sync::Arc;

use chat_database::consumers::Consumer;
use chat_database::ids::{CommitNo, UserId};
use chat_database::nodes::{self, Node};
use chat_database::queries::{consumers, webhooks};
use chat_database::time::Timestamp;
use chat_database::webhooks::Webhook;
use tokio::time::Instant;

use super::Hub;
use crate::admin::Admin;
use crate::audit::AuditLog;
use crate::error::Error;
use crate::rate_limit::counted_as;

/// Where a user is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// Whether the user is online, on whichever node.
    pub online: bool,
    /// How many connections the user has on this node.
    pub connections: usize,
    /// The other nodes on which the user is, as far as they have said so.
    pub nodes: Vec<Arc<str>>,
}

/// What the database knows of the nodes and of the consumers of events.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The nodes, also dead ones; none with SQLite.
    pub nodes: Vec<Node>,
    /// The consumers of events, by name.
    pub consumers: Vec<(String, Consumer)>,
    /// The webhooks.
    pub webhooks: Vec<Webhook>,
}

impl Hub {
    /// Returns the operator's acts on users and conversations.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.0.admin
    }

    /// Returns the handle of the audit log.
    #[must_use]
    pub fn audit(&self) -> &AuditLog {
        &self.0.audit
    }

    /// Checks that a user's token which was issued at that time is still valid. A ticket counts as issued one ticket
    /// lifetime before its expiry.
    ///
    /// # Errors
    /// `unauthorized` if the user's sessions were ended since.
    pub fn check_token(&self, user: UserId, issued_at: Option<Timestamp>) -> Result<(), Error> {
        self.0.restrictions.check_token(user, issued_at)
    }

    /// Counts a request of an address that showed no valid token, or needed none.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn check_address_rate(&self, address: Option<IpAddr>) -> Result<(), Error> {
        let Some(address) = address else { return Ok(()) };
        self.0.limiters.unauthenticated.take(counted_as(address), Instant::now())
    }

    /// Tells whether this node is about to end.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.has_started()
    }

    /// Returns the newest commit whose delivery has begun on this node, and the released commit.
    #[must_use]
    pub fn commits(&self) -> (CommitNo, CommitNo) {
        (self.0.frontier.newest().commit, self.0.frontier.released())
    }

    /// Reads which nodes, consumers of events and webhooks the database knows.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn surroundings(&self) -> Result<Surroundings, Error> {
        let db = &self.0.database;
        let (nodes, consumers) = (nodes::all(db).await?, consumers::all(db).await?);
        Ok(Surroundings { nodes, consumers, webhooks: webhooks::all(db).await? })
    }

    /// Returns where a user is connected.
    #[must_use]
    pub fn whereabouts(&self, user: UserId) -> Whereabouts {
        let presence = &self.0.presence;
        let nodes = presence.remote().nodes_of(user);
        let connections = self.0.sessions.connections.connections(user);
        Whereabouts { online: presence.is_online(user), connections, nodes }
    }
}
