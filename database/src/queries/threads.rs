//! Whose is a thread; which thread is whose.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Value};

use crate::entities::chat_thread;
use crate::ids::{MessageId, Pair, ThreadId, UserId};
use crate::time::Timestamp;
use crate::{Database, Error, driver_error, sql};

/// Returns the two members of a thread, if there is such a thread.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn members(db: &Database, thread: ThreadId) -> Result<Option<Pair>, Error> {
    let found = chat_thread::Entity::find_by_id(thread.column()).one(&db.readers).await;
    Ok(found.map_err(driver_error::error)?.and_then(|thread| pair(thread.user1_id, thread.user2_id)))
}

/// Returns the thread of two people, if they have one.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of_pair(db: &Database, pair: Pair) -> Result<Option<ThreadId>, Error> {
    let [low, high] = pair.members();
    let found = chat_thread::Entity::find()
        .filter(chat_thread::Column::User1Id.eq(low.column()))
        .filter(chat_thread::Column::User2Id.eq(high.column()))
        .one(&db.readers)
        .await;
    Ok(found.map_err(driver_error::error)?.map(|thread| ThreadId::from_column(thread.id)))
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

/// Returns who wrote a message, where and when.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn authorship(db: &Database, message: MessageId) -> Result<Option<Authorship>, Error> {
    read_authorship(db, message).await.map_err(driver_error::error)
}

async fn read_authorship(db: &Database, message: MessageId) -> Result<Option<Authorship>, DbErr> {
    const TEXT: &str = "SELECT t.user1_id, t.user2_id, t.id, m.sender_id, m.created_at, m.deleted_at \
         FROM chat_messages m JOIN chat_threads t ON t.id = m.thread_id WHERE m.id = ?";
    let asked = sql::statement(db.backend, TEXT, [Value::from(message.column())]);
    let Some(row) = db.readers.query_one_raw(asked).await? else {
        return Ok(None);
    };
    let deleted_at: Option<i64> = row.try_get_by_index(5)?;
    let Some(pair) = pair(row.try_get_by_index(0)?, row.try_get_by_index(1)?) else {
        return Ok(None);
    };
    Ok(Some(Authorship {
        pair,
        thread_id: ThreadId::from_column(row.try_get_by_index(2)?),
        sender: UserId::from_column(row.try_get_by_index(3)?),
        created_at: Timestamp::from_millis(row.try_get_by_index(4)?),
        deleted: deleted_at.is_some(),
    }))
}

/// Makes a pair of a thread's columns.
pub(super) fn pair(low: i64, high: i64) -> Option<Pair> {
    Pair::new(UserId::from_column(low), UserId::from_column(high))
}
