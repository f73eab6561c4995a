//! A thread's history, in pages.

use sea_orm::{ConnectionTrait, DbErr, TransactionTrait, Value};

use crate::ids::{MessageId, Pair, Rev, Seq, ThreadId, UserId};
use crate::objects::Message;
use crate::stored::{self, Stored};
use crate::{Database, Error, failure, sql};

/// Which page of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The newest messages.
    Newest,
    /// The messages right before this one.
    BeforeSeq(Seq),
    /// The messages right after this one.
    AfterSeq(Seq),
    /// Every message changed after this change, once, in its present state, by ascending `rev`.
    AfterRev(Rev),
}

/// Which thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// By its id.
    Thread(ThreadId),
    /// The one of two people.
    Of(Pair),
}

impl From<ThreadId> for Which {
    fn from(thread: ThreadId) -> Self {
        Self::Thread(thread)
    }
}

/// A page of a thread.
#[derive(Debug, Clone)]
pub struct History {
    /// The thread.
    pub thread_id: ThreadId,
    /// [`Page::AfterRev`]: the change up to which the reader's gap is closed. Otherwise the thread's change counter.
    pub rev: Rev,
    /// Ascending: by `seq`, or by `rev` for [`Page::AfterRev`].
    pub messages: Vec<Message>,
    /// Whether there is more in the page's direction.
    pub has_more: bool,
}

/// Reads a page of a thread as `reader` may see it; `None` if they are not of it or there is no such thread.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(
    db: &Database,
    reader: UserId,
    thread: impl Into<Which>,
    page: Page,
    limit: u32,
) -> Result<Option<History>, Error> {
    read_page(db, reader, thread.into(), page, limit).await.map_err(failure::error)
}

/// Reads one message of a thread that `reader` is of.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn one(db: &Database, reader: UserId, message: MessageId) -> Result<Option<Message>, Error> {
    read_one(db, reader, message).await.map_err(failure::error)
}

/// Tells whether `sender` has sent a message under this key to their counterpart.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn was_sent(db: &Database, pair: Pair, sender: UserId, temp_id: &str) -> Result<bool, Error> {
    let messages = sql::indexed(db.backend, "chat_messages m", "chat_messages_key");
    let sent = format!(
        "SELECT 1 FROM chat_threads t JOIN {messages} ON m.thread_id = t.id \
         WHERE t.user1_id = ? AND t.user2_id = ? AND m.sender_id = ? AND m.temp_id = ?"
    );
    let [low, high] = pair.members().map(|user| Value::from(user.column()));
    let values = [low, high, sender.column().into(), sql::exact(db.backend, temp_id)];
    let found = db.readers.query_one_raw(sql::statement(db.backend, sent, values)).await;
    found.map(|row| row.is_some()).map_err(failure::error)
}

async fn read_page(
    db: &Database,
    reader: UserId,
    which: Which,
    page: Page,
    limit: u32,
) -> Result<Option<History>, DbErr> {
    // The counter is read before the messages, so that it never leads them.
    let Some(head) = head(db, reader, which).await? else {
        return Ok(None);
    };
    let mut found = read(db, head.thread, page, limit).await?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    if matches!(page, Page::Newest | Page::BeforeSeq(_)) {
        found.reverse();
    }
    let rev = match (page, found.last()) {
        (Page::AfterRev(_), Some(last)) if has_more => last.row.rev,
        _ => head.rev,
    };
    Ok(Some(History {
        thread_id: ThreadId::from_column(head.thread),
        rev: Rev::from_column(rev),
        messages: found.into_iter().map(Stored::message).collect(),
        has_more,
    }))
}

