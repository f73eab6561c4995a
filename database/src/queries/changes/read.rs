//! The queries for what has changed: from what is newest down to what the reader knows.

use std::collections::{HashMap, HashSet};

use sea_orm::{ColumnTrait, EntityTrait, Iterable as _, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Value};

use super::changed::{ChangedMessage, ChangedNotification, ChangedWatermarks, ThreadChanges};
use crate::backend::column::Kind;
use crate::driver_error::DriverError;
use crate::entities::{chat_message_status, chat_thread, notification};
use crate::ids::{CommitNo, NotificationId, Rev, Seq, ThreadId, UserId};
use crate::message_rows::{self, MessageKey, StoredMessage};
use crate::objects::Notification;
use crate::queries::notifications::{columns, described};
use crate::rows::{Reads, row, select};
use crate::seq_range::{Ranges, SeqRangeQuery};
use crate::sql;
use crate::time::Timestamp;

/// How many changes of a thread are read together with those of all other threads.
const WINDOW: i64 = 32;

/// How many changes of one thread are read at a time beyond that.
const PAGE: i64 = 200;

/// Reads everything in a thread that changed; `None` if there is no such thread.
pub(super) async fn of_thread(
    db: &mut impl Reads,
    thread: ThreadId,
    since: CommitNo,
) -> Result<Option<ThreadChanges>, DriverError> {
    let query = chat_thread::Entity::find_by_id(thread.column()).into_query();
    let Some(head) = db.select_one::<chat_thread::Model>(&query).await? else {
        return Ok(None);
    };
    let mut names = Vec::new();
    below(db, head.id, head.last_seq, since, usize::MAX, &mut names).await?;
    names.extend(amended(db, &[(head.id,)], since, usize::MAX).await?);
    let ids: Vec<(i64,)> = each_once(names).into_iter().map(|name| (name.id,)).collect();
    let mut found = messages(db, &ids).await?;
    found.sort_unstable_by_key(|stored| stored.row.rev);
    let opened = found.iter().any(|stored| stored.row.seq == 1 && stored.row.created_commit > since.column());
    Ok(Some(ThreadChanges {
        messages: found.into_iter().map(changed).collect(),
        watermarks: watermarks(db, &[(head.id,)], since).await?,
        rev: Rev::from_column(head.rev),
        opened,
    }))
}

/// Reads messages by their ids, in no order.
pub(in crate::queries) async fn messages(
    db: &mut impl Reads,
    ids: &[(i64,)],
) -> Result<Vec<StoredMessage>, DriverError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let set = db.backend().dialect().json_table("j", &[("id", Kind::Number)]);
    let text = format!("SELECT {} FROM {set} JOIN chat_messages m ON m.id = j.id", message_rows::shown("m"));
    message_rows::messages(db, &text, [sql::json(ids)]).await
}

/// Reads notifications by their ids, those that were not deleted.
pub(in crate::queries) async fn notifications(
    db: &mut impl Reads,
    ids: &[(i64,)],
) -> Result<HashMap<i64, Notification>, DriverError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let dialect = db.backend().dialect();
    let set = dialect.json_table("j", &[("id", Kind::Number)]);
    let text =
        format!("SELECT {} FROM {set} JOIN notifications n ON n.id = j.id WHERE n.deleted_at IS NULL", columns("n"));
    let rows: Vec<notification::Model> = db.rows(&text, [sql::json(ids)]).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    Ok(ids.into_iter().zip(described(db, rows).await?).collect())
}

/// Reads the notifications of some users that changed.
pub(super) async fn notifications_of(
    db: &mut impl Reads,
    users: &[UserId],
    since: CommitNo,
) -> Result<Vec<(UserId, ChangedNotification)>, DriverError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = db.backend().dialect();
    let set = dialect.json_table("j", &[("id", Kind::Number)]);
    let text = format!(
        "SELECT {} FROM {set} JOIN notifications n ON n.user_id = j.id AND n.commit_no > ? \
         ORDER BY n.user_id, n.commit_no, n.id",
        columns("n")
    );
    let asked: Vec<(i64,)> = users.iter().map(|user| (user.column(),)).collect();
    let rows: Vec<notification::Model> = db.rows(&text, [sql::json(&asked), since.column().into()]).await?;
    let users: Vec<UserId> = rows.iter().map(|row| UserId::from_column(row.user_id)).collect();
    Ok(users.into_iter().zip(in_order(db, rows).await?).collect())
}

row! {
    /// A thread that changed.
    pub(super) struct ChangedThread {
        pub(super) id: i64,
        last_seq: i64,
    }
}

