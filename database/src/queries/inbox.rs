//! A user's threads, the most recently active first.

use sea_orm::Value;

use crate::driver_error::DriverError;
use crate::entities::chat_message;
use crate::ids::{Rev, Seq, ThreadId, UserId};
use crate::message_rows::{self, StoredMessage};
use crate::objects::Thread;
use crate::rows::{Reads as _, Row};
use crate::size::{PAGE, Room};
use crate::time::Timestamp;
use crate::{Database, Error, driver_error, time_buckets};

/// Where a page of the inbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The last thread's time.
    pub updated_at: Timestamp,
    /// The last thread.
    pub id: ThreadId,
}

/// A page of the inbox.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// Newest first. `other_online` is false throughout: the database does not know.
    pub threads: Vec<Thread>,
    /// Where to go on, if there is more.
    pub next: Option<Position>,
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
    before: Option<Position>,
    unread_only: bool,
    limit: u32,
) -> Result<Inbox, Error> {
    read_page(db, user, before, unread_only, limit).await.map_err(driver_error::error)
}

/// Reads a thread as one of its members sees it; `None` if there is none, or it is not theirs. `other_online` is false.
///
/// SQLite is read on the calling thread, which does nothing else meanwhile.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn one(db: &Database, user: UserId, thread: ThreadId) -> Result<Option<Thread>, Error> {
    let threads = read(db, user, Ids::one(user, thread)).await.map_err(driver_error::error)?;
    Ok(threads.into_iter().next())
}

async fn read_page(
    db: &Database,
    user: UserId,
    before: Option<Position>,
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

async fn read(db: &Database, user: UserId, page: Ids) -> Result<Vec<Thread>, DriverError> {
    let me = Value::from(user.column());
    let values = page.values.into_iter().chain([me]);
    let rows = db.rows(&query(&page.text), values, |row| Ok((thread(row)?, newest(row)?))).await?;
    let (mut threads, messages): (Vec<Thread>, Vec<_>) = rows.into_iter().unzip();
    let messages = messages.into_iter().flatten().collect();
    for message in message_rows::with_images(db, messages).await?.into_iter().map(StoredMessage::message) {
        if let Some(thread) = threads.iter_mut().find(|thread| thread.id == message.thread_id) {
            thread.last_message = Some(message);
        }
    }
    Ok(threads)
}

/// Which threads a page is of, with one more to see whether there is more: a query of id, other member and time.
struct Ids {
    text: String,
    values: Vec<Value>,
}

impl Ids {
    /// Each of the two indexes gives its newest; the newest of both are the page.
    fn all(db: &Database, user: UserId, before: Option<Position>, limit: u32) -> Self {
        let [low, high] = [1, 2].map(|side| time_buckets::by_activity(db.backend, side));
        let half = format!("ORDER BY {} LIMIT ?", time_buckets::most_recent(db.backend));
        let (beyond, place) = time_buckets::beyond(db.backend, place(before));
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
        half.extend(place);
        half.push(most.clone());
        let mut values = half.clone();
        values.extend(half);
        values.push(most);
        Self { text, values }
    }

    /// The index over (user, unread or not) gives the unread threads; the page is the newest of them. So this costs a
    /// look-up for each unread thread of the user, however many read ones there are.
    fn unread(user: UserId, before: Option<Position>, limit: u32) -> Self {
        let text = "SELECT t.id, CASE WHEN t.user1_id = s.user_id THEN t.user2_id ELSE t.user1_id END AS other, \
             t.updated_at FROM chat_message_status s JOIN chat_threads t ON t.id = s.thread_id \
             WHERE s.user_id = ? AND s.has_unread = 1 AND t.updated_at <= ? AND (t.updated_at < ? OR t.id < ?) \
             ORDER BY t.updated_at DESC, t.id DESC LIMIT ?";
        let mut values = vec![Value::from(user.column())];
        let (at, id) = place(before);
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

fn place(before: Option<Position>) -> time_buckets::Place {
    before.map_or((i64::MAX, i64::MAX), |before| (before.updated_at.millis(), before.id.column()))
}

/// The page's threads, with everything that is shown of them.
fn query(page: &str) -> String {
    let message = message_rows::shown("m");
    format!(
        "SELECT t.id, p.other, u.last_seen, t.last_seq, t.rev, t.created_at, t.updated_at, \
         mine.unread, mine.read_seq, theirs.read_seq AS other_read_seq, theirs.delivered_seq, {message} \
         FROM ({page}) AS p JOIN chat_threads t ON t.id = p.id \
         JOIN chat_message_status mine ON mine.thread_id = t.id AND mine.user_id = ? \
         JOIN chat_message_status theirs ON theirs.thread_id = t.id AND theirs.user_id = p.other \
         LEFT JOIN chat_users u ON u.id = p.other LEFT JOIN chat_messages m ON m.id = t.last_message_id \
         ORDER BY t.updated_at DESC, t.id DESC"
    )
}

/// How many columns of a [`query`] come before those of the newest message.
const THREAD_COLUMNS: usize = 11;

fn newest(row: &Row<'_>) -> Result<Option<chat_message::Model>, DriverError> {
    let id: Option<i64> = row.get(THREAD_COLUMNS)?;
    id.map(|_| message_rows::model(row, THREAD_COLUMNS)).transpose()
}

fn thread(row: &Row<'_>) -> Result<Thread, DriverError> {
    let last_seen: Option<i64> = row.get(2)?;
    let unread: i64 = row.get(7)?;
    Ok(Thread {
        id: ThreadId::from_column(row.get(0)?),
        other_user_id: UserId::from_column(row.get(1)?),
        other_online: false,
        other_last_seen: last_seen.map(Timestamp::from_millis),
        last_message: None,
        last_seq: Seq::from_column(row.get(3)?),
        rev: Rev::from_column(row.get(4)?),
        unread: u64::try_from(unread).unwrap_or_default(),
        read_seq: Seq::from_column(row.get(8)?),
        other_read_seq: Seq::from_column(row.get(9)?),
        other_delivered_seq: Seq::from_column(row.get(10)?),
        created_at: Timestamp::from_millis(row.get(5)?),
        updated_at: Timestamp::from_millis(row.get(6)?),
    })
}
