//! A thread's members, and the thread of two people.

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryTrait};

use crate::driver_error::error;
use crate::entities::{chat_message, chat_thread};
use crate::ids::{MessageId, Pair, ThreadId, UserId};
use crate::message_rows;
use crate::rows::{Reads, row};
use crate::time::Timestamp;
use crate::{Database, Error};

/// Returns the two members of a thread, if there is such a thread.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn members(db: &Database, thread: ThreadId) -> Result<Option<Pair>, Error> {
    let query = chat_thread::Entity::find_by_id(thread.column()).into_query();
    let found = (&db.readers).select_one::<chat_thread::Model>(&query).await.map_err(error)?;
    Ok(found.and_then(|thread| pair(thread.user1_id, thread.user2_id)))
}

/// Returns the thread of two people, if they have one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of_pair(db: &Database, pair: Pair) -> Result<Option<ThreadId>, Error> {
    let [low, high] = pair.members();
    let query = chat_thread::Entity::find()
        .filter(chat_thread::Column::User1Id.eq(low.column()))
        .filter(chat_thread::Column::User2Id.eq(high.column()))
        .into_query();
    let found = (&db.readers).select_one::<chat_thread::Model>(&query).await.map_err(error)?;
    Ok(found.map(|thread| ThreadId::from_column(thread.id)))
}

/// What must be known of a message before it may be changed.
#[derive(Debug, Clone, Copy)]
pub struct Authorship {
    /// Its thread's members.
    pub pair: Pair,
    /// Its thread.
    pub thread_id: ThreadId,
    /// Its author; `None`: the marketplace itself.
    pub sender: Option<UserId>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Whether it is deleted.
    pub deleted: bool,
}

row! {
    /// A message's author and thread.
    struct AuthorshipRow {
        thread: ThreadRow,
        message: MessageRow,
    }
}

row! {
    /// A thread and its members.
    pub(super) struct ThreadRow of chat_thread {
        id: i64 = Id,
        user1_id: i64 = User1Id,
        user2_id: i64 = User2Id,
    }
}

impl ThreadRow {
    /// Returns the thread and its members.
    pub(super) fn members(&self) -> Option<(ThreadId, Pair)> {
        Some((ThreadId::from_column(self.id), pair(self.user1_id, self.user2_id)?))
    }
}

row! {
    struct MessageRow of chat_message {
        sender_id: i64 = SenderId,
        created_at: i64 = CreatedAt,
        deleted_at: Option<i64> = DeletedAt,
    }
}

/// Returns the author of a message, with its thread and its age.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn authorship(db: &Database, message: MessageId) -> Result<Option<Authorship>, Error> {
    let thread = Expr::col((chat_thread::Entity, chat_thread::Column::Id));
    let query = Query::select()
        .columns(ThreadRow::COLUMNS.iter().map(|column| (chat_thread::Entity, *column)))
        .columns(MessageRow::COLUMNS.iter().map(|column| (chat_message::Entity, *column)))
        .from(chat_message::Entity)
        .inner_join(chat_thread::Entity, thread.equals((chat_message::Entity, chat_message::Column::ThreadId)))
        .and_where(chat_message::Column::Id.eq(message.column()))
        .take();
    let row = (&db.readers).select_one::<AuthorshipRow>(&query).await.map_err(error)?;
    Ok(row.and_then(|AuthorshipRow { thread, message }| {
        let (thread_id, pair) = thread.members()?;
        Some(Authorship {
            pair,
            thread_id,
            sender: message_rows::sender(message.sender_id),
            created_at: Timestamp::from_millis(message.created_at),
            deleted: message.deleted_at.is_some(),
        })
    }))
}

/// Makes a pair of a thread's columns.
pub(super) fn pair(low: i64, high: i64) -> Option<Pair> {
    Pair::new(UserId::from_column(low), UserId::from_column(high))
}
