//! A page of messages as it is found, before it is made into what clients see: what both databases' searches share.

use sea_orm::Value;

use crate::ids::{Pair, ThreadId, UserId};
use crate::message_rows::StoredMessage;
use crate::rows::row;

/// A thread, by its id or by its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadRef {
    /// By its id.
    Thread(ThreadId),
    /// The one of two people.
    Pair(Pair),
}

impl From<ThreadId> for ThreadRef {
    fn from(thread: ThreadId) -> Self {
        Self::Thread(thread)
    }
}

row! {
    /// Where a thread stands.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Head {
        pub(crate) thread: i64,
        pub(crate) rev: i64,
        pub(crate) last_seq: i64,
    }
}

impl Head {
    /// Returns the query for where a thread stands, if the reader is a member of it, and its values.
    pub(crate) fn query(reader: UserId, thread: ThreadRef) -> (String, Vec<Value>) {
        const HEAD: &str = "SELECT id, rev, last_seq FROM chat_threads";
        const READABLE: &str = "? IN (user1_id, user2_id)";
        let reader = Value::from(reader.column());
        match thread {
            ThreadRef::Thread(thread) => {
                (format!("{HEAD} WHERE id = ? AND {READABLE}"), vec![thread.column().into(), reader])
            }
            ThreadRef::Pair(pair) => {
                let [low, high] = pair.members().map(|user| Value::from(user.column()));
                (format!("{HEAD} WHERE user1_id = ? AND user2_id = ? AND {READABLE}"), vec![low, high, reader])
            }
        }
    }
}

/// The messages that were found for a page.
pub(crate) struct Found {
    pub(crate) head: Head,
    /// At the most one more than the reader wants.
    pub(crate) messages: Vec<StoredMessage>,
    /// Whether there is more than fits into a page.
    pub(crate) cut: bool,
}

/// A side of a place in a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    /// The messages up to this `seq`.
    UpTo(i64),
    /// The messages above this `seq`.
    Above(i64),
}

impl Side {
    /// Returns the `most` places that are nearest in a thread, if it has them: the place above which they begin, and the last.
    pub(crate) fn range(self, last_seq: i64, most: i64) -> [i64; 2] {
        match self {
            Self::UpTo(seq) => [seq.min(last_seq) - most, seq.min(last_seq)],
            Self::Above(seq) => [seq, seq.saturating_add(most)],
        }
    }
}
