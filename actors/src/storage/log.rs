//! SQLite's log: moved into the file beside the commits, and begun anew between two of them.

use std::mem;
use std::time::Instant;

use chat_database::Database;
use chat_database::commit::Writer;
use ractor::ActorRef;

use super::message::{CheckpointEnded, StorageMsg};
use crate::metrics;

/// How often in a row the log is left as long as it is when somebody went on reading it: commits had waited for them.
const LEFT_LONG: u32 = 2;

/// From how many writes in a commit, on average, there are so many messages that cheap commits count.
const BUSY_COMMIT: usize = 4;

/// What is known of the log.
#[derive(Debug)]
pub(super) struct Log {
    /// What was committed since it was last moved: commits, and their writes.
    commits: usize,
    writes: usize,
    /// It is being moved, or to be begun anew.
    moving: bool,
    /// How many times more it is left as long as it is.
    left_long: u32,
    /// Why it could not be moved the last time.
    failing: Option<String>,
}

impl Log {
    /// Somebody may have left a log behind.
    pub(super) fn new() -> Self {
        Self { commits: 1, writes: 0, moving: false, left_long: 0, failing: None }
    }

    /// Another commit is in it.
    pub(super) fn committed(&mut self, writes: usize) {
        self.commits += 1;
        self.writes += writes;
    }

    /// Begins to move it, if it is time; returns whether commits carry many writes.
    pub(super) fn begin_move(&mut self) -> Option<bool> {
        if self.moving || self.commits == 0 {
            return None;
        }
        self.moving = true;
        let (commits, writes) = (mem::take(&mut self.commits), mem::take(&mut self.writes));
        Some(writes >= BUSY_COMMIT * commits)
    }

    /// A move has ended; returns whether the log is to be begun anew before the next commit. What goes wrong is said once, for it
    /// is tried ten times a second.
    pub(super) fn moved(&mut self, ended: CheckpointEnded) -> bool {
        let long = match ended {
            CheckpointEnded::Moved { long } => {
                if self.failing.take().is_some() {
                    tracing::info!("SQLite's log is moved into its file again");
                }
                long
            }
            CheckpointEnded::Failed(error) => {
                if self.failing.as_ref() != Some(&error) {
                    tracing::error!(%error, "SQLite's log cannot be moved into its file, and grows until it can");
                }
                self.failing = Some(error);
                false
            }
        };
        if long && self.left_long == 0 {
            return true;
        }
        self.moving = false;
        if long {
            self.left_long -= 1;
        }
        false
    }

    /// It was begun anew, or could not be.
    pub(super) fn wal_restarted(&mut self, begun: bool) {
        self.moving = false;
        self.left_long = if begun { 0 } else { LEFT_LONG };
    }
}

/// Moves the log, and tells storage when that has ended, however it has.
pub(super) fn move_beside(database: Database, busy: bool, storage: ActorRef<StorageMsg>) {
    tokio::spawn(move_log(database, busy, Moving::new(storage)));
}

async fn move_log(database: Database, busy: bool, mut moving: Moving) {
    moving.ended = match database.checkpoint(busy).await {
        Ok(moved) => {
            if let Some(moved) = moved {
                metrics::get().wal_checkpoints.record(moved.took);
            }
            CheckpointEnded::Moved { long: moved.is_some_and(|moved| moved.long) }
        }
        Err(error) => CheckpointEnded::Failed(error.to_string()),
    };
}

/// Begins the log anew; returns whether it was.
pub(super) fn restart_wal(writer: &mut Writer) -> bool {
    let since = Instant::now();
    let begun = writer.restart_wal();
    metrics::get().wal_restarts.record(since.elapsed());
    begun.unwrap_or_else(|error| {
        tracing::warn!(%error, "the log could not be begun anew");
        false
    })
}

/// Tells storage that the log is no longer being moved.
struct Moving {
    storage: ActorRef<StorageMsg>,
    ended: CheckpointEnded,
}

