//! The queries behind [`super`]: from what is newest down to what is known already.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Value,
};

use super::{ChangedMessage, ChangedNotification, ChangedWatermarks, Changes, ThreadChanges};
use crate::entities::{chat_message, chat_message_status, chat_thread, notification};
use crate::ids::{CommitNo, NotificationId, Rev, Seq, ThreadId, UserId};
use crate::objects::Notification;
use crate::queries::notifications::described;
use crate::sql::{self, Kind};
use crate::stored::{self, Stored};
use crate::time::Timestamp;

/// How many changes of a thread are read together with those of all other threads.
const WINDOW: i64 = 32;

/// How many changes of one thread are read at a time beyond that.
const PAGE: i64 = 200;

/// Reads everything of a user that changed, or `None` if that is more than `most` things.
pub(super) async fn of_user(
    db: &impl ConnectionTrait,
    user: UserId,
    since: CommitNo,
    most: usize,
) -> Result<Option<Changes>, DbErr> {
    let notes = notes_of_user(db, user, since, most).await?;
    if notes.len() > most {
        return Ok(None);
    }
    let threads = changed_threads(db, user, since, most).await?;
    if threads.len() > most {
        return Ok(None);
    }
    let Some(messages) = changed_messages(db, &threads, since, most).await? else {
        return Ok(None);
    };
    let ids: Vec<(i64,)> = threads.iter().map(|thread| (thread.id,)).collect();
    let watermarks = watermarks(db, &ids, since).await?;
    if messages.len() + watermarks.len() + notes.len() > most {
        return Ok(None);
    }
    let told = told_again(db, user, since, &ids, &notes).await?;
    Ok(Some(Changes {
        messages: messages.into_iter().map(changed).collect(),
        watermarks,
        notifications: changed_notes(db, notes, told).await?,
    }))
}

/// Reads everything in a thread that changed; `None` if there is no such thread.
pub(super) async fn of_thread(
    db: &impl ConnectionTrait,
    thread: ThreadId,
    since: CommitNo,
) -> Result<Option<ThreadChanges>, DbErr> {
    let Some(head) = chat_thread::Entity::find_by_id(thread.column()).one(db).await? else {
        return Ok(None);
    };
    let mut messages = Vec::new();
    below(db, head.id, head.last_seq, since, usize::MAX, &mut messages).await?;
    messages.extend(amended(db, &[(head.id,)], since, usize::MAX).await?);
    sort(&mut messages);
    let first = chat_message::Entity::find()
        .filter(chat_message::Column::ThreadId.eq(head.id))
        .filter(chat_message::Column::Seq.eq(1))
        .one(db)
        .await?;
    Ok(Some(ThreadChanges {
        messages: messages.into_iter().map(changed).collect(),
        watermarks: watermarks(db, &[(head.id,)], since).await?,
        rev: Rev::from_column(head.rev),
        opened: first.is_some_and(|first| first.created_commit > since.column()),
    }))
}

/// Reads the notifications of some users that changed.
pub(super) async fn notifications_of(
    db: &impl ConnectionTrait,
    users: &[UserId],
    since: CommitNo,
) -> Result<Vec<(UserId, ChangedNotification)>, DbErr> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let set = sql::set(backend, "j", &[("id", Kind::Number)]);
    let text = format!(
        "SELECT n.* FROM {set} JOIN notifications n ON n.user_id = j.id AND n.commit_no > ? \
         ORDER BY n.user_id, n.commit_no, n.id"
    );
    let asked: Vec<(i64,)> = users.iter().map(|user| (user.column(),)).collect();
    let asked = sql::statement(backend, text, [sql::json(&asked), since.column().into()]);
    let rows = db.query_all_raw(asked).await?;
    let rows: Vec<notification::Model> =
        rows.iter().map(|row| notification::Model::from_query_result(row, "")).collect::<Result<_, _>>()?;
    let users: Vec<UserId> = rows.iter().map(|row| UserId::from_column(row.user_id)).collect();
    Ok(users.into_iter().zip(in_order(db, rows).await?).collect())
}

/// A thread that changed, and the commit that made the newest message below its window.
struct ChangedThread {
    id: i64,
    last_seq: i64,
    below: i64,
}

