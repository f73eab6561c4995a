//! A user's notifications.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{EntityTrait as _, Iterable as _, QueryFilter as _, QueryTrait as _, Value};

use super::Position;
use crate::backend::column::Kind;
use crate::commit::{CHAT, CHAT_TITLE, chat_key};
use crate::driver_error::{DriverError, error};
use crate::entities::notification;
use crate::ids::{NotificationId, ThreadId, UserId};
use crate::message_rows::{card, texts};
use crate::objects::Notification;
use crate::rows::{Reads, row, select};
use crate::seq_range::{Ranges, SeqRangeQuery};
use crate::size::{PAGE, Room};
use crate::time::Timestamp;
use crate::{Database, Error, sql};

/// The body for a message that has only images.
const PHOTO: &str = "Photo";

/// A page of notifications.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Newest first.
    pub notifications: Vec<Notification>,
    /// Where to go on, if there is more.
    pub next: Option<Position<NotificationId>>,
}

/// Reads a page of a user's notifications.
///
/// SQLite is read on the calling thread, which does nothing else meanwhile.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(
    db: &Database,
    user: UserId,
    before: Option<Position<NotificationId>>,
    unread_only: bool,
    limit: u32,
) -> Result<Stream, Error> {
    read_page(db, user, before, unread_only, limit).await.map_err(error)
}

/// Reads a thread's notification of type `chat` for a user: its count and body as the thread stands.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of_thread(db: &Database, user: UserId, thread: ThreadId) -> Result<Option<Notification>, Error> {
    read_of_thread(db, user, thread).await.map_err(error)
}

/// Makes notifications of their rows, with one more query if there are any of type `chat`.
pub(super) async fn described(
    db: &mut impl Reads,
    rows: Vec<notification::Model>,
) -> Result<Vec<Notification>, DriverError> {
    let chats = chats(db, &rows).await?;
    let described = rows.into_iter().map(|row| {
        let chat = row.related_id.and_then(|thread| chats.get(&(row.user_id, thread)));
        notification(row, chat)
    });
    Ok(described.collect())
}

async fn read_page(
    mut db: &Database,
    user: UserId,
    before: Option<Position<NotificationId>>,
    unread_only: bool,
    limit: u32,
) -> Result<Stream, DriverError> {
    // Deleted ones have the time 0.
    let (unread, index) = match unread_only {
        true => ("AND is_read = 0 ", "notifications_unread"),
        false => ("", "notifications_updated"),
    };
    let table = db.backend.dialect().with_index("notifications n", index);
    let text = format!(
        "SELECT {} FROM {table} WHERE user_id = ? {unread}AND updated_at > 0 \
         AND updated_at <= ? AND (updated_at < ? OR id < ?) AND deleted_at IS NULL \
         ORDER BY updated_at DESC, id DESC LIMIT ?",
        columns("n")
    );
    let (at, id) = Position::page_key(before, NotificationId::column);
    let values: [Value; 5] = [user.column().into(), at.into(), at.into(), id.into(), (i64::from(limit) + 1).into()];
    let mut rows = db.rows(&text, values).await?;
    let mut more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let mut notifications = described(&mut db, rows).await?;
    more |= Room::of(PAGE).cut(&mut notifications);
    let last = notifications.last().filter(|_| more);
    let next = last.map(|last| Position { updated_at: last.updated_at, id: last.id });
    Ok(Stream { notifications, next })
}

async fn read_of_thread(db: &Database, user: UserId, thread: ThreadId) -> Result<Option<Notification>, DriverError> {
    let key = db.backend.dialect().binary_text(&chat_key(thread.column()));
    let query = notification::Entity::find()
        .filter(Expr::col(notification::Column::UserId).eq(user.column()))
        .filter(Expr::col(notification::Column::DedupeKey).eq(key))
        .filter(Expr::col(notification::Column::DeletedAt).is_null())
        .into_query();
    // The caller is an actor, which must not wait for the disk.
    let rows = (&db.readers).select(&query).await?;
    Ok(described(&mut &db.readers, rows).await?.pop())
}

