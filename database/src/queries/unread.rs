//! How much a user has not read.

use sea_orm::sea_query::{Expr, ExprTrait as _, Func, Query};
use sea_orm::{EntityTrait, QueryTrait};

use crate::driver_error::error;
use crate::entities::{chat_message_status, chat_thread, chat_user, notification};
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
    let thread = |column: chat_thread::Column| Expr::col((chat_thread::Entity, column));
    let status = |column: chat_message_status::Column| Expr::col((chat_message_status::Entity, column));
    let counterpart =
        Expr::case(thread(chat_thread::Column::User1Id).eq(user.column()), thread(chat_thread::Column::User2Id))
            .finally(thread(chat_thread::Column::User1Id));
    let query = Query::select()
        .expr(counterpart)
        .column((chat_message_status::Entity, chat_message_status::Column::Unread))
        .from(chat_message_status::Entity)
        .inner_join(
            chat_thread::Entity,
            thread(chat_thread::Column::Id).eq(status(chat_message_status::Column::ThreadId)),
        )
        .and_where(status(chat_message_status::Column::UserId).eq(user.column()))
        .and_where(status(chat_message_status::Column::HasUnread).eq(1_i64))
        .take();
    let rows = (&db.readers).select::<UnreadRow>(&query).await.map_err(error)?;
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
    let messages = (&db.readers).row::<i64>(&messages, [user.column().into()]).await.map_err(error)?;
    let notifications = Query::select()
        .expr(Func::count(Expr::col(notification::Column::Id)))
        .from(notification::Entity)
        .and_where(Expr::col(notification::Column::UserId).eq(user.column()))
        .and_where(Expr::col(notification::Column::IsRead).eq(0_i64))
        .and_where(Expr::col(notification::Column::DeletedAt).is_null())
        .take();
    let notifications = (&db.readers).select_one::<i64>(&notifications).await.map_err(error)?;
    Ok(Totals { notifications: notifications.map_or(0, count), messages: messages.map_or(0, count) })
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
