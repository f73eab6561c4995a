//! The way to the other nodes, for the rest of the node.

use std::sync::Arc;

use bytes::Bytes;

use super::link::Link;
use super::message::{Destination, Kind};
use super::queue::Queue;
use crate::delivery_frontier::DeliveryFrontier;
use crate::metrics;

/// The way to the other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RelayHandle(Option<Arc<Outbound>>);

/// What waits to be sent, and whether it can be.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) queue: Queue,
    pub(super) link: Link,
    /// Knows the name of the history.
    frontier: DeliveryFrontier,
}

impl Outbound {
    pub(super) fn new(frontier: DeliveryFrontier) -> Self {
        Self { queue: Queue::default(), link: Link::default(), frontier }
    }
}

impl RelayHandle {
    /// Returns the handle of a node that tells others nothing: they find its commits by polling.
    pub(crate) fn alone() -> Self {
        Self(None)
    }

    pub(super) fn over(outbound: Arc<Outbound>) -> Self {
        Self(Some(outbound))
    }

    /// Puts a message in line for other nodes. Never waits and never fails: what cannot be sent leaves a hole in the sequence
    /// numbers of its destination, and the receivers turn to the database.
    pub(crate) fn publish(&self, to: Destination, kind: Kind, body: Bytes) {
        let Some(Outbound { queue, link, frontier }) = self.0.as_deref() else { return };
        let metrics = &metrics::get().relay;
        if !link.is_up() {
            // By the time that the link is back, what is said now is out of date.
            queue.skip(&to);
            metrics.dropped.increment(1);
        } else if queue.push(to, kind, frontier.epoch(), body) {
            metrics.queue.increment(1.0);
        } else {
            metrics.dropped.increment(1);
        }
    }

    /// Tells whether there is no way to other nodes: then nothing need be encoded.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    /// Tells whether the relay is up; `None` if there is none.
    pub(crate) fn state(&self) -> Option<bool> {
        self.0.as_ref().map(|outbound| outbound.link.is_up())
    }

    /// Tells whether what is published goes out now.
    pub(crate) fn is_up(&self) -> bool {
        self.state() == Some(true)
    }
}
