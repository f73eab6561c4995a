//! A user's threads, the most recently active first.

use sea_orm::Value;

use super::Position;
use crate::driver_error::{DriverError, error};
use crate::ids::{Rev, Seq, ThreadId, UserId};
use crate::message_rows::{self, ShownRow, StoredMessage};
use crate::objects::{PublicProfile, Thread};
use crate::profile_rows::PublicProfileRow;
use crate::rows::{Reads, row, select};
use crate::size::{PAGE, Room};
use crate::time::Timestamp;
use crate::{Database, Error};

/// A page of the inbox.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// Newest first. `other_online` is false throughout: the database does not know.
    pub threads: Vec<Thread>,
    /// Where to go on, if there is more.
    pub next: Option<Position<ThreadId>>,
}

/// Reads a page of a user's inbox.
///
/// SQLite is read on the calling thread, which does nothing else meanwhile.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(
    db: &Database,
    user: UserId,
    before: Option<Position<ThreadId>>,
    unread_only: bool,
    limit: u32,
) -> Result<Inbox, Error> {
    read_page(db, user, before, unread_only, limit).await.map_err(error)
}

/// Reads a thread as one of its members sees it; `None` if there is none, or it is not theirs. `other_online` is false.
///
/// SQLite is read on the calling thread, which does nothing else meanwhile.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn one(db: &Database, user: UserId, thread: ThreadId) -> Result<Option<Thread>, Error> {
    let threads = read(db, user, Ids::one(user, thread)).await.map_err(error)?;
    Ok(threads.into_iter().next())
}

async fn read_page(
    db: &Database,
    user: UserId,
    before: Option<Position<ThreadId>>,
    unread_only: bool,
    limit: u32,
) -> Result<Inbox, DriverError> {
    let page = if unread_only { Ids::unread(user, before, limit) } else { Ids::all(db, user, before, limit) };
    let mut threads = read(db, user, page).await?;
    let mut more = threads.len() > limit as usize;
    threads.truncate(limit as usize);
    more |= Room::of(PAGE).cut(&mut threads);
    let last = threads.last().filter(|_| more);
    let next = last.map(|thread| Position { updated_at: thread.updated_at, id: thread.id });
    Ok(Inbox { threads, next })
}

async fn read(mut db: &Database, user: UserId, page: Ids) -> Result<Vec<Thread>, DriverError> {
    let me = Value::from(user.column());
    let values: Vec<Value> = page.values.into_iter().chain([me]).collect();
    let rows = db.rows::<InboxRow>(&query(&page.text), values).await?;
    let mut threads = Vec::with_capacity(rows.len());
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        threads.push(thread(row.thread, row.other));
        messages.extend(row.newest);
    }
    for message in message_rows::with_images(&mut db, messages).await?.into_iter().map(StoredMessage::message) {
        if let Some(thread) = threads.iter_mut().find(|thread| thread.id == message.thread_id) {
            thread.last_message = Some(message);
        }
    }
    Ok(threads)
}

row! {
    /// A thread as one of its members sees it, with the other member's profile and the newest message.
    struct InboxRow {
        thread: ThreadRow,
        other: Option<PublicProfileRow>,
        newest: Option<ShownRow>,
    }
}

row! {
    /// A thread as one of its members sees it.
    struct ThreadRow {
        id: i64,
        other: i64,
        other_last_seen: Option<i64>,
        last_seq: i64,
        rev: i64,
        created_at: i64,
        updated_at: i64,
        unread: i64,
        read_seq: i64,
        other_read_seq: i64,
        other_delivered_seq: i64,
    }
}

/// The threads of a page, and one more, which tells whether there is another page: a query of id, other member and time.
struct Ids {
    text: String,
    values: Vec<Value>,
}

