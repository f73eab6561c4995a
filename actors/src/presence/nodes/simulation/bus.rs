//! The bus between the nodes: what is on its way, and when it arrives.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_database::nodes::NodeId;
use tokio::time::Instant;

use super::dice::Dice;
use crate::presence::wire::Body;

/// A message on its way to a node, by the node's number.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) from: NodeId,
    pub(super) to: usize,
    pub(super) body: Body,
}

/// What is on its way.
#[derive(Debug, Default)]
pub(super) struct Bus {
    waiting: BTreeMap<(Instant, u64), Message>,
    /// How many in a hundred are lost.
    pub(super) loses: u64,
    sent: u64,
}

impl Bus {
    pub(super) fn new(loses: u64) -> Self {
        Self { loses, ..Self::default() }
    }

    pub(super) fn send(&mut self, message: Message, now: Instant, dice: &mut Dice) {
        if dice.percent(self.loses) {
            return;
        }
        let copies = if self.loses > 0 && dice.percent(5) { 2 } else { 1 };
        for _ in 0..copies {
            let slow = self.loses > 0 && dice.percent(10);
            // Messages overtake each other, and come before those that are sent a tenth of a second later.
            let delay = Duration::from_millis(1 + dice.below(if slow { 40 } else { 3 }));
            self.sent += 1;
            self.waiting.insert((now + delay, self.sent), message.clone());
        }
    }

    /// Takes the next message that has arrived.
    pub(super) fn arrived(&mut self, now: Instant) -> Option<Message> {
        let first = self.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
