//! What a thread receives.

use std::sync::Arc;
use std::time::Instant;

use chat_database::change::{Outcome, ThreadBefore};
use chat_database::ids::{CommitNo, Pair, ThreadId, UserId};

use super::typing::Signal;
use crate::connections::ConnectionId;
use crate::delivery_frontier::DeliveryGuard;
use crate::follower::handle::ReadGuard;
use crate::registry::ActorRegistry;
use crate::relay::commit::ThreadContent;
use crate::requester::Requester;

/// The threads that are running, by their members.
pub(crate) type ThreadRegistry = ActorRegistry<Pair, ThreadMsg>;

/// A message to a thread.
#[derive(Debug)]
pub(crate) enum ThreadMsg {
    /// Through the registry: a user begins or stops to write on a connection, or disconnects.
    Typing { who: UserId, connection: ConnectionId, thread_id: ThreadId, signal: Signal },
    /// Through the registry: a user begins or stops to write on another node.
    TypingElsewhere { who: UserId, node: Arc<str>, thread_id: ThreadId, on: bool },
    /// Through the registry: what commits of other nodes have done to the thread.
    Heard(Vec<(CommitNo, ThreadContent)>, DeliveryGuard),
    /// Through the registry: commits of other nodes, up to this one, touched the thread; what they did is to be read.
    Follow(CommitNo, DeliveryGuard, ReadGuard),
    /// Through the registry: the outcomes of the thread's changes in one commit of this node.
    Committed(ThreadOutcomes, DeliveryGuard),
    /// From itself: a user may have stopped writing without saying so.
    TypingDue,
    /// From itself: time to stop, if nothing has happened for long.
    Idle,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// The outcomes of a thread's changes in one commit of this node.
#[derive(Debug)]
pub(crate) struct ThreadOutcomes {
    pub(crate) no: CommitNo,
    /// When the commit stood, for the last thread that it is dispatched to: the time until then is measured.
    pub(crate) committed_at: Option<Instant>,
    /// Where the thread stood before; `None` if the commit did not touch it.
    pub(crate) before: Option<ThreadBefore>,
    pub(crate) parts: Vec<(Requester, Outcome)>,
}