pub(super) async fn changed_threads(
    db: &mut impl Reads,
    user: UserId,
    since: CommitNo,
    most: usize,
) -> Result<Vec<ChangedThread>, DriverError> {
    let dialect = db.backend().dialect();
    let [(low, mut values), (high, rest)] =
        [1, 2].map(|side| dialect.threads_changed_since(side, user.column(), since.column()));
    let text = format!(
        "SELECT c.id, c.last_seq FROM (\
         SELECT * FROM (SELECT id, last_seq FROM {low} LIMIT ?) AS a \
         UNION ALL \
         SELECT * FROM (SELECT id, last_seq FROM {high} LIMIT ?) AS b\
         ) AS c ORDER BY c.id"
    );
    values.push(limit(most).into());
    values.extend(rest);
    values.push(limit(most).into());
    db.rows(&text, values).await
}

/// Looks up the changed messages of threads, each once. New messages are at a thread's top: one query reads a window of
/// each thread, and only threads whose whole window is new are read further down. Amended messages are listed in a table.
pub(super) async fn changed_messages(
    db: &mut impl Reads,
    threads: &[ChangedThread],
    since: CommitNo,
    most: usize,
) -> Result<Option<Vec<MessageKey>>, DriverError> {
    if threads.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let dialect = db.backend().dialect();
    let set = dialect.json_table("j", &["thread_id", "above", "up_to", "since"].map(|name| (name, Kind::Number)));
    let new = SeqRangeQuery {
        ranges: Ranges::Of(&set),
        named: &["since"],
        down_to: "m.created_commit > j.since",
        ..SeqRangeQuery::default()
    };
    let window = |thread: &ChangedThread| (thread.id, thread.last_seq - WINDOW, thread.last_seq, since.column());
    let windows: Vec<_> = threads.iter().map(window).collect();
    let mut messages = message_rows::keys_between(db, new, [sql::json(&windows)], limit(most)).await?;

    let mut found: HashMap<i64, i64> = HashMap::new();
    for name in &messages {
        *found.entry(name.thread_id).or_default() += 1;
    }
    for thread in threads.iter().filter(|thread| found.get(&thread.id) == Some(&WINDOW)) {
        below(db, thread.id, thread.last_seq - WINDOW, since, most, &mut messages).await?;
    }
    if messages.len() <= most {
        let ids: Vec<(i64,)> = threads.iter().map(|thread| (thread.id,)).collect();
        messages.extend(amended(db, &ids, since, most).await?);
        messages = each_once(messages);
    }
    Ok((messages.len() <= most).then_some(messages))
}

/// Looks up messages of threads that were edited or deleted; some of them may be new as well.
async fn amended(
    db: &mut impl Reads,
    threads: &[(i64,)],
    since: CommitNo,
    most: usize,
) -> Result<Vec<MessageKey>, DriverError> {
    let dialect = db.backend().dialect();
    let set = dialect.json_table("j", &[("id", Kind::Number)]);
    let table = dialect.with_index("chat_amendments a", "chat_amendments_commit");
    let columns = message_rows::keys("m");
    let text = format!(
        "SELECT {columns} FROM {set} JOIN {table} ON a.thread_id = j.id AND a.commit_no > ? \
         JOIN chat_messages m ON m.id = a.message_id WHERE m.rev = a.rev LIMIT ?"
    );
    let values = [sql::json(threads), since.column().into(), limit(most).into()];
    db.rows(&text, values).await
}

/// Removes duplicates.
fn each_once(mut names: Vec<MessageKey>) -> Vec<MessageKey> {
    names.sort_unstable_by_key(|name| name.id);
    names.dedup_by_key(|name| name.id);
    names
}

/// Walks a thread's messages down from `seq` to the first that is not new; stops when there are more than `most`.
async fn below(
    db: &mut impl Reads,
    thread: i64,
    mut seq: i64,
    since: CommitNo,
    most: usize,
    messages: &mut Vec<MessageKey>,
) -> Result<(), DriverError> {
    while seq > 0 && messages.len() <= most {
        let range = [thread, seq - PAGE, seq].map(Value::from);
        let page = message_rows::keys_between(db, SeqRangeQuery::default(), range, PAGE).await?;
        let before = messages.len();
        let found = page.len();
        messages.extend(page.into_iter().filter(|name| name.created_commit > since.column()));
        if messages.len() - before < found {
            break;
        }
        seq -= PAGE;
    }
    Ok(())
}

