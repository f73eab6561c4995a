//! What has changed, as it is read.

use crate::ids::{CommitNo, NotificationId, Rev, Seq, ThreadId, UserId};
use crate::objects::{Message, Notification};
use crate::time::Timestamp;

/// A message that changed.
#[derive(Debug, Clone)]
pub struct ChangedMessage {
    /// The commit of its last change.
    pub commit: CommitNo,
    /// The commit that created it.
    pub created: CommitNo,
    /// Its present state.
    pub message: Message,
}

/// A member's watermarks that changed.
#[derive(Debug, Clone, Copy)]
pub struct ChangedWatermarks {
    /// The commit of the last change.
    pub commit: CommitNo,
    /// The thread.
    pub thread_id: ThreadId,
    /// The member whose watermarks they are.
    pub user: UserId,
    /// Received up to here.
    pub delivered_seq: Seq,
    /// When that last moved.
    pub delivered_at: Option<Timestamp>,
    /// Read up to here.
    pub read_seq: Seq,
    /// When that last moved.
    pub read_at: Option<Timestamp>,
    /// The commit in which `read_seq` last moved; zero if never.
    pub read_commit: CommitNo,
    /// The commit in which `delivered_seq` last moved; zero if never.
    pub delivered_commit: CommitNo,
}

/// A notification that changed.
#[derive(Debug, Clone)]
pub struct ChangedNotification {
    /// The commit of its last change.
    pub commit: CommitNo,
    /// The commit that created it.
    pub created: CommitNo,
    /// Its id.
    pub id: NotificationId,
    /// Its present state, or `None` if it was deleted.
    pub notification: Option<Notification>,
}

/// What has changed for a user since a commit.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// By thread, then ascending by `rev`.
    pub messages: Vec<ChangedMessage>,
    /// Watermarks of both members of the user's threads.
    pub watermarks: Vec<ChangedWatermarks>,
    /// The user's notifications, oldest change first.
    pub notifications: Vec<ChangedNotification>,
}

/// A page of what has changed.
#[derive(Debug, Clone)]
pub struct Page {
    /// What has changed, up to `end`.
    pub changes: Changes,
    /// The commit up to which this is everything, if there is more.
    pub end: Option<CommitNo>,
}

impl Page {
    pub(super) fn of(changes: Changes, end: Option<i64>) -> Self {
        Self { changes, end: end.map(CommitNo::from_column) }
    }
}

/// What has changed in a thread.
#[derive(Debug, Clone, Default)]
pub struct ThreadChanges {
    /// Ascending by `rev`.
    pub messages: Vec<ChangedMessage>,
    /// Of both members.
    pub watermarks: Vec<ChangedWatermarks>,
    /// The thread's change counter.
    pub rev: Rev,
    /// Whether the thread was made after `since`.
    pub opened: bool,
}
