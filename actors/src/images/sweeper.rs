//! The sweeper: removes images that no user sent, and those of deleted messages, from the store and from the table.
//!
//! Each image is first given up in a commit, so that no user can send it any more; then it goes from the store; then its row
//! goes. A crash anywhere in between leaves a row whose time is over, which the next sweep finds.

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
    /// How many of the images whose time has been over for longest the store would not give up: they must not keep the rest
    /// waiting.
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
                // One after the other, however long one takes.
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

    /// Sweeps from the images whose time has been over for longest, past those that the store does not give up. A store that
    /// gives up none of many is left alone until the next sweep, which goes on behind them, and then begins again.
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
