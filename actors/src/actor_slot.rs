//! The address of a permanent actor: empty until the actor has started, replaced when its supervisor starts it again.

use std::sync::{PoisonError, RwLock};

use ractor::{ActorRef, Message};

/// The address of the actor that takes `M`, if one has started.
pub(crate) struct ActorSlot<M: Message>(RwLock<Option<ActorRef<M>>>);

impl<M: Message> Default for ActorSlot<M> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}

impl<M: Message> ActorSlot<M> {
    /// Enters the address of an actor that has started.
    pub(crate) fn set(&self, actor: ActorRef<M>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }

    /// Sends a message. Returns it if no actor has started yet. If the actor has ended, the message is dropped; what it
    /// holds (a requester, a delivery guard) then reports the failure in its `Drop`.
    pub(crate) fn send(&self, message: M) -> Result<(), M> {
        let actor = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(actor) = actor.as_ref() else { return Err(message) };
        let _ = actor.send_message(message);
        Ok(())
    }
}
