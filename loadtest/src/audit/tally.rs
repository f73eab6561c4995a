//! What the auditor counted.

use serde::{Deserialize, Serialize};

/// What the auditor counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Messages sent.
    pub sent: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages that were looked up in history: all, or the newest; `None` if history was not read.
    #[serde(default)]
    pub sought: Option<u64>,
    /// Messages that history held.
    pub stored: Option<u64>,
    /// Messages delivered.
    pub delivered: u64,
    /// Delivered messages whose receipt reached the author; `None` if the readers sent no receipts.
    pub receipted: Option<u64>,
    /// Messages that the server refused.
    pub refused: u64,
}

impl Tally {
    /// Returns the sum of two tallies.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let both = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        Self {
            sent: self.sent + other.sent,
            acknowledged: self.acknowledged + other.acknowledged,
            sought: both(self.sought, other.sought),
            stored: both(self.stored, other.stored),
            delivered: self.delivered + other.delivered,
            receipted: both(self.receipted, other.receipted),
            refused: self.refused + other.refused,
        }
    }
}
