//! What has changed since a commit: for a user, for a thread, for a node.

mod backlog;
mod changed;
mod read;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QueryTrait};

use crate::driver_error::error;
use crate::entities::hub_commit;
use crate::history::Nonce;
use crate::ids::{CommitNo, Pair, ThreadId, UserId};
use crate::nodes::NodeId;
use crate::rows::Reads;
use crate::{Database, Error};

pub use backlog::Backlog;
pub(super) use read::{messages, notifications};

pub use changed::{ChangedMessage, ChangedNotification, ChangedWatermarks, Changes, Page, ThreadChanges};

/// Reads everything of `user` that changed after `since`; `None` if that is more than `most` items. The result may be
/// large: [`backlog`] and [`page`] are for what is not known to be small.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of_user(db: &Database, user: UserId, since: CommitNo, most: usize) -> Result<Option<Changes>, Error> {
    // One snapshot: a message that changes while this is read would be in none of its pages.
    let mut snapshot = db.readers.snapshot().await.map_err(error)?;
    let backlog = Backlog::find(&mut snapshot, user, since, most).await.map_err(error)?;
    let Some(mut backlog) = backlog else { return Ok(None) };
    let changes = backlog.take(&mut snapshot, usize::MAX).await.map_err(error)?;
    snapshot.close().await;
    Ok(Some(changes))
}

/// Looks up what of `user` changed after `since`; `None` if that is more than `most` items.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn backlog(db: &Database, user: UserId, since: CommitNo, most: usize) -> Result<Option<Backlog>, Error> {
    let mut snapshot = db.readers.snapshot().await.map_err(error)?;
    let backlog = Backlog::find(&mut snapshot, user, since, most).await.map_err(error)?;
    snapshot.close().await;
    Ok(backlog)
}

/// Takes the next part of a backlog: about `bytes` bytes, and at least one item while there is any. What has changed since
/// it was looked up is left out: see [`Backlog::is_stale`].
///
/// # Errors
/// [`Error::Unavailable`]; what would have come is lost then.
pub async fn next(db: &Database, backlog: &mut Backlog, bytes: usize) -> Result<Changes, Error> {
    // A message and its images are read by two statements.
    let mut snapshot = db.readers.snapshot().await.map_err(error)?;
    let changes = backlog.take(&mut snapshot, bytes).await.map_err(error)?;
    snapshot.close().await;
    Ok(changes)
}

/// Reads a page of what of `user` changed after `since`, or `None` if all of it is more than `most` things: about `limit` things,
/// and at the most [as many bytes as a page has](crate::size::PAGE). It ends with a whole commit, and has one at least, however
/// large that is.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn page(
    db: &Database,
    user: UserId,
    since: CommitNo,
    most: usize,
    limit: usize,
) -> Result<Option<Page>, Error> {
    let mut snapshot = db.readers.snapshot().await.map_err(error)?;
    let backlog = Backlog::find(&mut snapshot, user, since, most).await.map_err(error)?;
    let Some(mut backlog) = backlog else { return Ok(None) };
    let page = backlog.page(&mut snapshot, limit).await.map_err(error)?;
    snapshot.close().await;
    Ok(Some(page))
}

/// Reads everything in a thread that changed after `since`; `None` if there is no such thread.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn of_thread(db: &Database, thread: ThreadId, since: CommitNo) -> Result<Option<ThreadChanges>, Error> {
    let mut snapshot = db.readers.snapshot().await.map_err(error)?;
    let changes = read::of_thread(&mut snapshot, thread, since).await.map_err(error)?;
    snapshot.close().await;
    Ok(changes)
}

/// An entry of the commit log: what a commit touched.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// The commit.
    pub no: CommitNo,
    /// The commit's nonce.
    pub nonce: Nonce,
    /// The process that wrote it.
    pub node: NodeId,
    /// The threads that it touched.
    pub threads: Vec<(ThreadId, Pair)>,
    /// The users whose notifications or totals it touched (besides those threads' members).
    pub users: Vec<UserId>,
}

/// Reads the commit log after one commit up to another, ascending; entries that were swept are missing.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn log(db: &Database, after: CommitNo, up_to: CommitNo) -> Result<Vec<LogEntry>, Error> {
    let query = hub_commit::Entity::find()
        .filter(hub_commit::Column::CommitNo.gt(after.column()))
        .filter(hub_commit::Column::CommitNo.lte(up_to.column()))
        .order_by_asc(hub_commit::Column::CommitNo)
        .into_query();
    let found = (&db.readers).select(&query).await.map_err(error)?;
    found.into_iter().map(entry).collect()
}

/// Reads the notifications of `users` that changed after `since`, by user, oldest change first.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn notifications_of(
    db: &Database,
    users: &[UserId],
    since: CommitNo,
) -> Result<Vec<(UserId, ChangedNotification)>, Error> {
    read::notifications_of(&mut &db.readers, users, since).await.map_err(error)
}

fn entry(row: hub_commit::Model) -> Result<LogEntry, Error> {
    let damaged = |_| Error::Refused(format!("entry {} of the commit log is damaged", row.commit_no));
    let threads: Vec<(i64, i64, i64)> = serde_json::from_str(&row.threads).map_err(damaged)?;
    let users: Vec<i64> = serde_json::from_str(&row.users).map_err(damaged)?;
    let thread = |(id, low, high)| Some((ThreadId::from_column(id), super::threads::pair(low, high)?));
    Ok(LogEntry {
        no: CommitNo::from_column(row.commit_no),
        nonce: Nonce::from_column(row.nonce),
        node: NodeId::from_text(&row.node.into_text()),
        threads: threads.into_iter().filter_map(thread).collect(),
        users: users.into_iter().map(UserId::from_column).collect(),
    })
}
