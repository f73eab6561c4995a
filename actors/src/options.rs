//! Options of a hub.

use std::time::Duration;

use chat_database::nodes::NodeId;

use crate::images;
use crate::outbox::Capacity;
use crate::protocol::server::Limits;
use crate::rate_limit::Rates;
use crate::relay;
use crate::webhooks;

/// Options of a hub.
#[derive(Debug, Clone)]
pub struct Options {
    /// The node's name, and the incarnation of this process.
    pub node: NodeId,
    /// What a connection may send.
    pub limits: Limits,
    /// How many messages a user may send at once before the rate counts.
    pub burst: u32,
    /// How often a user may make other requests.
    pub rates: Rates,
    /// How many connections a user may have.
    pub connections_per_user: usize,
    /// How long after its creation a message may be edited.
    pub edit_window: Duration,
    /// How much each connection's outbox holds.
    pub outbox: Capacity,
    /// How many writes may wait for storage.
    pub writes: usize,
    /// How often the hub asks the database for commits of other nodes.
    pub commit_poll_interval: Duration,
    /// How long a thread keeps running without anything to do.
    pub thread_idle: Duration,
    /// How long after the last connection a user counts as gone.
    pub offline_after: Duration,
    /// How often the hub pings, as clients are told.
    pub heartbeat: Duration,
    /// Options for images.
    pub images: images::Options,
    /// How the hub is joined to the other nodes of its database.
    pub relay: relay::Options,
    /// How long rows of the audit log are kept.
    pub audit_kept: Duration,
    /// How often older rows are removed: [`crate::audit::SWEEP`].
    pub audit_sweep: Duration,
    /// How webhooks are sent.
    pub webhooks: webhooks::Options,
}