async fn changed_threads(
    db: &impl ConnectionTrait,
    user: UserId,
    since: CommitNo,
    most: usize,
) -> Result<Vec<ChangedThread>, DbErr> {
    let backend = db.get_database_backend();
    let messages = sql::indexed(backend, "chat_messages m", "chat_messages_seq");
    let low = sql::indexed(backend, "chat_threads", "chat_threads_user1_commit");
    let high = sql::indexed(backend, "chat_threads", "chat_threads_user2_commit");
    let text = format!(
        "SELECT c.id, c.last_seq, COALESCE((SELECT m.created_commit FROM {messages} \
         WHERE m.thread_id = c.id AND m.seq = c.last_seq - {WINDOW}), 0) FROM (\
         SELECT * FROM (SELECT id, last_seq FROM {low} WHERE user1_id = ? AND commit_no > ? LIMIT ?) AS a \
         UNION ALL \
         SELECT * FROM (SELECT id, last_seq FROM {high} WHERE user2_id = ? AND commit_no > ? LIMIT ?) AS b\
         ) AS c ORDER BY c.id"
    );
    let half: [Value; 3] = [user.column().into(), since.column().into(), limit(most)];
    let values = half.clone().into_iter().chain(half);
    let rows = db.query_all_raw(sql::statement(backend, text, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(ChangedThread {
                id: row.try_get_by_index(0)?,
                last_seq: row.try_get_by_index(1)?,
                below: row.try_get_by_index(2)?,
            })
        })
        .collect()
}

/// Reads the changed messages of threads, by thread and `rev`. What was created is at a thread's top: a window of each
/// thread in one query, and further down only where all of it is new. What was amended is listed.
async fn changed_messages(
    db: &impl ConnectionTrait,
    threads: &[ChangedThread],
    since: CommitNo,
    most: usize,
) -> Result<Option<Vec<Stored>>, DbErr> {
    if threads.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let backend = db.get_database_backend();
    let set = sql::set(backend, "j", &[("id", Kind::Number), ("above", Kind::Number)]);
    let table = sql::indexed(backend, "chat_messages m", "chat_messages_seq");
    let text = format!(
        "SELECT m.* FROM {set} JOIN {table} ON m.thread_id = j.id AND m.seq > j.above \
         WHERE m.created_commit > ? LIMIT ?"
    );
    let windows: Vec<(i64, i64)> = threads.iter().map(|thread| (thread.id, thread.last_seq - WINDOW)).collect();
    let values = [sql::json(&windows), since.column().into(), limit(most)];
    let mut messages = stored::messages(db, &text, values).await?;

    for thread in threads.iter().filter(|thread| thread.below > since.column()) {
        below(db, thread.id, thread.last_seq - WINDOW, since, most, &mut messages).await?;
    }
    if messages.len() <= most {
        let ids: Vec<(i64,)> = threads.iter().map(|thread| (thread.id,)).collect();
        messages.extend(amended(db, &ids, since, most).await?);
        sort(&mut messages);
    }
    Ok((messages.len() <= most).then_some(messages))
}

/// Reads messages of threads that were edited or deleted, in their present state; some of them may be new as well.
async fn amended(
    db: &impl ConnectionTrait,
    threads: &[(i64,)],
    since: CommitNo,
    most: usize,
) -> Result<Vec<Stored>, DbErr> {
    let backend = db.get_database_backend();
    let set = sql::set(backend, "j", &[("id", Kind::Number)]);
    let table = sql::indexed(backend, "chat_amendments a", "chat_amendments_commit");
    let text = format!(
        "SELECT m.* FROM {set} JOIN {table} ON a.thread_id = j.id AND a.commit_no > ? \
         JOIN chat_messages m ON m.id = a.message_id WHERE m.rev = a.rev LIMIT ?"
    );
    let values = [sql::json(threads), since.column().into(), limit(most)];
    stored::messages(db, &text, values).await
}

/// Sorts messages by thread and `rev`, each once.
fn sort(messages: &mut Vec<Stored>) {
    messages.sort_unstable_by_key(|stored| (stored.row.thread_id, stored.row.rev));
    messages.dedup_by_key(|stored| stored.row.id);
}

/// Walks a thread's messages down from `seq` to the first that is not new; stops when there are more than `most`.
async fn below(
    db: &impl ConnectionTrait,
    thread: i64,
    mut seq: i64,
    since: CommitNo,
    most: usize,
    messages: &mut Vec<Stored>,
) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let table = sql::indexed(backend, "chat_messages", "chat_messages_seq");
    let text = format!("SELECT * FROM {table} WHERE thread_id = ? AND seq <= ? ORDER BY seq DESC LIMIT ?");
    while messages.len() <= most {
        let values: [Value; 3] = [thread.into(), seq.into(), PAGE.into()];
        let page = stored::messages(db, &text, values).await?;
        let Some(lowest) = page.last() else {
            return Ok(());
        };
        seq = lowest.row.seq - 1;
        let reached = lowest.row.created_commit <= since.column();
        messages.extend(page.into_iter().filter(|stored| stored.row.created_commit > since.column()));
        if reached {
            return Ok(());
        }
    }
    Ok(())
}

