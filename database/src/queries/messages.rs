//! A thread's history, in pages.

pub(crate) mod found;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Value};

use crate::driver_error::{DriverError, error};
use crate::entities::chat_amendment;
use crate::ids::{MessageId, Pair, Rev, Seq, ThreadId, UserId};
use crate::message_rows::{self, STRIDE, StoredMessage};
use crate::objects::Message;
use crate::rows::{Reads, row};
use crate::seq_range::SeqRangeQuery;
use crate::size::{PAGE, Room};
use crate::{Database, Error};
pub use found::ThreadRef;
use found::{Found, Head, Side};

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
/// SQLite is read on the calling thread, which does nothing else meanwhile: for some 90 µs where 50 messages are in memory,
/// for longer where they must come from the disk. [`Page::AfterRev`] takes several queries through the pool instead, in one
/// transaction, and must be awaited to its end.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(
    db: &Database,
    reader: UserId,
    thread: impl Into<ThreadRef>,
    page: Page,
    limit: u32,
) -> Result<Option<History>, Error> {
    read_page(db, reader, thread.into(), page, limit).await.map_err(error)
}

/// Reads one message of a thread that `reader` is of.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn one(db: &Database, reader: UserId, message: MessageId) -> Result<Option<Message>, Error> {
    read_one(db, reader, message).await.map_err(error)
}

/// Tells whether `sender` has sent a message under this key to their counterpart.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn was_sent(db: &Database, pair: Pair, sender: UserId, temp_id: &str) -> Result<bool, Error> {
    let messages = db.backend.dialect().with_index("chat_messages m", "chat_messages_key");
    let sent = format!(
        "SELECT m.id FROM chat_threads t JOIN {messages} ON m.thread_id = t.id \
         WHERE t.user1_id = ? AND t.user2_id = ? AND m.sender_id = ? AND m.temp_id = ?"
    );
    let [low, high] = pair.members().map(|user| Value::from(user.column()));
    let values = [low, high, sender.column().into(), db.backend.dialect().binary_text(temp_id)];
    let found = (&db.readers).row::<i64>(&sent, values).await;
    found.map(|id| id.is_some()).map_err(error)
}

async fn read_page(
    db: &Database,
    reader: UserId,
    thread: ThreadRef,
    page: Page,
    limit: u32,
) -> Result<Option<History>, DriverError> {
    // One more than asked for, to see whether there is more.
    let most = i64::from(limit) + 1;
    let read = match page {
        Page::Newest => next_to(db, reader, thread, Side::UpTo(i64::MAX), most).await?,
        Page::BeforeSeq(seq) => next_to(db, reader, thread, Side::UpTo(seq.column().saturating_sub(1)), most).await?,
        Page::AfterSeq(seq) => next_to(db, reader, thread, Side::Above(seq.column()), most).await?,
        Page::AfterRev(rev) => changed(db, reader, thread, rev, most).await?,
    };
    let Some(Found { head, mut messages, cut }) = read else {
        return Ok(None);
    };
    let found = &mut messages;
    let has_more = cut || found.len() > limit as usize;
    if has_more && matches!(page, Page::Newest | Page::BeforeSeq(_)) {
        found.drain(..found.len().saturating_sub(limit as usize));
    }
    found.truncate(limit as usize);
    let rev = match (page, found.last()) {
        (Page::AfterRev(_), Some(last)) if has_more => last.row.rev,
        _ => head.rev,
    };
    Ok(Some(History {
        thread_id: ThreadId::from_column(head.thread),
        rev: Rev::from_column(rev),
        messages: messages.into_iter().map(StoredMessage::message).collect(),
        has_more,
    }))
}

/// Reads a thread's counters, and the messages on one side of a place that are nearest to it: at most `most`, and no more
/// than fit into a page, by `seq`.
async fn next_to(
    db: &Database,
    reader: UserId,
    thread: ThreadRef,
    side: Side,
    most: i64,
) -> Result<Option<Found>, DriverError> {
    let found = db.nearest(reader, thread, side, most).await?;
    Ok(found.map(|mut found| {
        found.messages.sort_unstable_by_key(|stored| stored.row.seq);
        found
    }))
}

/// Reads a thread's counters, and its messages that changed after a `rev`.
async fn changed(
    db: &Database,
    reader: UserId,
    thread: ThreadRef,
    rev: Rev,
    most: i64,
) -> Result<Option<Found>, DriverError> {
    let Some(head) = head(db, reader, thread).await? else {
        return Ok(None);
    };
    // One snapshot: a message that changes while this is read would be there twice.
    let mut snapshot = db.readers.snapshot().await?;
    let (messages, cut) = after_rev(&mut snapshot, &head, rev.column(), most).await?;
    snapshot.close().await;
    Ok(Some(Found { head, messages, cut }))
}

/// Reads the messages whose last change came after `rev`, by that change: those that were created since and have not been
/// touched again, and those that were edited or deleted since. As many as fit into a page; tells whether there are more.
async fn after_rev(
    db: &mut impl Reads,
    head: &Head,
    rev: i64,
    limit: i64,
) -> Result<(Vec<StoredMessage>, bool), DriverError> {
    let created = created_after(db, head, rev, limit).await?;
    let amended = amended_after(db, head.thread, rev, limit).await?;
    // Behind the end of a list that is not whole there may be messages that come before those of the other list.
    let known = [created.end(), amended.end()].into_iter().flatten().min();
    let mut found = created.messages;
    found.extend(amended.messages);
    found.sort_unstable_by_key(|stored| stored.row.rev);
    found.retain(|stored| known.is_none_or(|known| stored.row.rev <= known));
    let cut = Room::of(PAGE).cut(&mut found);
    found.truncate(usize::try_from(limit).unwrap_or_default());
    Ok((found, cut || known.is_some()))
}

