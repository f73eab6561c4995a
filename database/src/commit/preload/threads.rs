//! Threads as the writer's cache holds them: both members' watermarks, notifications and totals come with the thread. A
//! cache without a thread mostly lacks its members' totals, too, and each statement is a round trip under the lock.

use super::users::UserRow;
use crate::backend::column::Kind;
use crate::backend::dialect::Dialect;
use crate::commit::cache::{Member, ReadState, Thread, ThreadNotification, User};
use crate::entities::{chat_message_status, notification};
use crate::ids::{Pair, UserId};
use crate::rows::{row, select};

row! {
    /// A thread, with the watermarks, notifications and totals of both members.
    pub(super) struct ThreadRow {
        user1_id: i64,
        user2_id: i64,
        id: i64,
        last_seq: i64,
        rev: i64,
        last_message_id: Option<i64>,
        created_at: i64,
        updated_at: i64,
        commit_no: i64,
        low: Option<MemberRow>,
        low_notification: Option<ThreadNotificationRow>,
        low_user: Option<UserRow>,
        high: Option<MemberRow>,
        high_notification: Option<ThreadNotificationRow>,
        high_user: Option<UserRow>,
    }
}

row! {
    /// How far a member has come in a thread.
    struct MemberRow of chat_message_status {
        delivered_seq: i64 = DeliveredSeq,
        read_seq: i64 = ReadSeq,
        unread: i64 = Unread,
        delivered_at: Option<i64> = DeliveredAt,
        read_at: Option<i64> = ReadAt,
        delivered_commit: i64 = DeliveredCommit,
        read_commit: i64 = ReadCommit,
        commit_no: i64 = CommitNo,
    }
}

row! {
    /// A member's notification of type `chat`.
    struct ThreadNotificationRow of notification {
        id: i64 = Id,
        is_read: i64 = IsRead,
        created_at: i64 = CreatedAt,
        created_commit: i64 = CreatedCommit,
        updated_at: i64 = UpdatedAt,
        deleted_at: Option<i64> = DeletedAt,
        commit_no: i64 = CommitNo,
    }
}

/// Returns the query of [`ThreadRow`]s over a JSON table of pairs.
pub(super) fn query(dialect: &dyn Dialect) -> String {
    let set = dialect.json_table("j", &[("low", Kind::Number), ("high", Kind::Number)]);
    let key = dialect.prefixed("chat:", "t.id");
    let mut selected = "t.user1_id, t.user2_id, \
         t.id, t.last_seq, t.rev, t.last_message_id, t.created_at, t.updated_at, t.commit_no"
        .to_owned();
    let mut joined = String::new();
    for side in [1, 2] {
        let member = select(&format!("s{side}"), MemberRow::COLUMNS.iter().copied());
        let notification = select(&format!("n{side}"), ThreadNotificationRow::COLUMNS.iter().copied());
        let user = select(&format!("u{side}"), UserRow::COLUMNS.iter().copied());
        selected += &format!(", {member}, {notification}, {user}");
        joined += &format!(
            " LEFT JOIN chat_message_status s{side} ON s{side}.thread_id = t.id AND s{side}.user_id = t.user{side}_id \
             LEFT JOIN notifications n{side} ON n{side}.user_id = t.user{side}_id AND n{side}.dedupe_key = {key} \
             LEFT JOIN chat_users u{side} ON u{side}.id = t.user{side}_id"
        );
    }
    format!("SELECT {selected} FROM {set} JOIN chat_threads t ON t.user1_id = j.low AND t.user2_id = j.high{joined}")
}

/// Makes a thread, and its members' totals, of its row.
pub(super) fn thread(row: ThreadRow) -> Option<(Thread, [(i64, User); 2])> {
    let pair = Pair::new(UserId::from_column(row.user1_id), UserId::from_column(row.user2_id))?;
    let user = |id, row: Option<UserRow>| (id, row.map(User::from).unwrap_or_default());
    let users = [user(row.user1_id, row.low_user), user(row.user2_id, row.high_user)];
    let last_seq = row.last_seq;
    let low = Member { user: row.user1_id, ..member(row.low, row.low_notification, last_seq) };
    let high = Member { user: row.user2_id, ..member(row.high, row.high_notification, last_seq) };
    let mut thread = Thread {
        id: row.id,
        pair,
        stale: false,
        last_seq,
        rev: row.rev,
        last_message: row.last_message_id,
        created_at: row.created_at,
        updated_at: row.updated_at,
        commit: row.commit_no,
        members: [low, high],
        stored: None,
    };
    thread.stored = Some(thread.time_buckets());
    Some((thread, users))
}

fn member(row: Option<MemberRow>, notification: Option<ThreadNotificationRow>, last_seq: i64) -> Member {
    let Some(row) = row else {
        return Member::default();
    };
    Member {
        delivered_seq: row.delivered_seq,
        read_seq: row.read_seq,
        unread: row.unread,
        delivered_at: row.delivered_at,
        read_at: row.read_at,
        delivered_commit: row.delivered_commit,
        read_commit: row.read_commit,
        commit: row.commit_no,
        hidden: row.unread,
        hidden_to: last_seq,
        notification: notification.map(thread_notification),
        stored: Some(row.unread > 0),
        ..Member::default()
    }
}

fn thread_notification(row: ThreadNotificationRow) -> ThreadNotification {
    ThreadNotification {
        id: row.id,
        read_state: ReadState::of(row.is_read, row.deleted_at),
        created_at: row.created_at,
        created_commit: row.created_commit,
        updated_at: row.updated_at,
        commit: row.commit_no,
    }
}
