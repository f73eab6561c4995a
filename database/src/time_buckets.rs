//! Time buckets: what SQLite's indexes over a user's threads hold instead of exact times.
//!
//! A user's threads are found by the time of their newest message (the inbox, recent contacts), and by the commit of their last
//! change (sync). Both move with each message, and on SQLite each move takes an entry out of an index and puts another one in,
//! each on a page of its own in a commit over many threads. So SQLite's indexes hold a bucket, the upper bits of the time, which
//! most messages do not move. A search by bucket finds a few rows too many, and compares their exact times.
//!
//! The indexes of servers hold the exact times.

use sea_orm::{DatabaseBackend, Value};

use crate::sql;

/// A bucket of times is 2¹⁴ milliseconds: 16 seconds.
const UPDATED_BITS: u32 = 14;

/// A bucket of commits is 2¹² commits.
const COMMIT_BITS: u32 = 12;

/// A place in a user's threads, the most recently active first: a time, and a thread's id.
pub(crate) type Place = (i64, i64);

/// Returns the bucket of the time of a thread's newest message.
pub(crate) fn updated(at: i64) -> i64 {
    at >> UPDATED_BITS
}

/// Returns the bucket of the commit in which a thread last changed.
pub(crate) fn commit(no: i64) -> i64 {
    no >> COMMIT_BITS
}

/// Returns [`updated`], as an expression of one.
pub(crate) fn updated_text(at: &str) -> String {
    format!("{at} >> {UPDATED_BITS}")
}

/// Returns [`commit`], as an expression of one.
pub(crate) fn commit_text(no: &str) -> String {
    format!("{no} >> {COMMIT_BITS}")
}

/// Returns `chat_threads` by the index over one side's user and when each thread was last written in.
pub(crate) fn by_activity(backend: DatabaseBackend, side: u8) -> String {
    sql::indexed(backend, "chat_threads", &format!("chat_threads_user{side}_updated"))
}

/// Returns the order in which that index has the most recently active first.
pub(crate) fn most_recent(backend: DatabaseBackend) -> &'static str {
    match backend {
        // The index is in the order of the buckets; within a bucket SQLite sorts the rows.
        DatabaseBackend::Sqlite => "updated_step DESC, updated_at DESC, id DESC",
        _ => "updated_at DESC, id DESC",
    }
}

/// Returns the condition for what comes after a place in that order, and its values.
pub(crate) fn beyond(backend: DatabaseBackend, (at, id): Place) -> (&'static str, Vec<Value>) {
    let exactly = [at.into(), at.into(), id.into()];
    match backend {
        DatabaseBackend::Sqlite => (
            "updated_step <= ? AND updated_at <= ? AND (updated_at < ? OR id < ?)",
            [updated(at).into()].into_iter().chain(exactly).collect(),
        ),
        _ => ("updated_at <= ? AND (updated_at < ? OR id < ?)", exactly.into()),
    }
}

/// Returns the number, as an expression, of a user's threads on one side that were written in after `active`; both are
/// expressions.
pub(crate) fn more_recent(backend: DatabaseBackend, side: u8, user: &str, active: &str) -> String {
    let count = |condition: &str| {
        let table = by_activity(backend, side);
        format!("(SELECT COUNT(*) FROM {table} WHERE user{side}_id = {user} AND {condition})")
    };
    match backend {
        DatabaseBackend::Sqlite => {
            let bucket = format!("({})", updated_text(active));
            // Threads of later buckets are counted in the index alone.
            let later = count(&format!("updated_step > {bucket}"));
            let same = count(&format!("updated_step = {bucket} AND updated_at > {active}"));
            format!("{later} + {same}")
        }
        _ => count(&format!("updated_at > {active}")),
    }
}

/// Returns a table of one side's threads of a user that changed after a commit, with the condition and its values.
pub(crate) fn changed(backend: DatabaseBackend, side: u8, user: i64, since: i64) -> (String, Vec<Value>) {
    let table = sql::indexed(backend, "chat_threads", &format!("chat_threads_user{side}_commit"));
    let of_user = format!("{table} WHERE user{side}_id = ?");
    match backend {
        DatabaseBackend::Sqlite => (
            format!("{of_user} AND commit_step >= ? AND commit_no > ?"),
            vec![user.into(), (since >> COMMIT_BITS).into(), since.into()],
        ),
        _ => (format!("{of_user} AND commit_no > ?"), vec![user.into(), since.into()]),
    }
}
