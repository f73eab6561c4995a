//! The handle of the actor that sends webhooks.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::oneshot;

use super::message::WebhookMsg;
use crate::actor_slot::ActorSlot;

/// The handle of the actor that sends webhooks. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct WebhookHandle(Arc<ActorSlot<WebhookMsg>>);

impl WebhookHandle {
    /// Tells the actor that a webhook was changed on this node.
    pub(crate) fn changed(&self) {
        // An actor that has not started yet reads the webhooks by itself.
        let _ = self.0.send(WebhookMsg::Changed);
    }

    /// Stops sending, waits for requests under way, and gives the lease back.
    pub(crate) async fn drain(&self) {
        let (done, drained) = oneshot::channel();
        let _ = self.0.send(WebhookMsg::Drain(done));
        // An actor that has ended has nothing under way; its lease runs out.
        let _ = drained.await;
    }

    pub(super) fn set_actor(&self, actor: ActorRef<WebhookMsg>) {
        self.0.set(actor);
    }
}
