//! Checkpoints of the database's write-ahead log, beside the commits, and restarts of the log between two of them.
//!
//! A task asks for a checkpoint ten times a second, if anything was committed. If the checkpoint finds the log long, the
//! next commit first restarts the log; if the checkpoint did that, a commit would find the file locked. A long read, such
//! as a backup, holds a snapshot that checkpoints cannot move pages past. Then no commit tries a restart in vain: the next
//! restart waits until pages are moved again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chat_database::commit::Writer;
use chat_database::connect::Checkpoint;
use chat_database::{Database, Error};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::metrics;

/// The time between two checkpoints. A commit that comes meanwhile waits for the disk, too: little and often keeps that short.
const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(100);

/// How many checkpoints leave a long log alone after a restart that readers prevented, for commits waited for it.
const PAUSE: u32 = 2;

/// The task that asks for checkpoints. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct WalCheckpoints {
    log: Arc<WalState>,
    task: Option<JoinHandle<()>>,
}

/// The state that the task and the commits share.
#[derive(Debug)]
pub(super) struct WalState {
    /// Whether something was committed since the last checkpoint began.
    committed: AtomicBool,
    /// Whether the next commit is to restart the log; until it has, no checkpoint begins.
    restart: AtomicBool,
    /// How many more checkpoints leave a long log alone.
    pause: AtomicU32,
    /// How many pages were moved when a restart was last asked for.
    moved: AtomicI64,
}

impl WalCheckpoints {
    /// Starts the task, if the database needs it.
    pub(super) fn start(database: &Database) -> Self {
        let log = Arc::new(WalState::new());
        let task = database.needs_checkpoints().then(|| tokio::spawn(run(database.clone(), Arc::clone(&log))));
        Self { log, task }
    }

    /// Starts the task again if it has ended: without it the log would grow for as long as storage lives.
    pub(super) fn keep_running(&mut self, database: &Database) {
        if self.task.as_ref().is_some_and(JoinHandle::is_finished) {
            tracing::error!("the task that asks for checkpoints has ended; it is started again");
            *self = Self::start(database);
        }
    }

    /// Returns the state that commits share with the task.
    pub(super) fn log(&self) -> Arc<WalState> {
        Arc::clone(&self.log)
    }
}

impl Drop for WalCheckpoints {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl WalState {
    fn new() -> Self {
        // A process before this one may have left a log behind.
        let committed = AtomicBool::new(true);
        Self { committed, restart: AtomicBool::default(), pause: AtomicU32::default(), moved: AtomicI64::default() }
    }

    /// Notes that another commit is in the log.
    pub(super) fn committed(&self) {
        self.committed.store(true, Ordering::Relaxed);
    }

    /// Restarts the log if that is due. It blocks its thread, as a commit does.
    pub(super) fn restart_if_long(&self, writer: &mut Writer) {
        if !self.restart.load(Ordering::Relaxed) {
            return;
        }
        let since = Instant::now();
        let restarted = writer.restart_wal().unwrap_or_else(|error| {
            tracing::warn!(%error, "the write-ahead log could not be restarted");
            false
        });
        metrics::get().wal_restarts.record(since.elapsed());
        self.restarted(restarted);
    }

    fn restarted(&self, restarted: bool) {
        self.pause.store(if restarted { 0 } else { PAUSE }, Ordering::Relaxed);
        self.restart.store(false, Ordering::Relaxed);
    }