/// Reads those that were created after `rev` and have not been touched again.
async fn created_after(db: &mut impl Reads, head: &Head, rev: i64, limit: i64) -> Result<ChangeList, DriverError> {
    let stride = limit.min(STRIDE);
    let mut above = last_seq_at(db, head.thread, rev).await?;
    let mut list = ChangeList::of(limit, above < head.last_seq);
    while list.goes_on() {
        let range = [head.thread, above, above + stride].map(Value::from);
        let mut some = message_rows::between(db, SeqRangeQuery::default(), range, stride).await?;
        some.sort_unstable_by_key(|stored| stored.row.seq);
        some.retain(|stored| stored.row.rev == stored.row.created_rev);
        above += stride;
        list.append(some, above < head.last_seq);
    }
    Ok(list)
}

/// Reads those that were edited or deleted after `rev`.
async fn amended_after(db: &mut impl Reads, thread: i64, rev: i64, limit: i64) -> Result<ChangeList, DriverError> {
    let stride = limit.min(STRIDE);
    let query = format!(
        "SELECT {} FROM chat_amendments a JOIN chat_messages m ON m.id = a.message_id \
         WHERE a.thread_id = ? AND a.rev > ? AND m.rev = a.rev ORDER BY a.rev LIMIT ?",
        message_rows::shown("m")
    );
    let mut after = rev;
    let mut list = ChangeList::of(limit, true);
    while list.goes_on() {
        let some = message_rows::messages(db, &query, [thread, after, stride].map(Value::from)).await?;
        after = some.last().map_or(after, |stored| stored.row.rev);
        let has_more = some.len() >= usize::try_from(stride).unwrap_or_default();
        list.append(some, has_more);
    }
    Ok(list)
}

/// Messages in the order of their last changes, read some at a time until they alone would fill a page.
struct ChangeList {
    messages: Vec<StoredMessage>,
    room: Room,
    most: usize,
    is_full: bool,
    has_more: bool,
}

impl ChangeList {
    /// Makes one that takes up to `limit` messages.
    fn of(limit: i64, has_more: bool) -> Self {
        let most = usize::try_from(limit).unwrap_or_default();
        Self { messages: Vec::new(), room: Room::of(PAGE), most, is_full: most == 0, has_more }
    }

    /// Tells whether more of it is to be read.
    fn goes_on(&self) -> bool {
        self.has_more && !self.is_full
    }

    /// Appends the messages that fit.
    fn append(&mut self, mut some: Vec<StoredMessage>, has_more: bool) {
        let unfitting = some.iter().position(|stored| !self.room.takes(stored));
        some.truncate(unfitting.unwrap_or(some.len()));
        self.messages.extend(some);
        self.has_more = has_more || unfitting.is_some();
        self.is_full = unfitting.is_some() || self.messages.len() >= self.most;
    }

    /// Returns the last change up to which it was read; `None` if it is whole.
    fn end(&self) -> Option<i64> {
        self.messages.last().filter(|_| self.has_more).map(|stored| stored.row.rev)
    }
}

row! {
    /// An edit or deletion: the thread's change counter, and its newest `seq` at that time.
    struct AmendmentRow of chat_amendment {
        rev: i64 = Rev,
        last_seq: i64 = LastSeq,
    }
}

/// Returns a thread's newest `seq` as of a `rev`: since the last amendment before it, every change was a new message.
async fn last_seq_at(db: &mut impl Reads, thread: i64, rev: i64) -> Result<i64, DriverError> {
    let before = chat_amendment::Entity::find()
        .select_only()
        .columns(AmendmentRow::COLUMNS.iter().copied())
        .filter(chat_amendment::Column::ThreadId.eq(thread))
        .filter(chat_amendment::Column::Rev.lte(rev))
        .order_by_desc(chat_amendment::Column::Rev)
        .limit(1)
        .into_query();
    let row = db.select_one::<AmendmentRow>(&before).await?;
    Ok(row.map_or(rev, |amended| amended.last_seq.saturating_add(rev - amended.rev)))
}

async fn read_one(db: &Database, reader: UserId, message: MessageId) -> Result<Option<Message>, DriverError> {
    let text = format!("SELECT {} FROM chat_messages m WHERE m.id = ?", message_rows::shown("m"));
    // A message and its images are read by two statements.
    let mut snapshot = db.readers.snapshot().await?;
    let found = message_rows::messages(&mut snapshot, &text, [message.column().into()]).await?.pop();
    snapshot.close().await;
    let Some(found) = found else {
        return Ok(None);
    };
    let thread = ThreadId::from_column(found.row.thread_id);
    Ok(head(db, reader, thread.into()).await?.map(|_| found.message()))
}

/// Reads a thread's counters, if the reader is a member of it.
async fn head(db: &Database, reader: UserId, thread: ThreadRef) -> Result<Option<Head>, DriverError> {
    (&db.readers).select_one(&Head::query(reader, thread)).await
}
