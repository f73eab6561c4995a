//! The way to the actor that beats.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::{oneshot, watch};

use crate::actor_slot::ActorSlot;

/// The way to the actor that beats, and whether its node may go on. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct NodeBeatHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    actor: ActorSlot<NodeBeatMsg>,
    ousted: watch::Sender<bool>,
}

impl NodeBeatHandle {
    /// Has the other nodes told now how this one is.
    pub(crate) fn beat(&self) {
        // An actor that has not started yet beats by itself.
        let _ = self.0.actor.send(NodeBeatMsg::Beat);
    }

    /// Gives the node's name back, and waits for that; there are no beats afterwards.
    pub(crate) async fn release(&self) {
        let (done, released) = oneshot::channel();
        let _ = self.0.actor.send(NodeBeatMsg::Release(done));
        // An actor that has ended leaves the name to the next process, once that finds that it beats no more.
        let _ = released.await;
    }

    /// Waits until another process has the node's name.
    pub(crate) async fn ousted(&self) {
        let mut ousted = self.0.ousted.subscribe();
        // The sender lives as long as this handle.
        let _ = ousted.wait_for(|ousted| *ousted).await;
    }

    /// Notes that another process has the node's name.
    pub(super) fn set_ousted(&self) {
        self.0.ousted.send_replace(true);
    }

    pub(super) fn set_actor(&self, actor: ActorRef<NodeBeatMsg>) {
        self.0.actor.set(actor);
    }
}

/// A message to the actor.
#[derive(Debug)]
pub(crate) enum NodeBeatMsg {
    /// Time to beat.
    Beat,
    /// The node ends: give its name back.
    Release(oneshot::Sender<()>),
}