    fn checkpointed(&self, checkpoint: Checkpoint) {
        let paused =
            || self.pause.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if !checkpoint.wal_is_long || paused() {
            return;
        }
        // If no page was moved since the last restart was asked for, the same reader would prevent this one.
        if self.moved.swap(checkpoint.moved, Ordering::Relaxed) != checkpoint.moved {
            self.restart.store(true, Ordering::Relaxed);
        }
    }
}

async fn run(database: Database, log: Arc<WalState>) {
    let mut ticks = interval(CHECKPOINT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = None;
    loop {
        ticks.tick().await;
        // No checkpoint begins before a restart: the restart would wait for it, and commits for the restart.
        let restarts = log.restart.load(Ordering::Relaxed);
        if !restarts && log.committed.swap(false, Ordering::Relaxed) {
            note(&log, &mut failing, database.checkpoint().await);
        }
    }
}

/// Notes how a checkpoint has ended. A failure is logged once, for the next try is a tenth of a second away.
fn note(log: &WalState, failing: &mut Option<String>, result: Result<Option<Checkpoint>, Error>) {
    match result {
        Ok(checkpoint) => {
            if failing.take().is_some() {
                tracing::info!("the write-ahead log is moved into the database's file again");
            }
            if let Some(checkpoint) = checkpoint {
                metrics::get().wal_checkpoints.record(checkpoint.took);
                log.checkpointed(checkpoint);
            }
        }
        Err(error) => {
            let error = error.to_string();
            if failing.as_ref() != Some(&error) {
                tracing::error!(%error, "the write-ahead log cannot be moved into the database's file, and grows until it can");
            }
            *failing = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_testkit::waiting::{passes, until};

    use super::*;

    /// A checkpoint after which so many pages of a long log are in the file.
    fn checkpoint(moved: i64) -> Checkpoint {
        Checkpoint { wal_is_long: true, moved, took: Duration::ZERO }
    }

    fn restart_is_due(log: &WalState, checkpoint: Checkpoint) -> bool {
        log.checkpointed(checkpoint);
        log.restart.load(Ordering::Relaxed)
    }

    #[test]
    fn a_log_that_readers_keep_is_left_alone_for_two_checkpoints() {
        let log = WalState::new();
        assert!(!restart_is_due(&log, Checkpoint { wal_is_long: false, ..checkpoint(1) }));
        assert!(restart_is_due(&log, checkpoint(9_000)));
        log.restarted(false);
        assert_eq!([9_100, 9_200, 9_300].map(|moved| restart_is_due(&log, checkpoint(moved))), [false, false, true]);
        log.restarted(true);
        assert!(restart_is_due(&log, checkpoint(8_200)));
    }

    #[test]
    fn while_a_snapshot_keeps_pages_in_the_log_no_restart_is_tried_again() {
        let log = WalState::new();
        assert!(restart_is_due(&log, checkpoint(9_000)));
        log.restarted(false);
        assert!((0..600).all(|_| !restart_is_due(&log, checkpoint(9_000))), "the backup takes a minute");
        assert!(restart_is_due(&log, checkpoint(20_000)), "it has ended");
    }

    #[test]
    fn a_checkpoint_that_failed_is_followed_by_others() {
        let (log, mut failing) = (WalState::new(), None);
        for _ in 0..2 {
            note(&log, &mut failing, Err(Error::Unavailable("as the disk may".to_owned())));
            assert!(failing.as_ref().is_some_and(|why| why.contains("as the disk may")));
        }
        note(&log, &mut failing, Ok(Some(checkpoint(9_000))));
        assert_eq!((failing, log.restart.load(Ordering::Relaxed)), (None, true));
    }

    #[tokio::test]
    async fn what_was_committed_is_moved_and_the_task_ends_with_storage() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/chat.db?mode=rwc", folder.path().display());
        let options = chat_database::connect::Options { url, readers: 1 };
        let database = Database::connect(&options).await.expect("a database");
        let checkpoints = WalCheckpoints::start(&database);
        let log = checkpoints.log();
        for _ in 0..2 {
            log.committed();
            until("a checkpoint", async || (!log.committed.load(Ordering::Relaxed)).then_some(())).await;
        }
        drop(checkpoints);
        tokio::task::yield_now().await;
        log.committed();
        passes(2 * CHECKPOINT_INTERVAL).await;
        assert!(log.committed.load(Ordering::Relaxed), "no task looks at it");
        database.close().await;
    }
}
