//! Holds every message to what was promised of it: acknowledged, stored, delivered and receipted, once and in order.
//!
//! Pure: [`Ledger`] is told what was seen on the sockets and in history, and says what was wrong. A throughput with a
//! fault is not a result, so any fault makes the exit code 1.

mod ledger;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::ledger::{Done, Ledger, Tally};

/// How many faults are told in full.
const TOLD: usize = 20;

/// A promise that was broken. Each message counts once for each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Sent, and never heard of again.
    Unanswered,
    /// Acknowledged, and never delivered.
    Undelivered,
    /// Delivered, and never acknowledged.
    Unacknowledged,
    /// Acknowledged, and not in history.
    Unstored,
    /// Acknowledged more than once, or called a duplicate though it was sent once.
    AcknowledgedTwice,
    /// Delivered more than once.
    DeliveredTwice,
    /// In history more than once.
    StoredTwice,
    /// Acknowledged after a later one.
    AcknowledgedOutOfOrder,
    /// Delivered after a later one.
    DeliveredOutOfOrder,
    /// In history after a later one.
    StoredOutOfOrder,
    /// Numbered with a gap, or differently in different places.
    Misnumbered,
    /// Acknowledged or delivered later than the deadline.
    Delayed,
    /// Delivered and confirmed by its reader, of which the author was never told.
    Unreceipted,
    /// A frame about a message that nobody of the run had sent.
    Foreign,
    /// A message that was refused for good: nothing was wrong with it.
    Refused,
    /// A connection that the server ended.
    Disconnected,
    /// An event that was stored and never told to somebody who listened, or who came back for it.
    Untold,
    /// A connection that did not read and was not closed as it should be.
    Unclosed,
}

/// What faults have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Something that should be there is not.
    Lost,
    /// Something is there twice.
    Doubled,
    /// Something is not where it should be.
    OutOfOrder,
    /// Something came too late.
    Delayed,
    /// A receipt is missing.
    Unreceipted,
    /// Anything else.
    Other,
}

/// The faults of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults {
    /// How many of each.
    pub counts: BTreeMap<Fault, u64>,
    /// The first of them, in words.
    pub examples: Vec<String>,
}

impl Fault {
    /// Returns what it has in common with others.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Unanswered | Self::Undelivered | Self::Unacknowledged | Self::Unstored | Self::Untold => Family::Lost,
            Self::AcknowledgedTwice | Self::DeliveredTwice | Self::StoredTwice => Family::Doubled,
            Self::AcknowledgedOutOfOrder | Self::DeliveredOutOfOrder | Self::StoredOutOfOrder | Self::Misnumbered => {
                Family::OutOfOrder
            }
            Self::Delayed => Family::Delayed,
            Self::Unreceipted => Family::Unreceipted,
            Self::Foreign | Self::Refused | Self::Disconnected | Self::Unclosed => Family::Other,
        }
    }

    /// Names it for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unanswered => "never answered",
            Self::Undelivered => "acknowledged, not delivered",
            Self::Unacknowledged => "delivered, not acknowledged",
            Self::Unstored => "acknowledged, not stored",
            Self::AcknowledgedTwice => "acknowledged twice",
            Self::DeliveredTwice => "delivered twice",
            Self::StoredTwice => "stored twice",
            Self::AcknowledgedOutOfOrder => "acknowledged out of order",
            Self::DeliveredOutOfOrder => "delivered out of order",
            Self::StoredOutOfOrder => "stored out of order",
            Self::Misnumbered => "misnumbered",
            Self::Delayed => "later than the deadline",
            Self::Unreceipted => "read, and its author not told",
            Self::Foreign => "about a message nobody sent",
            Self::Refused => "refused for good",
            Self::Disconnected => "disconnected by the server",
            Self::Untold => "stored, and not told",
            Self::Unclosed => "did not read, and not closed",
        }
    }
}

impl Family {
    /// All of them, in the order of a table.
    pub const ALL: [Self; 6] =
        [Self::Lost, Self::Doubled, Self::OutOfOrder, Self::Delayed, Self::Unreceipted, Self::Other];

    /// Names it for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::OutOfOrder => "out of order",
            Self::Delayed => "delayed",
            Self::Unreceipted => "unreceipted",
            Self::Other => "other",
        }
    }
}

impl Faults {
    /// Adds one, which `what` describes.
    pub fn add(&mut self, fault: Fault, what: impl FnOnce() -> String) {
        self.add_many(fault, 1, what);
    }

    /// Adds several of a kind, which `what` describes together.
    pub fn add_many(&mut self, fault: Fault, count: u64, what: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        *self.counts.entry(fault).or_default() += count;
        if self.examples.len() < TOLD {
            self.examples.push(format!("{}: {}", fault.name(), what()));
        }
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        for (fault, count) in other.counts {
            *self.counts.entry(fault).or_default() += count;
        }
        let room = TOLD.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }

    /// Returns how many there are of a kind.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts.get(&fault).copied().unwrap_or_default()
    }

    /// Returns how many there are of a family.
    #[must_use]
    pub fn family(&self, family: Family) -> u64 {
        self.counts.iter().filter(|(fault, _)| fault.family() == family).map(|(_, count)| count).sum()
    }

    /// Returns how many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}