/// Returns the columns of a [`notification::Model`] of the notifications `table`.
pub(super) fn columns(table: &str) -> String {
    select(table, notification::Column::iter())
}

/// The state of a thread for one of its members.
struct Chat {
    unread: i64,
    /// The message that the notification shows, if there is one: its text, or its card's title, if it has one.
    newest: Option<Option<String>>,
}

row! {
    /// The state of a thread for one of its members.
    struct ChatRow {
        user_id: i64,
        thread_id: i64,
        unread: i64,
        /// The id of the message that the notification shows.
        newest: Option<i64>,
        content: Option<String>,
        card: Option<String>,
        texts: Option<String>,
    }
}

/// Reads the state of the threads that notifications are about. The newest message is looked for among the newest thousand
/// of a thread, so that this stays cheap where a member has deleted or written very much.
async fn chats(db: &mut impl Reads, rows: &[notification::Model]) -> Result<HashMap<(i64, i64), Chat>, DriverError> {
    let asked: Vec<(i64, i64)> =
        rows.iter().filter(|row| row.kind == CHAT).filter_map(|row| Some((row.user_id, row.related_id?))).collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let dialect = db.backend().dialect();
    let set = dialect.json_table("j", &[("user_id", Kind::Number), ("thread_id", Kind::Number)]);
    let newest = SeqRangeQuery {
        ranges: Ranges::One(["s.thread_id", "t.last_seq - 1000", "t.last_seq"]),
        of: "m.deleted_at IS NULL AND (s.unread = 0 OR (m.sender_id <> s.user_id AND m.seq > s.read_seq))",
        newest: true,
        ..SeqRangeQuery::default()
    };
    let newest = dialect.messages_in_ranges(&newest);
    let text = format!(
        "SELECT x.user_id, x.thread_id, x.unread, x.newest, m.content, m.card, m.texts FROM (\
         SELECT s.user_id, s.thread_id, s.unread, ({newest} LIMIT 1) AS newest \
         FROM {set} JOIN chat_message_status s ON s.thread_id = j.thread_id AND s.user_id = j.user_id \
         JOIN chat_threads t ON t.id = s.thread_id\
         ) AS x LEFT JOIN chat_messages m ON m.id = x.newest"
    );
    let rows = db.rows::<ChatRow>(&text, [sql::json(&asked)]).await?;
    let chat = |row: ChatRow| {
        let title = || Some(card(row.card.as_deref()?)?.title);
        let own = |(member, _): &(UserId, String)| member.column() == row.user_id;
        let text = row.texts.as_deref().and_then(|column| texts(column).into_iter().find(own)).map(|(_, text)| text);
        let newest = row.newest.map(|_| text.or(row.content).or_else(title));
        ((row.user_id, row.thread_id), Chat { unread: row.unread, newest })
    };
    Ok(rows.into_iter().map(chat).collect())
}

fn notification(row: notification::Model, chat: Option<&Chat>) -> Notification {
    let chat = chat.filter(|_| row.kind == CHAT);
    let (title, body, count) = match chat {
        Some(chat) => (CHAT_TITLE.to_owned(), shown(chat), u64::try_from(chat.unread).unwrap_or_default()),
        None => (row.title, row.body, 1),
    };
    Notification {
        id: NotificationId::from_column(row.id),
        user_id: UserId::from_column(row.user_id),
        kind: row.kind,
        title,
        body,
        related_id: row.related_id.and_then(|id| u64::try_from(id).ok()),
        count,
        is_read: row.is_read != 0,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    }
}

/// Returns the text of a thread's notification: a message without text is one of images.
fn shown(chat: &Chat) -> String {
    match &chat.newest {
        None => String::new(),
        Some(text) => text.clone().unwrap_or_else(|| PHOTO.to_owned()),
    }
}
