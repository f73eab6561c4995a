//! What a thread receives, and how a request reaches it.

use std::sync::Arc;
use std::time::Instant;

use chat_database::change::{Change, Outcome, ThreadBefore};
use chat_database::ids::{CommitNo, Pair, ThreadId, UserId};

use super::typing::Signal;
use crate::connections::ConnectionId;
use crate::delivery_frontier::DeliveryGuard;
use crate::registry::ActorRegistry;
use crate::requester::Requester;

/// The threads that are running, by their members.
pub(crate) type ThreadRegistry = ActorRegistry<Pair, ThreadMsg>;

/// A message to a thread.
#[derive(Debug)]
pub(crate) enum ThreadMsg {
    /// Through the registry: a user begins or stops to write on a connection, or disconnects.
    Typing { who: UserId, connection: ConnectionId, thread_id: ThreadId, signal: Signal },
    /// Through the registry: commits of other nodes, up to this one, touched the thread.
    Follow(CommitNo, DeliveryGuard),
    /// From storage: the outcomes of the thread's requests in one commit.
    Committed(ThreadOutcomes, DeliveryGuard),
    /// From itself: a user may have stopped writing without saying so.
    TypingDue,
    /// From itself: time to stop, if nothing has happened for long.
    Idle,
    #[cfg(feature = "failpoints")]
    Fail,
}

/// The outcomes of a thread's requests in one commit.
#[derive(Debug)]
pub(crate) struct ThreadOutcomes {
    pub(crate) no: CommitNo,
    /// When the commit stood, for the last thread that it is dispatched to: the time until then is measured.
    pub(crate) committed_at: Option<Instant>,
    /// Where the thread stood before; `None` if the commit did not touch it.
    pub(crate) before: Option<ThreadBefore>,
    pub(crate) parts: Vec<(Requester, Outcome)>,
}

/// Returns the members of the thread that a change is about.
pub(crate) fn pair_of(change: &Change) -> Option<Pair> {
    match change {
        Change::Send(send) => Some(send.pair),
        Change::Edit(edit) => Some(edit.pair),
        Change::Delete(delete) => Some(delete.pair),
        Change::Receipt(receipt) => Some(receipt.pair),
        _ => None,
    }
}

/// Hands a request to storage.
pub(crate) fn request(
    storage: &crate::storage::handle::StorageHandle,
    _pair: Pair,
    change: Change,
    requester: Requester,
) {
    storage.write(crate::storage::message::WriteRequest {
        change,
        reply: crate::storage::message::WriteReply::Thread(requester),
    });
}
