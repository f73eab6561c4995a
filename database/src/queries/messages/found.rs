//! A page of messages as it is found, before it is made into what clients see: what both databases' searches share.

use sea_orm::sea_query::{Expr, Query, SelectStatement};

use crate::entities::chat_thread::{self, Column};
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
    /// A thread's counters.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Head of chat_thread {
        pub(crate) thread: i64 = Id,
        pub(crate) rev: i64 = Rev,
        pub(crate) last_seq: i64 = LastSeq,
    }
}

impl Head {
    /// Returns the query for a thread's counters, if the reader is a member of it.
    pub(crate) fn query(reader: UserId, thread: ThreadRef) -> SelectStatement {
        use sea_orm::sea_query::ExprTrait as _;

        let [low, high] = [Column::User1Id, Column::User2Id].map(Expr::col);
        let mut query = Query::select();
        query.columns(Self::COLUMNS.iter().copied()).from(chat_thread::Entity);
        match thread {
            ThreadRef::Thread(thread) => query.and_where(Expr::col(Column::Id).eq(thread.column())),
            ThreadRef::Pair(pair) => {
                let members = pair.members().map(UserId::column);
                query.and_where(low.clone().eq(members[0])).and_where(high.clone().eq(members[1]))
            }
        };
        query.and_where(Expr::val(reader.column()).is_in([low, high])).take()
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