fn changed(stored: Stored) -> ChangedMessage {
    ChangedMessage {
        commit: CommitNo::from_column(stored.row.commit_no),
        created: CommitNo::from_column(stored.row.created_commit),
        message: stored.message(),
    }
}

async fn watermarks(
    db: &impl ConnectionTrait,
    threads: &[(i64,)],
    since: CommitNo,
) -> Result<Vec<ChangedWatermarks>, DbErr> {
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let set = sql::set(backend, "j", &[("id", Kind::Number)]);
    let text = format!(
        "SELECT s.* FROM {set} JOIN chat_message_status s ON s.thread_id = j.id \
         WHERE s.delivered_commit > ? OR s.read_commit > ?"
    );
    let values = [sql::json(threads), since.column().into(), since.column().into()];
    let rows = db.query_all_raw(sql::statement(backend, text, values)).await?;
    rows.iter().map(|row| chat_message_status::Model::from_query_result(row, "").map(changed_watermarks)).collect()
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

async fn notes_of_user(
    db: &impl ConnectionTrait,
    user: UserId,
    since: CommitNo,
    most: usize,
) -> Result<Vec<notification::Model>, DbErr> {
    notification::Entity::find()
        .filter(notification::Column::UserId.eq(user.column()))
        .filter(notification::Column::CommitNo.gt(since.column()))
        .order_by_asc(notification::Column::CommitNo)
        .limit(u64::try_from(most).unwrap_or(u64::MAX).min(i64::MAX.unsigned_abs() - 1) + 1)
        .all(db)
        .await
}

/// Reads the notifications of changed threads whose own rows did not change, but the number or text that they show.
async fn told_again(
    db: &impl ConnectionTrait,
    user: UserId,
    since: CommitNo,
    threads: &[(i64,)],
    known: &[notification::Model],
) -> Result<Vec<notification::Model>, DbErr> {
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let set = sql::set(backend, "j", &[("id", Kind::Number)]);
    let key = match backend {
        sea_orm::DatabaseBackend::MySql => "CAST(CONCAT('chat:', j.id) AS BINARY)",
        _ => "'chat:' || j.id",
    };
    // The row's commit becomes that of the watermarks' row, which counts the unread messages.
    let text = format!(
        "SELECT n.id, n.user_id, n.type, n.title, n.body, n.related_id, n.dedupe_key, n.is_read, n.created_at, \
         n.updated_at, n.deleted_at, s.commit_no, n.created_commit \
         FROM {set} JOIN chat_message_status s ON s.thread_id = j.id AND s.user_id = ? \
         JOIN notifications n ON n.user_id = s.user_id AND n.dedupe_key = {key} \
         WHERE s.commit_no > ? AND n.deleted_at IS NULL"
    );
    let values = [sql::json(threads), user.column().into(), since.column().into()];
    let rows = db.query_all_raw(sql::statement(backend, text, values)).await?;
    let rows = rows.iter().map(|row| notification::Model::from_query_result(row, ""));
    let mut rows: Vec<notification::Model> = rows.collect::<Result<_, _>>()?;
    rows.retain(|row| !known.iter().any(|known| known.id == row.id));
    Ok(rows)
}

async fn changed_notes(
    db: &impl ConnectionTrait,
    mut rows: Vec<notification::Model>,
    told: Vec<notification::Model>,
) -> Result<Vec<ChangedNotification>, DbErr> {
    rows.extend(told);
    rows.sort_unstable_by_key(|row| (row.commit_no, row.id));
    in_order(db, rows).await
}

/// Makes changed notifications of rows, in the rows' order.
async fn in_order(
    db: &impl ConnectionTrait,
    rows: Vec<notification::Model>,
) -> Result<Vec<ChangedNotification>, DbErr> {
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

/// Returns one more than the most that is wanted, to see that there is more.
fn limit(most: usize) -> Value {
    i64::try_from(most).unwrap_or(i64::MAX - 1).saturating_add(1).into()
}