pub(super) fn changed(stored: StoredMessage) -> ChangedMessage {
    ChangedMessage {
        commit: CommitNo::from_column(stored.row.commit_no),
        created: CommitNo::from_column(stored.row.created_commit),
        message: stored.message(),
    }
}

pub(super) async fn watermarks(
    db: &mut impl Reads,
    threads: &[(i64,)],
    since: CommitNo,
) -> Result<Vec<ChangedWatermarks>, DriverError> {
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = db.backend().dialect();
    let set = dialect.json_table("j", &[("id", Kind::Number)]);
    let text = format!(
        "SELECT {} FROM {set} JOIN chat_message_status s ON s.thread_id = j.id \
         WHERE s.delivered_commit > ? OR s.read_commit > ?",
        select("s", chat_message_status::Column::iter())
    );
    let values = [sql::json(threads), since.column().into(), since.column().into()];
    Ok(db.rows(&text, values).await?.into_iter().map(changed_watermarks).collect())
}

fn changed_watermarks(row: chat_message_status::Model) -> ChangedWatermarks {
    ChangedWatermarks {
        commit: CommitNo::from_column(row.delivered_commit.max(row.read_commit)),
        thread_id: ThreadId::from_column(row.thread_id),
        user: UserId::from_column(row.user_id),
        delivered_seq: Seq::from_column(row.delivered_seq),
        delivered_at: row.delivered_at.map(Timestamp::from_millis),
        read_seq: Seq::from_column(row.read_seq),
        read_at: row.read_at.map(Timestamp::from_millis),
        read_commit: CommitNo::from_column(row.read_commit),
        delivered_commit: CommitNo::from_column(row.delivered_commit),
    }
}

row! {
    /// The columns that identify a notification and its last change.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct NotificationKey {
        pub(super) id: i64,
        pub(super) commit_no: i64,
        pub(super) created_commit: i64,
    }
}

pub(super) async fn notifications_of_user(
    db: &mut impl Reads,
    user: UserId,
    since: CommitNo,
    most: usize,
) -> Result<Vec<NotificationKey>, DriverError> {
    let query = notification::Entity::find()
        .select_only()
        .columns([notification::Column::Id, notification::Column::CommitNo, notification::Column::CreatedCommit])
        .filter(notification::Column::UserId.eq(user.column()))
        .filter(notification::Column::CommitNo.gt(since.column()))
        .order_by_asc(notification::Column::CommitNo)
        .limit(limit(most).unsigned_abs())
        .into_query();
    db.select(&query).await
}

/// Looks up the notifications of changed threads whose own rows did not change, but the number or text that they show.
pub(super) async fn told_again(
    db: &mut impl Reads,
    user: UserId,
    since: CommitNo,
    threads: &[(i64,)],
    known: &[NotificationKey],
) -> Result<Vec<NotificationKey>, DriverError> {
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = db.backend().dialect();
    let set = dialect.json_table("j", &[("id", Kind::Number)]);
    let key = dialect.prefixed("chat:", "j.id");
    // The row's commit becomes that of the watermarks' row, which counts the unread messages.
    let text = format!(
        "SELECT n.id, s.commit_no, n.created_commit FROM {set} JOIN chat_message_status s ON s.thread_id = j.id AND s.user_id = ? \
         JOIN notifications n ON n.user_id = s.user_id AND n.dedupe_key = {key} \
         WHERE s.commit_no > ? AND n.deleted_at IS NULL"
    );
    let values = [sql::json(threads), user.column().into(), since.column().into()];
    let mut rows: Vec<NotificationKey> = db.rows(&text, values).await?;
    let known: HashSet<i64> = known.iter().map(|key| key.id).collect();
    rows.retain(|key| !known.contains(&key.id));
    Ok(rows)
}

/// Makes changed notifications of rows, in the rows' order.
async fn in_order(
    db: &mut impl Reads,
    rows: Vec<notification::Model>,
) -> Result<Vec<ChangedNotification>, DriverError> {
    let heads: Vec<_> = rows.iter().map(|row| (row.id, row.commit_no, row.created_commit)).collect();
    let standing = rows.into_iter().filter(|row| row.deleted_at.is_none()).collect();
    let mut standing = described(db, standing).await?.into_iter().peekable();
    let changed = heads.into_iter().map(|(id, commit, created)| {
        let id = NotificationId::from_column(id);
        ChangedNotification {
            commit: CommitNo::from_column(commit),
            created: CommitNo::from_column(created),
            id,
            notification: standing.next_if(|next: &Notification| next.id == id),
        }
    });
    Ok(changed.collect())
}

/// Returns one more than is wanted, to see whether there is more.
fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX - 1).saturating_add(1)
}