impl Moving {
    fn new(storage: ActorRef<StorageMsg>) -> Self {
        Self { storage, ended: CheckpointEnded::Failed("the move broke off".to_owned()) }
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        // An actor that has ended leaves it to its successor.
        let ended = mem::replace(&mut self.ended, CheckpointEnded::Moved { long: false });
        let _ = self.storage.send_message(StorageMsg::CheckpointEnded(ended));
    }
}

#[cfg(test)]
mod tests {
    use ractor::{Actor, ActorProcessingErr, ActorRuntime};
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;

    #[test]
    fn it_is_moved_once_at_a_time_and_only_if_there_is_something_to_move() {
        let mut log = Log::new();
        assert_eq!(log.begin_move(), Some(false), "what a predecessor has left");
        log.committed(3);
        assert_eq!(log.begin_move(), None, "it is being moved");
        assert!(!log.moved(CheckpointEnded::Moved { long: false }));
        log.committed(5);
        assert_eq!(log.begin_move(), Some(true), "eight writes in two commits");
        assert!(!log.moved(CheckpointEnded::Moved { long: false }));
        assert_eq!(log.begin_move(), None, "nothing was committed");
    }

    #[test]
    fn a_log_that_somebody_goes_on_reading_is_left_alone_for_two_times_and_moved_all_the_while() {
        let mut log = Log::new();
        let mut next = |begun: Option<bool>| {
            log.committed(1);
            assert!(log.begin_move().is_some());
            let to_be_begun = log.moved(CheckpointEnded::Moved { long: true });
            assert_eq!(to_be_begun, begun.is_some());
            if let Some(begun) = begun {
                log.committed(1);
                assert_eq!(log.begin_move(), None, "it is to be begun anew first");
                log.wal_restarted(begun);
            }
        };
        next(Some(false));
        next(None);
        next(None);
        next(Some(true));
        next(Some(true));
    }

    #[test]
    fn a_log_that_cannot_be_moved_is_tried_again_with_the_next_commit() {
        let mut log = Log::new();
        for _ in 0..2 {
            assert!(log.begin_move().is_some());
            assert!(!log.moved(CheckpointEnded::Failed("as the disk may".to_owned())));
            assert_eq!(log.failing.as_deref(), Some("as the disk may"));
            log.committed(1);
        }
        assert!(log.begin_move().is_some());
        log.moved(CheckpointEnded::Moved { long: false });
        assert_eq!(log.failing, None);
    }

    struct Hears;

    impl Actor for Hears {
        type Msg = StorageMsg;
        type State = UnboundedSender<CheckpointEnded>;
        type Arguments = UnboundedSender<CheckpointEnded>;

        async fn pre_start(
            &self,
            _: ActorRef<StorageMsg>,
            heard: UnboundedSender<CheckpointEnded>,
        ) -> Result<UnboundedSender<CheckpointEnded>, ActorProcessingErr> {
            Ok(heard)
        }

        async fn handle(
            &self,
            _: ActorRef<StorageMsg>,
            message: StorageMsg,
            heard: &mut UnboundedSender<CheckpointEnded>,
        ) -> Result<(), ActorProcessingErr> {
            if let StorageMsg::CheckpointEnded(ended) = message {
                heard.send(ended)?;
            }
            Ok(())
        }
    }

    /// It would never have been moved again.
    #[tokio::test]
    async fn storage_hears_the_end_of_a_move_that_panics() {
        let (heard, mut hears) = unbounded_channel();
        let (storage, _) = ActorRuntime::spawn(None, Hears, heard).await.expect("it starts");
        let moving = Moving::new(storage.clone());
        let moved = tokio::spawn(async move {
            let _moving = moving;
            panic!("as a move may");
        });
        assert!(moved.await.is_err());
        assert!(matches!(hears.recv().await, Some(CheckpointEnded::Failed(_))));
        storage.stop(None);
    }
}
