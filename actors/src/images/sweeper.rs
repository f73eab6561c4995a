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

impl Actor for Sweeper {
    type Msg = Message;
    type State = Arc<Node>;
    type Arguments = Arc<Node>;

    async fn pre_start(&self, myself: ActorRef<Message>, node: Arc<Node>) -> Result<Arc<Node>, ActorProcessingErr> {
        myself.send_after(node.options.images.sweep_every, || Message::Sweep);
        Ok(node)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        node: &mut Arc<Node>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Sweep => {
                sweep(node).await;
                // One after the other, however long one takes.
                myself.send_after(node.options.images.sweep_every, || Message::Sweep);
            }
        }
        Ok(())
    }
}

async fn sweep(node: &Node) {
    let mut swept = 0;
    loop {
        match sweep_some(node).await {
            Ok(0) => break,
            Ok(some) => swept += some,
            Err(refused) => {
                metrics::get().sweep_failures.increment(1);
                tracing::warn!(error = %refused, images.swept = swept, "the sweep of images stopped; the next one goes on");
                return;
            }
        }
    }
    if swept > 0 {
        tracing::info!(images.swept = swept, "swept images that no message holds");
    }
}

/// Sweeps the images whose time has been over for longest; returns how many there were.
async fn sweep_some(node: &Node) -> Result<usize, Refused> {
    let now = Timestamp::now();
    let over = media::over(&node.database, now, AT_ONCE).await?;
    if over.is_empty() {
        return Ok(0);
    }
    take_away(node, over, now).await
}

/// Takes away those images that no message holds and whose time is over by `by`; returns how many there were.
///
/// What cannot be taken from the store keeps its row, and the next sweep begins with it.
pub(crate) async fn take_away(node: &Node, images: Vec<MediaId>, by: Timestamp) -> Result<usize, Refused> {
    let Outcome::GivenUp(given_up) = node.storage.call(Change::GiveUp(images, by)).await? else {
        return Err(Refused::internal());
    };
    let mut gone: Vec<MediaId> = Vec::with_capacity(given_up.len());
    let mut failed = None;
    for (id, key) in given_up {
        match node.images.store().remove(&key).await {
            Ok(()) => gone.push(id),
            Err(error) => failed = Some(error),
        }
    }
    let count = gone.len();
    if count > 0 {
        node.storage.call(Change::Forget(gone)).await?;
        metrics::get().images_swept.increment(u64::try_from(count).unwrap_or_default());
    }
    match failed {
        Some(error) => Err(super::unavailable(&error)),
        None => Ok(count),
    }
}
