//! The way to the other nodes, for the rest of the node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::message::{Destination, Kind};
use super::queue::Queue;
use crate::delivery_frontier::DeliveryFrontier;

/// The way to the other nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RelayHandle(Option<Arc<Shared>>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) queue: Queue,
    /// Whether the other nodes can be reached.
    pub(super) up: AtomicBool,
    /// Knows the name of the history.
    frontier: DeliveryFrontier,
}

impl RelayHandle {
    /// Returns the handle of a node that tells others nothing: they find its commits by polling.
    pub(crate) fn alone() -> Self {
        Self(None)
    }

    /// Puts a message in line for other nodes. Never waits and never fails: what cannot be sent leaves a hole in the sequence
    /// numbers of its destination, and the receivers turn to the database.
    pub(crate) fn publish(&self, to: Destination, kind: Kind, body: Bytes) {
        let Some(shared) = &self.0 else { return };
        if shared.up.load(Ordering::Relaxed) {
            shared.queue.push(to, kind, shared.frontier.epoch(), body);
        } else {
            // Hours later it would be told what nobody wants to know any more.
            shared.queue.skip(&to);
        }
    }

    /// Tells whether there is no way to other nodes: then nothing need be encoded.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    /// Tells whether what is published goes out now.
    pub(crate) fn is_up(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.up.load(Ordering::Relaxed))
    }
}
