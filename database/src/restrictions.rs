//! Restrictions of users, and what operators write.

use std::time::Duration;

use crate::audit::NewEntry;
use crate::ids::{CommitNo, UserId};
use crate::time::Timestamp;

/// What a user may not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// The user.
    pub user: UserId,
    /// Until then the user sends nothing; also a time that has passed.
    pub suspended_until: Option<Timestamp>,
    /// Why, as the staff wrote it.
    pub reason: Option<String>,
    /// Tokens that were issued before, or in the same second, are not taken.
    pub tokens_from: Option<Timestamp>,
}

/// Users whose sessions were ended, and the commit that changed a restriction last; zero: none ever did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedSessions {
    /// The commit. What it changed is in `users`; what later ones changed may be.
    pub as_of: CommitNo,
    /// The users, with the time from which on their tokens count again.
    pub users: Vec<(UserId, Timestamp)>,
}

/// Something that operators write. A restriction and its entry of the audit log are one commit.
#[derive(Debug, Clone)]
pub enum AdminChange {
    /// Entries of the audit log, in order.
    Note(Vec<NewEntry>),
    /// A user sends nothing until a time, for a reason; `None`: the suspension ends.
    Suspend(UserId, Option<(Timestamp, String)>, NewEntry),
    /// Tokens of a user that were issued up to now are not taken any more.
    EndSessions(UserId, NewEntry),
    /// Rows of the audit log that are older than this are removed, at most
    /// [`SWEPT_AT_ONCE`](crate::audit::SWEPT_AT_ONCE); the entry gets its detail then.
    SweepAudit(Duration, NewEntry),
}
