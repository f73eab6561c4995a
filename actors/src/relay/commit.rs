//! What the nodes send each other about a commit.

use std::collections::HashMap;

use chat_database::change::{Committed, Outcome, ThreadBefore};
use chat_database::history::{CommitRef, Nonce};
use chat_database::ids::{CommitNo, NotAnId, Pair, ThreadId, UserId};
use chat_database::objects::Totals;
use chat_database::time::Timestamp;

use crate::notifications::message::UserUpdate;

/// The header of a commit, which goes to all nodes: its entry in the commit log. It shows a node what it has to deliver,
/// and whether all of that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The commit.
    pub(crate) commit_ref: CommitRef,
    /// The nonce of the commit before it.
    pub(crate) nonce_before: Nonce,
    /// The newest time that any commit has written, this one among them.
    pub(crate) newest: Timestamp,
    /// The threads and users that it touched.
    pub(crate) touched: Touched,
}

/// What a commit touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Touched {
    /// The threads.
    pub(crate) threads: Vec<(ThreadId, Pair)>,
    /// The users whose notifications it touched, other than through a thread.
    pub(crate) users: Vec<UserId>,
}

impl Header {
    /// Returns the header of a commit.
    pub(crate) fn of(committed: &Committed) -> Self {
        Self {
            commit_ref: committed.commit_ref.clone(),
            nonce_before: committed.nonce_before,
            newest: committed.newest,
            touched: Touched {
                threads: committed.before.iter().map(|before| (before.thread_id, before.pair)).collect(),
                users: committed.notified.clone(),
            },
        }
    }
}

/// The content of a commit, or a part of it: what it has done to threads and notifications, as outcomes. It goes to the
/// nodes where users are connected whom it concerns. The receiving node makes the frames, for cursors and links of images
/// depend on the reader.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    /// The commit.
    pub(crate) commit: CommitNo,
    /// The nonce, which differs from that of another commit of the same number.
    pub(crate) nonce: Nonce,
    /// The parts for threads.
    pub(crate) threads: HashMap<Pair, ThreadContent>,
    /// The parts for users, also for users of whom only threads have changed.
    pub(crate) users: HashMap<UserId, UserContent>,
}

impl Content {
    /// Takes in another part of the same commit.
    pub(crate) fn add(&mut self, part: Self) {
        self.threads.extend(part.threads);
        self.users.extend(part.users);
    }
}

/// What a commit has done to a thread.
#[derive(Debug, Clone)]
pub(crate) struct ThreadContent {
    /// The thread before the commit.
    pub(crate) before: ThreadBefore,
    /// What was done, in order.
    pub(crate) outcomes: Vec<Outcome>,
}

/// What a commit has done for a user.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserContent {
    /// The user's totals after it, if it touched them.
    pub(crate) totals: Option<Totals>,
    /// The other changes of the user's notifications.
    pub(crate) update: UserUpdate,
}

/// The bytes are not what a node of this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not what a node of this version writes")]
pub(crate) struct Malformed;

impl From<NotAnId> for Malformed {
    fn from(_: NotAnId) -> Self {
        Self
    }
}
