//! The group commit: many changes, one transaction, one number.
//!
//! ```text
//!  transaction  takes the counter's row lock, asks which changes there are, then:
//!    numbers      the number, and the ids: read with the lock, written last
//!    others       forgets what other nodes have changed since
//!    history      checks that the number is a new one, and sets the commit's time
//!    changes      each kind of change: which rows it depends on (read_set), and how it is applied in memory (apply)
//!    preload      reads those that the cache does not hold (in the steady state: none) into preloaded
//!    new_threads  takes a token for each conversation that a message begins
//!    rows         makes the write_set's rows of it; statements: one per table
//!  consume      writes changes for consumers and webhooks; administer: those of operators, the audit log among them
//!  suspensions  who may send nothing
//!  in_doubt     reads whether a commit stands whose answer was lost
//!  probe        tells after a failure whether a commit would be written now
//!  cache        what the writer knows between commits
//! ```

mod aborted;
mod administer;
mod apply;
mod cache;
mod changes;
mod consume;
mod hex;
mod history;
mod in_doubt;
mod new_threads;
mod notification_keys;
mod numbers;
mod others;
mod preload;
mod preloaded;
mod probe;
mod read_set;
mod rows;
mod statements;
mod suspensions;
mod sweep;
mod transaction;
mod write_set;

pub use new_threads::NewThreadLimit;
pub(crate) use notification_keys::{CHAT, CHAT_TITLE, chat_key};

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use crate::backend::writer::WriterConnection;
use crate::change::{Change, Committed};
use crate::driver_error::DriverError;
use crate::history::CommitRef;
use crate::nodes::NodeId;
use crate::{Database, Error};
use aborted::Aborted;
use cache::Cache;
use history::History;
use read_set::Mode;
use statements::Statements;

/// How often a transaction is run again because of another one's lock.
const CONTENDED_TRIES: u32 = 5;

/// How long a commit waits for other transactions' locks, all tries together; and how long if the commit before has waited
/// in vain. A request may wait for the commit that is under way, and then for its own: 5 s is the most.
const LOCK_PATIENCE: Duration = Duration::from_millis(3_500);
const LOCK_PATIENCE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Returns what a commit is to write; called once the commit holds the counter's lock.
pub(crate) type Gather<'f, 'c> = &'f (dyn Fn() -> &'c [Change] + Sync);

/// The only writer of a node: it owns the node's one connection that writes.
#[derive(Debug)]
pub struct Writer {
    connection: WriterConnection,
    node: NodeId,
    statements: Statements,
    cache: Cache,
    history: History,
    new_thread_limit: Option<Arc<dyn NewThreadLimit>>,
    /// Whether the connection hangs: it must be replaced before anything else.
    hangs: bool,
    /// Whether the last commit has waited in vain for another transaction's lock.
    locked_out: bool,
}

impl Writer {
    /// Makes the writer of a node; `node` marks its commits in the log.
    #[must_use]
    pub fn new(database: Database, node: NodeId) -> Self {
        let statements = Statements::new(database.backend);
        let connection = database.writer_connection();
        Self {
            connection,
            node,
            statements,
            cache: Cache::default(),
            history: History::default(),
            new_thread_limit: None,
            hangs: false,
            locked_out: false,
        }
    }

    /// Limits how many conversations a user may begin; without this there is no limit.
    pub fn limit_new_threads(&mut self, limit: Arc<dyn NewThreadLimit>) {
        self.new_thread_limit = Some(limit);
    }

