//! The handle of the relay, for the rest of the node.

use std::sync::Arc;

use bytes::Bytes;

use super::link::Link;
use super::message::{Destination, Kind};
use super::queue::Queue;
use crate::delivery_frontier::DeliveryFrontier;
use crate::metrics;

/// The handle of the relay. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RelayHandle(Option<Arc<Outbound>>);

/// The queue of messages to be sent, and the state of the link.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) queue: Queue,
    pub(super) link: Link,
    /// Names the present history.
    frontier: DeliveryFrontier,
}

impl Outbound {
    pub(super) fn new(frontier: DeliveryFrontier) -> Self {
        Self { queue: Queue::default(), link: Link::default(), frontier }
    }
}

impl RelayHandle {
    /// Returns the handle of a node without a relay: the others find its commits by polling.
    pub(crate) fn alone() -> Self {
        Self(None)
    }

    pub(super) fn over(outbound: Arc<Outbound>) -> Self {
        Self(Some(outbound))
    }

    /// Queues a message for other nodes. Never waits and never fails: a message that cannot be sent leaves a hole in the
    /// sequence numbers of its destination, and the receivers then read the database.
    pub(crate) fn publish(&self, to: Destination, kind: Kind, body: Bytes) {
        let Some(Outbound { queue, link, frontier }) = self.0.as_deref() else { return };
        let metrics = &metrics::get().relay;
        if !link.is_up() {
            // The message would be out of date by the time that the link is back.
            queue.skip(&to);
            metrics.dropped.increment(1);
        } else if queue.push(to, kind, frontier.epoch(), body) {
            metrics.queue.increment(1.0);
        } else {
            metrics.dropped.increment(1);
        }
    }

    /// Tells whether there is no relay: then nothing need be encoded.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    /// Tells whether the relay is up; `None` if there is none.
    pub(crate) fn state(&self) -> Option<bool> {
        self.0.as_ref().map(|outbound| outbound.link.is_up())
    }

    /// Tells whether published messages are sent now.
    pub(crate) fn is_up(&self) -> bool {
        self.state() == Some(true)
    }
}
