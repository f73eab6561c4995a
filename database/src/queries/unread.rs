//! How much a user has not read.

use sea_orm::{EntityTrait, QueryTrait};

use crate::driver_error::{DriverError, error};
use crate::entities::chat_user;
use crate::ids::UserId;
use crate::objects::Totals;
use crate::rows::{Reads, row};
use crate::seq_range::{Ranges, SeqRangeQuery};
use crate::{Database, Error};

row! {
    /// The unread messages from one counterpart.
    struct UnreadRow {
        counterpart: i64,
        unread: i64,
    }
}

/// Reads a user's totals: one row, however many messages there are.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn totals(db: &Database, user: UserId) -> Result<Totals, Error> {
    let query = chat_user::Entity::find_by_id(user.column()).into_query();
    let found = (&db.readers).select_one::<chat_user::Model>(&query).await.map_err(error)?;
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
    const UNREAD: &str = "SELECT CASE WHEN t.user1_id = s.user_id THEN t.user2_id ELSE t.user1_id END, s.unread \
         FROM chat_message_status s JOIN chat_threads t ON t.id = s.thread_id \
         WHERE s.user_id = ? AND s.has_unread = 1";
    let rows = (&db.readers).rows::<UnreadRow>(UNREAD, [user.column().into()]).await.map_err(error)?;
    Ok(rows.into_iter().map(|row| (UserId::from_column(row.counterpart), count(row.unread))).collect())
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
    let messages = format!("SELECT COUNT(*) FROM ({}) AS x", db.backend.dialect().messages_in_ranges(&messages));
    const NOTIFICATIONS: &str =
        "SELECT COUNT(*) FROM notifications WHERE user_id = ? AND is_read = 0 AND deleted_at IS NULL";
    Ok(Totals {
        notifications: counted(db, NOTIFICATIONS, user).await.map_err(error)?,
        messages: counted(db, &messages, user).await.map_err(error)?,
    })
}

async fn counted(db: &Database, text: &str, user: UserId) -> Result<u64, DriverError> {
    let counted = (&db.readers).row::<i64>(text, [user.column().into()]).await?;
    Ok(counted.map_or(0, count))
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
