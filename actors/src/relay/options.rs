//! Options of the relay between the nodes of one database.

use super::envelope::Key;
#[cfg(feature = "failpoints")]
use super::lossy::Bus;
use super::nats::NatsOptions;

/// Options of the relay between the nodes of one database.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What carries messages between the nodes.
    pub carrier: Carrier,
    /// The key that signs messages between nodes. Without it they send each other nothing.
    pub key: Option<Key>,
}

impl Options {
    /// Returns the number of the key, by which nodes see whether they have the same one.
    #[must_use]
    pub fn key_check(&self) -> Option<i64> {
        self.key.as_ref().map(Key::check)
    }
}

/// What carries messages between the nodes.
#[derive(Debug, Clone, Default)]
pub enum Carrier {
    /// Nothing: each node polls the database for the commits of the others.
    #[default]
    Nothing,
    /// A NATS server, or several.
    Nats(NatsOptions),
    /// A bus within the process that loses messages, for tests.
    #[cfg(feature = "failpoints")]
    Lossy(Bus),
}
