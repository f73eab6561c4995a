//! How much a user has not read.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Value};

use crate::entities::chat_user;
use crate::ids::UserId;
use crate::objects::Totals;
use crate::seq_range::{Ranges, SeqRangeQuery};
use crate::{Database, Error, driver_error, sql};

/// Reads a user's totals: one row, however many messages there are.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn totals(db: &Database, user: UserId) -> Result<Totals, Error> {
    let found = chat_user::Entity::find_by_id(user.column()).one(&db.readers).await.map_err(driver_error::error)?;
    Ok(found.map_or_else(Totals::default, |user| Totals {
        notifications: count(user.unread_notifications),
        messages: count(user.unread_messages),
    }))
}

/// Reads the unread messages by counterpart, those with none left out.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn by_counterpart(db: &Database, user: UserId) -> Result<Vec<(UserId, u64)>, Error> {
    read_by_counterpart(db, user).await.map_err(driver_error::error)
}

async fn read_by_counterpart(db: &Database, user: UserId) -> Result<Vec<(UserId, u64)>, DbErr> {
    const TEXT: &str = "SELECT CASE WHEN t.user1_id = s.user_id THEN t.user2_id ELSE t.user1_id END, s.unread \
         FROM chat_message_status s JOIN chat_threads t ON t.id = s.thread_id \
         WHERE s.user_id = ? AND s.has_unread = 1";
    let asked = sql::statement(db.backend, TEXT, [Value::from(user.column())]);
    let mut unread = Vec::new();
    for row in db.readers.query_all_raw(asked).await? {
        unread.push((UserId::from_column(row.try_get_by_index(0)?), count(row.try_get_by_index(1)?)));
    }
    Ok(unread)
}

/// Counts everything anew from the messages themselves: what the running numbers must be equal to.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn recount(db: &Database, user: UserId) -> Result<Totals, Error> {
    const UNREAD: &str = "(SELECT s.thread_id, s.user_id, s.read_seq AS above, t.last_seq AS up_to \
         FROM chat_message_status s JOIN chat_threads t ON t.id = s.thread_id WHERE s.user_id = ?) AS j";
    let messages = SeqRangeQuery {
        ranges: Ranges::Of(UNREAD),
        named: &["user_id"],
        of: "m.sender_id <> j.user_id AND m.deleted_at IS NULL",
        ..SeqRangeQuery::default()
    };
    let messages = format!("SELECT COUNT(*) FROM ({}) AS x", messages.query(db.backend));
    const NOTIFICATIONS: &str =
        "SELECT COUNT(*) FROM notifications WHERE user_id = ? AND is_read = 0 AND deleted_at IS NULL";
    Ok(Totals {
        notifications: counted(db, NOTIFICATIONS, user).await.map_err(driver_error::error)?,
        messages: counted(db, &messages, user).await.map_err(driver_error::error)?,
    })
}

async fn counted(db: &Database, text: &str, user: UserId) -> Result<u64, DbErr> {
    let asked = sql::statement(db.backend, text, [Value::from(user.column())]);
    let row = db.readers.query_one_raw(asked).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0).map(count))
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
