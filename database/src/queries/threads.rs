//! A thread's members, and the thread of two people.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryTrait};

use crate::driver_error::error;
use crate::entities::chat_thread;
use crate::ids::{MessageId, Pair, ThreadId, UserId};
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
    /// Its author.
    pub sender: UserId,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Whether it is deleted.
    pub deleted: bool,
}

row! {
    /// A message's author and thread.
    struct AuthorshipRow {
        user1_id: i64,
        user2_id: i64,
        thread_id: i64,
        sender_id: i64,
        created_at: i64,
        deleted_at: Option<i64>,
    }
}

/// Returns the author of a message, with its thread and its age.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn authorship(db: &Database, message: MessageId) -> Result<Option<Authorship>, Error> {
    const AUTHORSHIP: &str = "SELECT t.user1_id, t.user2_id, t.id, m.sender_id, m.created_at, m.deleted_at \
         FROM chat_messages m JOIN chat_threads t ON t.id = m.thread_id WHERE m.id = ?";
    let row = (&db.readers).row::<AuthorshipRow>(AUTHORSHIP, [message.column().into()]).await.map_err(error)?;
    Ok(row.and_then(|row| {
        Some(Authorship {
            pair: pair(row.user1_id, row.user2_id)?,
            thread_id: ThreadId::from_column(row.thread_id),
            sender: UserId::from_column(row.sender_id),
            created_at: Timestamp::from_millis(row.created_at),
            deleted: row.deleted_at.is_some(),
        })
    }))
}

/// Makes a pair of a thread's columns.
pub(super) fn pair(low: i64, high: i64) -> Option<Pair> {
    Pair::new(UserId::from_column(low), UserId::from_column(high))
}