    /// Opens the connection, while file descriptors are available; otherwise the first commit opens it. A server's
    /// connection belongs to the runtime that this runs on.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open(&mut self) -> Result<(), Error> {
        Ok(self.connection.open().await?)
    }

    /// Commits the changes, in order, as one transaction.
    ///
    /// Must be awaited to its end: a commit that is dropped half-way leaves its connection in doubt. With SQLite it
    /// blocks its thread while it writes: to be run on an OS thread that may block.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing was written. [`Error::Unsettled`]: all or nothing was written,
    /// and the commit log will tell. [`Error::Refused`]: nothing was written, and trying again won't help.
    /// [`Error::WentBack`]: the number was one that this node has seen; nothing was written of what was decided before, and
    /// the history has [begun anew](Writer::begin_anew).
    pub async fn commit(&mut self, changes: &[Change]) -> Result<Committed, Error> {
        self.commit_gathered(&|| changes).await
    }

    /// As [`Writer::commit`], but `gather` is asked for the changes as late as possible: once the commit holds the
    /// counter's lock. So changes that arrive while it waits for other nodes' commits are a part of it. If the transaction
    /// has to run again, `gather` is asked again, and must return the same; if the lock cannot be taken, it is not asked.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn commit_gathered<'c>(
        &mut self,
        gather: &(dyn Fn() -> &'c [Change] + Sync),
    ) -> Result<Committed, Error> {
        let committed = self.try_to_commit(gather).await;
        if matches!(committed, Err(Error::WentBack)) {
            self.begin_anew().await?;
        }
        committed
    }

    /// Notes the newest commit that this node knows to stand, its own or another's.
    pub fn knows(&mut self, newest: &CommitRef) {
        self.history.knows(newest);
    }

    /// Restarts the history, for the database has gone back to an earlier state: no former cursor is valid any more.
    /// Each node that notices does so once. Takes a number. Until it has succeeded, this writer writes nothing else.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing was written. The database may refuse it for ever, if the tables that were restored are
    /// of different moments: then the number is in the log already.
    pub async fn begin_anew(&mut self) -> Result<(), Error> {
        self.history.went_back();
        let begun = self.try_to_commit(&|| &[]).await;
        let why = "it was put back to an earlier state, and its history cannot go on";
        begun.map(drop).map_err(|error| Error::Unavailable(format!("{why}: {error}")))
    }

    async fn try_to_commit(&mut self, gather: Gather<'_, '_>) -> Result<Committed, Error> {
        if self.hangs {
            self.replace_connection().await?;
        }
        let mut mode = Mode::Optimistic;
        let mut contended = 0;
        let mut lost = 0;
        let patience = if self.locked_out { LOCK_PATIENCE_AFTER_FAILURE } else { LOCK_PATIENCE };
        let since = Instant::now();
        loop {
            self.connection.wait_for_lock(patience.saturating_sub(since.elapsed()))?;
            let aborted = match self.transact(gather, mode).boxed().await {
                Ok(committed) => {
                    self.locked_out = false;
                    return Ok(committed);
                }
                Err(aborted) => aborted,
            };
            self.cache.clear();
            match aborted {
                Aborted::Unsettled(why) => return Err(Error::Unsettled(why)),
                // The database has said why, and the log has no such commit: another try would fail as well.
                Aborted::NotCommitted(Some(DriverError::Unable(why))) => return Err(Error::Unavailable(why)),
                Aborted::WentBack => return Err(Error::WentBack),
                // It was lost on the way: the log has no such commit, and never will have.
                Aborted::NotCommitted(_) => lost += 1,
                Aborted::Failed(DriverError::Unique(_)) if mode == Mode::Optimistic => mode = Mode::Checked,
                Aborted::Failed(DriverError::Contended(why)) => {
                    let pause = Duration::from_millis(10 << contended);
                    // Another try may take as long as this one has.
                    if contended == CONTENDED_TRIES || since.elapsed() + pause >= patience / 2 {
                        self.locked_out = true;
                        return Err(Error::Unavailable(why));
                    }
                    tracing::warn!(error = %why, "another transaction was in the commit's way, trying again");
                    tokio::time::sleep(pause).await;
                    contended += 1;
                }
                // The connection died while it was idle: the next try opens another one.
                Aborted::Failed(DriverError::Lost(why)) if lost == 0 => {
                    tracing::warn!(error = %why, "the writing connection was lost, trying another one");
                    lost += 1;
                }
                Aborted::Failed(failure) => return Err(failure.into()),
                Aborted::Hung => {
                    self.hangs = true;
                    self.replace_connection().await?;
                    return Err(Error::Unavailable("no answer in time".to_owned()));
                }
            }
            if lost > 2 {
                return Err(Error::Unavailable("the connection breaks again and again".to_owned()));
            }
        }
    }

    /// Moves the rest of SQLite's write-ahead log into the file, so that the next commit writes the log from its beginning;
    /// returns `false` if a reader of the old log prevents that. A server needs nothing of the kind.
    ///
    /// SQLite does so by itself only if the whole log was moved and no connection reads it, which is rare while commits
    /// follow each other. If another connection did it, a commit would find the file locked, and look again after 1, 3, 8,
    /// 18 and more milliseconds, not when the lock is free. This call blocks its thread, as a commit does.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub fn restart_wal(&mut self) -> Result<bool, Error> {
        Ok(self.connection.restart_wal()?)
    }

    async fn replace_connection(&mut self) -> Result<(), Error> {
        tracing::warn!("the writing connection hangs and is given up");
        self.connection.replace().await?;
        self.hangs = false;
        Ok(())
    }
}
