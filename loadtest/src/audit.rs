//! The auditor: checks that the server acknowledged, stored, delivered and receipted every message, once and in order.
//!
//! It is pure: a [`Ledger`] is given what the clients saw on their sockets and in history, and returns the guarantees that were
//! broken; an [`EventLedger`] does so for what a consumer of events hears. One broken guarantee makes the exit code 1, whatever the throughput.

mod events;
mod ledger;
mod tally;
mod violation;

pub use self::events::{EventLedger, Said};
pub use self::ledger::{Completed, Ledger};
pub use self::tally::Tally;
pub use self::violation::{Family, Violation, Violations};
