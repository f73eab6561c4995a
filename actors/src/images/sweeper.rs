//! The sweeper: removes images that no user sent, and those of deleted messages, from the store and from the table.
//!
//! An image is first given up in a commit, so that no user can send it any more; then it is removed from the store, and
//! then its row is removed. A crash in between leaves a row that has expired, which the next sweep finds.

use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::media::Store;
use chat_database::queries::media;
use chat_database::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::removal::{Removed, remove};
use crate::error::Error;
use crate::metrics;
use crate::storage::handle::StorageHandle;

/// How many images are swept with one commit.
const AT_ONCE: u32 = 100;

/// A message to the sweeper.
#[derive(Debug)]
pub(crate) enum SweeperMsg {
    /// Time to sweep.
    Sweep,
}

/// Deletes images that no message holds.
pub(crate) struct Sweeper;

/// What the sweeper uses.
pub(crate) struct SweeperContext {
    pub(crate) database: Database,
    pub(crate) storage: StorageHandle,
    pub(crate) store: Store,
    /// How often the sweeper sweeps.
    pub(crate) interval: Duration,
}

pub(crate) struct State {
    context: Arc<SweeperContext>,
    /// How many of the images that expired first the store failed to remove. The sweep skips them, so that they do not hold
    /// up the rest.
    stuck: u32,
}

impl Actor for Sweeper {
    type Msg = SweeperMsg;
    type State = State;
    type Arguments = Arc<SweeperContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<SweeperMsg>,
        context: Arc<SweeperContext>,
    ) -> Result<State, ActorProcessingErr> {
        myself.send_after(context.interval, || SweeperMsg::Sweep);
        Ok(State { context, stuck: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<SweeperMsg>,
        message: SweeperMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SweeperMsg::Sweep => {
                state.sweep().await;
                // Scheduled after the sweep: slow sweeps do not pile up in the mailbox.
                myself.send_after(state.context.interval, || SweeperMsg::Sweep);
            }
        }
        Ok(())
    }
}

impl State {
    async fn sweep(&mut self) {
        let mut swept = 0;
        if let Err(error) = self.sweep_all(&mut swept).await {
            metrics::get().sweep_failures.increment(1);
            tracing::warn!(%error, images.swept = swept, "the sweep of images stopped; the next one goes on");
        } else if swept > 0 {
            tracing::info!(images.swept = swept, "swept images that no message holds");
        }
    }

    /// Sweeps the images that expired first, and skips those that the store failed to remove. If the store removes none of
    /// a batch, the sweep ends. The next one goes on behind that batch, and starts over once nothing is left there.
    async fn sweep_all(&mut self, swept: &mut usize) -> Result<(), Error> {
        let mut failure = None;
        loop {
            let now = Timestamp::now();
            let over = media::over(&self.context.database, now, self.stuck, AT_ONCE).await?;
            if over.is_empty() {
                self.stuck = 0;
                return failure.map_or(Ok(()), Err);
            }
            let Removed { gone, left } = remove(&self.context.storage, &self.context.store, over, now).await?;
            *swept += gone;
            if let Some((count, error)) = left {
                self.stuck += count;
                if gone == 0 {
                    return Err(error);
                }
                failure = Some(error);
            }
        }
    }
}
