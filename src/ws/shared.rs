//! The state that all connections share.

use std::sync::Arc;
use std::time::Duration;

use chat_actors::Hub;
use tokio::sync::Semaphore;

use super::rejection_log::RejectionLog;
use crate::auth::{Authenticator, origin};
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
}

impl Sockets {
    /// Makes the sockets of a hub.
    #[must_use]
    pub fn new(hub: Hub, options: Options, shutdown: Shutdown) -> Self {
        let Options { authenticator, origins, base_path, connections } = options;
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
        }))
    }
}
