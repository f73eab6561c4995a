//! The handle of the actor that beats.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::{oneshot, watch};

use crate::actor_slot::ActorSlot;

/// The handle of the actor that beats. Also tells whether another process has the node's name. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct NodeBeatHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    actor: ActorSlot<NodeBeatMsg>,
    ousted: watch::Sender<bool>,
}

impl NodeBeatHandle {
    /// Asks for a beat now, for instance to tell the other nodes that this one drains.
    pub(crate) fn beat(&self) {
        // An actor that has not started yet beats by itself.
        let _ = self.0.actor.send(NodeBeatMsg::Beat);
    }

    /// Gives the node's name back, and waits until that is done; there are no beats afterwards.
    pub(crate) async fn release(&self) {
        let (done, released) = oneshot::channel();
        let _ = self.0.actor.send(NodeBeatMsg::Release(done));
        // If the actor has ended, another process takes the name once it finds that the beats have stopped.
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
