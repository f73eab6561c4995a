//! What carries messages between nodes.

use std::sync::Arc;

use bytes::Bytes;
use chat_database::nodes::NodeId;

use super::envelope::{Codec, Envelope};
use super::handle::Outbound;
use super::message::Destination;
use super::queue::Outgoing;
use crate::metrics;

/// What carries messages between nodes. It may lose them, and may be slow.
pub(super) trait Transport: Send + Sync {
    /// Sends a message as soon as there is room for it. Tells whether it was accepted, not whether it arrives.
    fn send(&self, to: &Destination, message: Bytes) -> impl Future<Output = bool> + Send;
}

/// Signs and sends messages.
pub(super) struct Sender {
    pub(super) me: NodeId,
    pub(super) codec: Codec,
    pub(super) outbound: Arc<Outbound>,
}

impl Sender {
    /// Sends waiting messages, one after another, until the future is dropped.
    pub(super) async fn forward(&self, transport: &impl Transport) {
        let metrics = &metrics::get().relay;
        loop {
            let next = self.outbound.queue.pop().await;
            metrics.queue.decrement(1.0);
            if self.send(next, transport).await {
                metrics.sent.increment(1);
            } else {
                metrics.dropped.increment(1);
            }
        }
    }

    async fn send(&self, next: Outgoing, transport: &impl Transport) -> bool {
        let link = &self.outbound.link;
        if !link.is_up() {
            return false;
        }
        let Outgoing { to, kind, sequence, epoch, body } = next;
        let envelope = Envelope { kind, from: self.me.clone(), sequence, epoch, body };
        let Some(message) = self.codec.seal(&to, &envelope) else {
            tracing::warn!(?kind, bytes = envelope.body.len(), "a message is too large to be told to other nodes");
            return false;
        };
        tokio::select! {
            sent = transport.send(&to, message) => sent,
            () = link.down() => false,
        }
    }
}