impl Ids {
    /// Each of the two indexes gives its newest; the newest of both are the page.
    fn all(db: &Database, user: UserId, before: Option<Position<ThreadId>>, limit: u32) -> Self {
        let dialect = db.backend.dialect();
        let [low, high] = [1, 2].map(|side| dialect.threads_by_activity(side));
        let half = format!("ORDER BY {} LIMIT ?", dialect.most_recent_first());
        let (beyond, key) = dialect.less_recent_than(Position::page_key(before, ThreadId::column));
        let text = format!(
            "SELECT * FROM (\
             SELECT * FROM (SELECT id, user2_id AS other, updated_at FROM {low} \
             WHERE user1_id = ? AND {beyond} {half}) AS a \
             UNION ALL \
             SELECT * FROM (SELECT id, user1_id AS other, updated_at FROM {high} \
             WHERE user2_id = ? AND {beyond} {half}) AS b\
             ) AS c ORDER BY updated_at DESC, id DESC LIMIT ?"
        );
        let most = Value::from(i64::from(limit) + 1);
        let mut half = vec![Value::from(user.column())];
        half.extend(key);
        half.push(most.clone());
        let mut values = half.clone();
        values.extend(half);
        values.push(most);
        Self { text, values }
    }

    /// The index over (user, unread or not) gives the unread threads; the page is the newest of them. So this costs a
    /// look-up for each unread thread of the user, however many read ones there are.
    fn unread(user: UserId, before: Option<Position<ThreadId>>, limit: u32) -> Self {
        let text = "SELECT t.id, CASE WHEN t.user1_id = s.user_id THEN t.user2_id ELSE t.user1_id END AS other, \
             t.updated_at FROM chat_message_status s JOIN chat_threads t ON t.id = s.thread_id \
             WHERE s.user_id = ? AND s.has_unread = 1 AND t.updated_at <= ? AND (t.updated_at < ? OR t.id < ?) \
             ORDER BY t.updated_at DESC, t.id DESC LIMIT ?";
        let mut values = vec![Value::from(user.column())];
        let (at, id) = Position::page_key(before, ThreadId::column);
        values.extend([at, at, id, i64::from(limit) + 1].map(Value::from));
        Self { text: text.to_owned(), values }
    }

    /// One thread, if it is this user's.
    fn one(user: UserId, thread: ThreadId) -> Self {
        let text = "SELECT id, CASE WHEN user1_id = ? THEN user2_id ELSE user1_id END AS other, updated_at \
             FROM chat_threads WHERE id = ? AND (user1_id = ? OR user2_id = ?)";
        let me = user.column();
        Self { text: text.to_owned(), values: [me, thread.column(), me, me].map(Value::from).into() }
    }
}

/// Returns the query of a page's threads, with everything that is shown of them: of [`InboxRow`]s.
fn query(page: &str) -> String {
    let message = message_rows::shown("m");
    let profile = select("o", PublicProfileRow::COLUMNS.iter().copied());
    format!(
        "SELECT t.id, p.other, u.last_seen, t.last_seq, t.rev, t.created_at, t.updated_at, \
         mine.unread, mine.read_seq, theirs.read_seq AS other_read_seq, theirs.delivered_seq, {profile}, {message} \
         FROM ({page}) AS p JOIN chat_threads t ON t.id = p.id \
         JOIN chat_message_status mine ON mine.thread_id = t.id AND mine.user_id = ? \
         JOIN chat_message_status theirs ON theirs.thread_id = t.id AND theirs.user_id = p.other \
         LEFT JOIN chat_users u ON u.id = p.other LEFT JOIN profiles o ON o.user_id = p.other \
         LEFT JOIN chat_messages m ON m.id = t.last_message_id \
         ORDER BY t.updated_at DESC, t.id DESC"
    )
}

fn thread(row: ThreadRow, other: Option<PublicProfileRow>) -> Thread {
    Thread {
        id: ThreadId::from_column(row.id),
        other_user_id: UserId::from_column(row.other),
        other: other.map(PublicProfile::from),
        other_online: false,
        other_last_seen: row.other_last_seen.map(Timestamp::from_millis),
        last_message: None,
        last_seq: Seq::from_column(row.last_seq),
        rev: Rev::from_column(row.rev),
        unread: u64::try_from(row.unread).unwrap_or_default(),
        read_seq: Seq::from_column(row.read_seq),
        other_read_seq: Seq::from_column(row.other_read_seq),
        other_delivered_seq: Seq::from_column(row.other_delivered_seq),
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    }
}
