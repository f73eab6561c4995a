//! A node's half of the relay: sending and receiving, whatever carries the messages.

use super::link::Link;
use super::receiver::Receiver;
use super::transport::Sender;

/// Sends and receives the messages of a node.
pub(super) struct Pumps {
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
}

impl Pumps {
    /// Returns whether the other nodes can be reached.
    pub(super) fn link(&self) -> &Link {
        &self.sender.outbound.link
    }
}
