//! A thread's indexes, in steps.
//!
//! A user's threads are found by when they were last written in (the inbox, and who is close to whom), and by when they last
//! changed (catching up). Both move with each message, and on SQLite every move costs an index an entry taken out and one
//! put in, each on a page of its own in a commit over many threads. So there the indexes hold the times in steps, which most
//! messages do not move: a time's upper bits. Whoever looks finds a little too much, and looks at the rows themselves.
//!
//! Servers' indexes hold the times as they are.

use sea_orm::{DatabaseBackend, Value};

use crate::sql;

/// A step is 2¹⁴ milliseconds: 16 seconds.
const UPDATED: u32 = 14;

/// A step is 2¹² commits. It has the name of its last one, in units of 2⁸: those were the steps of older versions, whose names
/// stay in the table until a thread changes again. A thread is found under either.
const COMMITS: i64 = (1 << 12) - 1;
const COMMIT_UNIT: u32 = 8;

/// A place in a user's threads, the most recently active first: a time, and a thread's id.
pub(crate) type Place = (i64, i64);

/// Returns the step of the time when a thread was last written in.
pub(crate) fn updated(at: i64) -> i64 {
    at >> UPDATED
}

/// Returns the step of the commit in which a thread last changed.
pub(crate) fn commit(no: i64) -> i64 {
    (no | COMMITS) >> COMMIT_UNIT
}

/// Returns [`updated`], as an expression of one.
pub(crate) fn updated_text(at: &str) -> String {
    format!("{at} >> {UPDATED}")
}

/// Returns [`commit`], as an expression of one.
pub(crate) fn commit_text(no: &str) -> String {
    format!("({no} | {COMMITS}) >> {COMMIT_UNIT}")
}

/// Returns `chat_threads` by the index over one side's user and when each thread was last written in.
pub(crate) fn by_activity(backend: DatabaseBackend, side: u8) -> String {
    sql::indexed(backend, "chat_threads", &format!("chat_threads_user{side}_updated"))
}

/// Returns the order in which that index has the most recently active first.
pub(crate) fn most_recent(backend: DatabaseBackend) -> &'static str {
    match backend {
        // The step is in order; within a step the rows are sorted.
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
            let step = format!("({})", updated_text(active));
            // Of later steps the index alone is read.
            let later = count(&format!("updated_step > {step}"));
            let same = count(&format!("updated_step = {step} AND updated_at > {active}"));
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
            vec![user.into(), (since >> COMMIT_UNIT).into(), since.into()],
        ),
        _ => (format!("{of_user} AND commit_no > ?"), vec![user.into(), since.into()]),
    }
}
