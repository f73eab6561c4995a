//! What moves messages: a node's half of the relay, whatever carries them.

use super::link::Link;
use super::receiver::Receiver;
use super::transport::Sender;

/// What moves messages out and in.
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
