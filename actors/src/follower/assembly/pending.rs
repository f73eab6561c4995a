//! A commit that waits for delivery, and what the assembly needs to know of its node.

use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, UserId};
use chat_database::time::Timestamp;
use tokio::time::Instant;

use crate::relay::commit::Touched;

/// What the assembly reads of its node.
pub(crate) trait Node {
    /// Returns the highest commit such that it and all before it were dispatched on this node, and none was lost.
    fn unbroken(&self) -> CommitNo;
    /// Returns the highest commit whose delivery has begun.
    fn newest(&self) -> CommitNo;
    /// Returns the nonce of a commit whose delivery has begun, as long as it is remembered.
    fn nonce_of(&self, commit: CommitNo) -> Option<Nonce>;
    /// Tells whether a user is connected to this node.
    fn is_connected(&self, user: UserId) -> bool;
    /// Tells whether so many reads for earlier commits are under way that a commit which must be read waits, to be read together with
    /// those behind it.
    fn has_enough_reads(&self) -> bool;
}

/// A commit that waits for delivery.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) nonce: Nonce,
    /// The nonce of the commit before it, if the header came over the relay.
    pub(super) nonce_before: Option<Nonce>,
    /// The commit and the newest time that the header names, if it came over the relay.
    pub(super) named: Option<(CommitRef, Timestamp)>,
    pub(super) touched: Touched,
    pub(super) since: Instant,
    /// From when on a content that has not come is read from the database.
    pub(super) read_from: Instant,
}
