//! A commit that waits, and the node that it waits at.

use chat_database::history::{Mark, Nonce};
use chat_database::ids::{CommitNo, UserId};
use chat_database::time::Timestamp;
use tokio::time::Instant;

use crate::relay::commit::Touched;

/// What the assembly reads of its node.
pub(crate) trait Node {
    /// Returns the highest commit with every commit up to it on its way to the connections of this node.
    fn unbroken(&self) -> CommitNo;
    /// Returns the highest commit that is on its way.
    fn newest(&self) -> CommitNo;
    /// Returns the nonce of a commit that is, or was, on its way.
    fn nonce_of(&self, commit: CommitNo) -> Option<Nonce>;
    /// Tells whether a user is connected to this node.
    fn is_connected(&self, user: UserId) -> bool;
}

/// A commit that waits.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) nonce: Nonce,
    /// The nonce of the commit before it, if the header has come from its node.
    pub(super) nonce_before: Option<Nonce>,
    /// What its node says of the history, if the header has come from there.
    pub(super) named: Option<(Mark, Timestamp)>,
    pub(super) touched: Touched,
    pub(super) since: Instant,
    /// From when on what has not come is read.
    pub(super) read_from: Instant,
}