/// Reads one message more than asked for, to see whether there is more.
async fn read(db: &Database, thread: i64, page: Page, limit: u32) -> Result<Vec<Stored>, DbErr> {
    let limit = i64::from(limit) + 1;
    let (range, from, order) = match page {
        Page::Newest => ("<=", i64::MAX, "DESC"),
        Page::BeforeSeq(seq) => ("<", seq.column(), "DESC"),
        Page::AfterSeq(seq) => (">", seq.column(), "ASC"),
        Page::AfterRev(rev) => {
            // One snapshot: a message that changes while this is read would be there twice.
            let snapshot = db.readers.begin().await?;
            let rows = after_rev(&snapshot, thread, rev.column(), limit).await;
            snapshot.rollback().await?;
            return rows;
        }
    };
    let table = sql::indexed(db.backend, "chat_messages", "chat_messages_seq");
    let text = format!("SELECT * FROM {table} WHERE thread_id = ? AND seq {range} ? ORDER BY seq {order} LIMIT ?");
    stored::messages(&db.readers, &text, [thread, from, limit].map(Value::from)).await
}

/// Reads the messages whose last change came after `rev`, by that change: those that were created since and have not been
/// touched again, and those that were edited or deleted since.
async fn after_rev(db: &impl ConnectionTrait, thread: i64, rev: i64, limit: i64) -> Result<Vec<Stored>, DbErr> {
    let table = sql::indexed(db.get_database_backend(), "chat_messages", "chat_messages_seq");
    let created =
        format!("SELECT * FROM {table} WHERE thread_id = ? AND seq > ? AND rev = created_rev ORDER BY seq LIMIT ?");
    let values = [thread, last_seq_at(db, thread, rev).await?, limit];
    let mut found = stored::messages(db, &created, values.map(Value::from)).await?;
    const AMENDED: &str = "SELECT m.* FROM chat_amendments a JOIN chat_messages m ON m.id = a.message_id \
         WHERE a.thread_id = ? AND a.rev > ? AND m.rev = a.rev ORDER BY a.rev LIMIT ?";
    found.extend(stored::messages(db, AMENDED, [thread, rev, limit].map(Value::from)).await?);
    found.sort_unstable_by_key(|stored| stored.row.rev);
    found.truncate(usize::try_from(limit).unwrap_or_default());
    Ok(found)
}

/// Returns a thread's newest `seq` as of a `rev`: since the last amendment before it, every change was a new message.
async fn last_seq_at(db: &impl ConnectionTrait, thread: i64, rev: i64) -> Result<i64, DbErr> {
    const BEFORE: &str =
        "SELECT rev, last_seq FROM chat_amendments WHERE thread_id = ? AND rev <= ? ORDER BY rev DESC LIMIT 1";
    let values: [Value; 2] = [thread.into(), rev.into()];
    let Some(row) = db.query_one_raw(sql::statement(db.get_database_backend(), BEFORE, values)).await? else {
        return Ok(rev);
    };
    let (amended, last_seq): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    Ok(last_seq.saturating_add(rev - amended))
}

async fn read_one(db: &Database, reader: UserId, message: MessageId) -> Result<Option<Message>, DbErr> {
    const ONE: &str = "SELECT * FROM chat_messages WHERE id = ?";
    let Some(found) = stored::messages(&db.readers, ONE, [Value::from(message.column())]).await?.pop() else {
        return Ok(None);
    };
    let thread = ThreadId::from_column(found.row.thread_id);
    Ok(head(db, reader, thread.into()).await?.map(|_| found.message()))
}

/// Where a thread stands.
struct Head {
    thread: i64,
    rev: i64,
}

/// Reads where a thread stands, if the reader is of it.
async fn head(db: &Database, reader: UserId, which: Which) -> Result<Option<Head>, DbErr> {
    const BY_ID: &str = "SELECT id, rev FROM chat_threads WHERE id = ? AND (user1_id = ? OR user2_id = ?)";
    const OF_PAIR: &str = "SELECT id, rev FROM chat_threads WHERE user1_id = ? AND user2_id = ?";
    let reader = reader.column();
    let asked = match which {
        Which::Thread(thread) => sql::statement(db.backend, BY_ID, [thread.column(), reader, reader].map(Value::from)),
        Which::Of(pair) => {
            let members = pair.members().map(UserId::column);
            if !members.contains(&reader) {
                return Ok(None);
            }
            sql::statement(db.backend, OF_PAIR, members.map(Value::from))
        }
    };
    let Some(row) = db.readers.query_one_raw(asked).await? else {
        return Ok(None);
    };
    Ok(Some(Head { thread: row.try_get_by_index(0)?, rev: row.try_get_by_index(1)? }))
}
