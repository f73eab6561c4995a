//! The guarantees that a server can break.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many violations are described.
const EXAMPLES: usize = 20;

/// A broken guarantee. A message counts once for each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Violation {
    /// Sent, and neither acknowledged nor delivered.
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
    /// Confirmed by its reader, and the author got no receipt.
    Unreceipted,
    /// A frame or resource about something that is not of this run, or not for its reader.
    Foreign,
    /// A valid message that the server refused permanently.
    Refused,
    /// A connection that the server closed.
    Disconnected,
    /// An event or an answer that did not reach a connected or reconnected user, or a consumer of events.
    Unnotified,
    /// An event of a message that a consumer heard of after that of a later one.
    EventOutOfOrder,
    /// A webhook that the hub has not signed, or that is no event.
    Unsigned,
    /// A connection that did not read, and that the server did not close.
    Unclosed,
}

/// A family of violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// A message or an event is missing.
    Lost,
    /// A message or an event arrived twice.
    Duplicated,
    /// A message is at the wrong place.
    OutOfOrder,
    /// A message arrived after the deadline.
    Delayed,
    /// A receipt is missing.
    Unreceipted,
    /// Another violation.
    Other,
}

/// The violations of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Violations {
    /// Their number by kind.
    pub counts: BTreeMap<Violation, u64>,
    /// Descriptions of the first ones.
    pub examples: Vec<String>,
}

impl Violation {
    /// Returns its family.
    #[must_use]
    pub fn family(self) -> Family {
        match self {
            Self::Unanswered | Self::Undelivered | Self::Unacknowledged | Self::Unstored | Self::Unnotified => {
                Family::Lost
            }
            Self::AcknowledgedTwice | Self::DeliveredTwice | Self::StoredTwice => Family::Duplicated,
            Self::AcknowledgedOutOfOrder
            | Self::DeliveredOutOfOrder
            | Self::StoredOutOfOrder
            | Self::EventOutOfOrder
            | Self::Misnumbered => Family::OutOfOrder,
            Self::Delayed => Family::Delayed,
            Self::Unreceipted => Family::Unreceipted,
            Self::Foreign | Self::Refused | Self::Disconnected | Self::Unsigned | Self::Unclosed => Family::Other,
        }
    }

    /// Returns its name.
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
            Self::Unreceipted => "confirmed, no receipt for the author",
            Self::Foreign => "about a message of no client",
            Self::Refused => "refused permanently",
            Self::Disconnected => "disconnected by the server",
            Self::Unnotified => "event not received",
            Self::EventOutOfOrder => "event out of order",
            Self::Unsigned => "webhook not signed by the hub",
            Self::Unclosed => "slow reader not closed",
        }
    }
}

impl Family {
    /// All of them, in the order of a table.
    pub const ALL: [Self; 6] =
        [Self::Lost, Self::Duplicated, Self::OutOfOrder, Self::Delayed, Self::Unreceipted, Self::Other];

    /// Returns its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::OutOfOrder => "out of order",
            Self::Delayed => "delayed",
            Self::Unreceipted => "unreceipted",
            Self::Other => "other",
        }
    }
}

impl Violations {
    /// Adds a violation that `detail` describes.
    pub fn add(&mut self, violation: Violation, detail: impl FnOnce() -> String) {
        self.add_many(violation, 1, detail);
    }

    /// Adds several violations of a kind that `detail` describes together.
    pub fn add_many(&mut self, violation: Violation, count: u64, detail: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        *self.counts.entry(violation).or_default() += count;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{}: {}", violation.name(), detail()));
        }
    }

    /// Adds the violations of another.
    pub fn merge(&mut self, other: Self) {
        for (violation, count) in other.counts {
            *self.counts.entry(violation).or_default() += count;
        }
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }

    /// Returns the number of a kind.
    #[must_use]
    pub fn count(&self, violation: Violation) -> u64 {
        self.counts.get(&violation).copied().unwrap_or_default()
    }

    /// Returns the number of a family.
    #[must_use]
    pub fn family(&self, family: Family) -> u64 {
        self.counts.iter().filter(|(violation, _)| violation.family() == family).map(|(_, count)| count).sum()
    }

    /// Returns the number of all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}
