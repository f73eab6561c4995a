//! A group commit that stands.

use super::Outcome;
use crate::history::{CommitRef, Nonce};
use crate::ids::{CommitNo, Pair, Rev, ThreadId, UserId};
use crate::objects::Totals;
use crate::time::Timestamp;

/// A group commit that stands.
#[derive(Debug)]
pub struct Committed {
    /// Its number, and in which history.
    pub commit_ref: CommitRef,
    /// The nonce of the commit before it.
    pub nonce_before: Nonce,
    /// The newest time that any commit has written, this one among them.
    pub newest: Timestamp,
    /// The outcome of each change, in the order given.
    pub outcomes: Vec<Outcome>,
    /// For each thread that got new messages or changes: where it stood before this commit.
    pub before: Vec<ThreadBefore>,
    /// The unread totals of all users whose totals this commit touched.
    pub totals: Vec<(UserId, Totals)>,
    /// Threads whose chat notification appeared, changed or was read, and for whom.
    pub chat_notifications: Vec<(UserId, ThreadId)>,
    /// Users whose notifications it touched, other than through a thread.
    pub notified: Vec<UserId>,
}

/// Where a thread stood before a commit touched it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadBefore {
    /// The thread.
    pub pair: Pair,
    /// Its id.
    pub thread_id: ThreadId,
    /// Its change counter.
    pub rev: Rev,
    /// The commit that touched it last.
    pub commit: CommitNo,
}
