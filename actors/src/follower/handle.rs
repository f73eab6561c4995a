//! The way to the follower.

use std::sync::Arc;

use ractor::ActorRef;

use crate::actor_slot::ActorSlot;
use crate::relay::message::Received;

/// The way to the follower. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct FollowerHandle(Arc<ActorSlot<FollowerMsg>>);

impl FollowerHandle {
    /// Asks the follower to look now.
    pub(crate) fn wake(&self) {
        // A follower that has not started yet looks by itself.
        let _ = self.0.send(FollowerMsg::Look);
    }

    /// Hands over what another node said of a commit: a header, or content.
    pub(crate) fn heard(&self, received: Received) {
        // What arrives before there is a follower is found in the database.
        let _ = self.0.send(FollowerMsg::Heard(received));
    }

    pub(super) fn set_actor(&self, actor: ActorRef<FollowerMsg>) {
        self.0.set(actor);
    }
}

/// A message to the follower.
#[derive(Debug)]
pub(crate) enum FollowerMsg {
    /// Look for commits of other nodes.
    Look,
    /// Another node said something of a commit.
    Heard(Received),
}
