//! SQLite's log: moved into the file beside the commits, and begun anew between two of them.

use std::sync::Arc;
use std::time::Instant;

use chat_database::commit::Writer;
use ractor::ActorRef;

use super::Message;
use crate::metrics;
use crate::node::Node;

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
    /// So it was when the last commit ended.
    moved_beside_last: bool,
    /// How many times more it is left as long as it is.
    left_long: u32,
}

impl Log {
    /// Somebody may have left a log behind.
    pub(super) fn new() -> Self {
        Self { commits: 1, writes: 0, moving: false, moved_beside_last: false, left_long: 0 }
    }

    /// Another commit is in it.
    pub(super) fn committed(&mut self, writes: usize) {
        self.commits += 1;
        self.writes += writes;
        self.moved_beside_last = self.moving;
    }

    /// Begins to move it, if it is time; returns whether commits carry many writes.
    pub(super) fn begin_move(&mut self) -> Option<bool> {
        if self.moving || self.commits == 0 {
            return None;
        }
        self.moving = true;
        let (commits, writes) = (std::mem::take(&mut self.commits), std::mem::take(&mut self.writes));
        Some(writes >= BUSY_COMMIT * commits)
    }

    /// Tells whether it is being moved or to be begun anew, or was when the last commit ended: what waited for that may have
    /// waited for this.
    pub(super) fn is_in_the_way(&self) -> bool {
        self.moving || self.moved_beside_last
    }

    /// It was moved, and is long now or not; returns whether it is to be begun anew before the next commit.
    pub(super) fn moved(&mut self, long: bool) -> bool {
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
    pub(super) fn begun_anew(&mut self, begun: bool) {
        self.moving = false;
        self.left_long = if begun { 0 } else { LEFT_LONG };
    }
}

/// Moves the log, and tells storage when that has ended, however it has.
pub(super) fn move_beside(node: Arc<Node>, busy: bool, storage: ActorRef<Message>) {
    tokio::spawn(move_log(node, busy, Moving { storage, long: false }));
}

async fn move_log(node: Arc<Node>, busy: bool, mut moving: Moving) {
    match node.database.checkpoint(busy).await {
        Ok(Some(moved)) => {
            metrics::get().log_moves.record(moved.took);
            moving.long = moved.long;
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "checkpoint failed"),
    }
}

/// Begins the log anew; returns whether it was.
pub(super) fn begin_anew(writer: &mut Writer) -> bool {
    let since = Instant::now();
    let begun = writer.begin_log_anew();
    metrics::get().log_seconds.record(since.elapsed());
    begun.unwrap_or_else(|error| {
        tracing::warn!(%error, "the log could not be begun anew");
        false
    })
}

/// Tells storage that the log is no longer being moved.
struct Moving {
    storage: ActorRef<Message>,
    /// It has become long.
    long: bool,
}

impl Drop for Moving {
    fn drop(&mut self) {
        // An actor that has ended leaves it to its successor.
        let _ = self.storage.send_message(Message::Moved(self.long));
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
        assert!(!log.moved(false));
        log.committed(5);
        assert_eq!(log.begin_move(), Some(true), "eight writes in two commits");
        assert!(!log.moved(false));
        assert_eq!(log.begin_move(), None, "nothing was committed");
    }

    #[test]
    fn a_log_that_somebody_goes_on_reading_is_left_alone_for_two_times_and_moved_all_the_while() {
        let mut log = Log::new();
        let mut next = |begun: Option<bool>| {
            log.committed(1);
            assert!(log.begin_move().is_some());
            let to_be_begun = log.moved(true);
            assert_eq!(to_be_begun, begun.is_some());
            if let Some(begun) = begun {
                log.committed(1);
                assert_eq!(log.begin_move(), None, "it is to be begun anew first");
                log.begun_anew(begun);
            }
        };
        next(Some(false));
        next(None);
        next(None);
        next(Some(true));
        next(Some(true));
    }

    struct Hears;

    impl Actor for Hears {
        type Msg = Message;
        type State = UnboundedSender<bool>;
        type Arguments = UnboundedSender<bool>;

        async fn pre_start(
            &self,
            _: ActorRef<Message>,
            heard: UnboundedSender<bool>,
        ) -> Result<UnboundedSender<bool>, ActorProcessingErr> {
            Ok(heard)
        }

        async fn handle(
            &self,
            _: ActorRef<Message>,
            message: Message,
            heard: &mut UnboundedSender<bool>,
        ) -> Result<(), ActorProcessingErr> {
            if let Message::Moved(long) = message {
                heard.send(long)?;
            }
            Ok(())
        }
    }

    /// It would never have been moved again.
    #[tokio::test]
    async fn storage_hears_the_end_of_a_move_that_panics() {
        let (heard, mut hears) = unbounded_channel();
        let (storage, _) = ActorRuntime::spawn(None, Hears, heard).await.expect("it starts");
        let moving = Moving { storage: storage.clone(), long: false };
        let moved = tokio::spawn(async move {
            let _moving = moving;
            panic!("as a move may");
        });
        assert!(moved.await.is_err());
        assert_eq!(hears.recv().await, Some(false));
        storage.stop(None);
    }
}
