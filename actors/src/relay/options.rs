//! How the nodes of one database are joined.

use super::envelope::Key;
#[cfg(feature = "failpoints")]
use super::lossy::Bus;
use super::nats::NatsOptions;

/// How the nodes of one database are joined.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What carries messages between the nodes.
    pub carrier: Carrier,
    /// Signs what the nodes tell each other. Without it they tell each other nothing.
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
