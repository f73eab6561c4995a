//! The sweeper: takes away images that nobody sent, and those of deleted messages, from the store and from the table.
//!
//! Each image is first given up in a commit, so that nobody can send it any more; then it goes from the store; then its row
//! goes. A crash anywhere in between leaves a row whose time is over, which the next sweep finds.

use std::sync::Arc;

use chat_database::change::{Change, Outcome};
use chat_database::ids::MediaId;
use chat_database::queries::media;
use chat_database::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::metrics;
use crate::node::Node;
use crate::refused::Refused;

/// How many images are swept with one commit.
const AT_ONCE: u32 = 100;

/// What the sweeper is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// Time to sweep.
    Sweep,
}

/// The actor.
pub(crate) struct Sweeper;

/// What it works on.
pub(crate) struct State {
    node: Arc<Node>,
    /// How many of those whose time has been over for longest the store would not give up: they must not keep the rest waiting.
    stuck: u32,
}

impl Actor for Sweeper {
    type Msg = Message;
    type State = State;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, myself: ActorRef<Message>, node: Arc<Node>) -> Result<State, ActorProcessingErr> {
        myself.send_after(node.options.images.sweep_every, || Message::Sweep);
        Ok(State { node, stuck: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Sweep => {
                state.sweep().await;
                // One after the other, however long one takes.
                myself.send_after(state.node.options.images.sweep_every, || Message::Sweep);
            }
        }
        Ok(())
    }
}

impl State {
    async fn sweep(&mut self) {
        let mut swept = 0;
        if let Err(refused) = self.sweep_all(&mut swept).await {
            metrics::get().sweep_failures.increment(1);
            tracing::warn!(error = %refused, images.swept = swept, "the sweep of images stopped; the next one goes on");
        } else if swept > 0 {
            tracing::info!(images.swept = swept, "swept images that no message holds");
        }
    }

    /// Sweeps from the images whose time has been over for longest, past those that the store does not give up. A store that
    /// gives up none of many is left alone until the next sweep, which goes on behind them, and then begins again.
    async fn sweep_all(&mut self, swept: &mut usize) -> Result<(), Refused> {
        let mut failure = None;
        loop {
            let now = Timestamp::now();
            let over = media::over(&self.node.database, now, self.stuck, AT_ONCE).await?;
            if over.is_empty() {
                self.stuck = 0;
                return failure.map_or(Ok(()), Err);
            }
            let TakenAway { gone, left } = take_away(&self.node, over, now).await?;
            *swept += gone;
            if let Some((count, refused)) = left {
                self.stuck += count;
                if gone == 0 {
                    return Err(refused);
                }
                failure = Some(refused);
            }
        }
    }
}

/// What became of images that were to go.
pub(crate) struct TakenAway {
    /// How many are gone, from the store and from the table.
    pub(crate) gone: usize,
    /// How many the store would not give up, and why: they keep their rows.
    pub(crate) left: Option<(u32, Refused)>,
}

/// Takes away those images that no message holds and whose time is over by `by`.
pub(crate) async fn take_away(node: &Node, images: Vec<MediaId>, by: Timestamp) -> Result<TakenAway, Refused> {
    let Outcome::GivenUp(given_up) = node.storage.call(Change::GiveUp(images, by)).await? else {
        return Err(Refused::internal());
    };
    let mut gone: Vec<MediaId> = Vec::with_capacity(given_up.len());
    let mut left = None;
    for (id, key) in given_up {
        match node.images.store().remove(&key).await {
            Ok(()) => gone.push(id),
            Err(error) => {
                let so_far = left.map_or(0, |(count, _)| count);
                left = Some((so_far + 1, super::unavailable(&error)));
            }
        }
    }
    let count = gone.len();
    if count > 0 {
        node.storage.call(Change::Forget(gone)).await?;
        metrics::get().images_swept.increment(u64::try_from(count).unwrap_or_default());
    }
    Ok(TakenAway { gone: count, left })
}
