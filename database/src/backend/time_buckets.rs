//! Time buckets: what indexes over a user's threads hold instead of exact times, on SQLite and PostgreSQL.
//!
//! A user's threads are found by the time of their newest message (the inbox, recent contacts), and by the commit of their last
//! change (sync). Both move with each message. On SQLite each move takes an entry out of an index and puts another one in,
//! each on a page of its own in a commit over many threads; on PostgreSQL an update that moves an entry of one index writes
//! new entries to all of the row's indexes, and one that moves none is a heap-only tuple. So these indexes hold a bucket, the
//! upper bits of the time, which most messages do not move. A search by bucket finds a few rows too many, and compares their
//! exact times.

use crate::backend::dialect::{PageKey, Search};

/// A bucket of times is 2¹⁴ milliseconds: 16 seconds.
const UPDATED_BITS: u32 = 14;

/// A bucket of commits is 2¹² commits.
const COMMIT_BITS: u32 = 12;

/// The order in which the index over a user's threads has the most recently active first.
///
/// The index is in the order of the buckets; within a bucket the database sorts the rows.
pub(super) const MOST_RECENT_FIRST: &str = "updated_step DESC, updated_at DESC, id DESC";

/// Returns the bucket of the time of a thread's newest message.
pub(crate) const fn updated(at: i64) -> i64 {
    at >> UPDATED_BITS
}

/// Returns the bucket of the commit in which a thread last changed.
pub(crate) const fn commit(no: i64) -> i64 {
    no >> COMMIT_BITS
}

/// Returns [`updated`], as an expression of one.
fn updated_text(at: &str) -> String {
    format!("{at} >> {UPDATED_BITS}")
}

/// Returns the columns of `chat_threads` that hold buckets, with their values; `value` returns that of another column.
pub(super) fn columns(value: &dyn Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
    let updated = value("updated_at").map(|at| ("updated_step", updated_text(&at)));
    let commit = value("commit_no").map(|no| ("commit_step", format!("{no} >> {COMMIT_BITS}")));
    updated.into_iter().chain(commit).collect()
}

/// Returns the condition for what comes after a key in [`MOST_RECENT_FIRST`], and its values.
pub(super) fn less_recent_than((at, id): PageKey) -> Search {
    let text = "updated_step <= ? AND updated_at <= ? AND (updated_at < ? OR id < ?)";
    (text.to_owned(), [updated(at), at, at, id].map(Into::into).into())
}

/// Returns the number, as an expression, of a user's threads on one side with a newer message than `active`.
pub(super) fn count_more_recent(table: &str, side: u8, user: &str, active: &str) -> String {
    let count =
        |condition: &str| format!("(SELECT COUNT(*) FROM {table} WHERE user{side}_id = {user} AND {condition})");
    let bucket = format!("({})", updated_text(active));
    // Threads of later buckets are counted in the index alone.
    let later = count(&format!("updated_step > {bucket}"));
    let same = count(&format!("updated_step = {bucket} AND updated_at > {active}"));
    format!("{later} + {same}")
}

/// Returns a table of one side's threads of a user that changed after a commit, with the condition and its values.
pub(super) fn changed_since(table: &str, side: u8, user: i64, since: i64) -> Search {
    let text = format!("{table} WHERE user{side}_id = ? AND commit_step >= ? AND commit_no > ?");
    (text, [user, commit(since), since].map(Into::into).into())
}
