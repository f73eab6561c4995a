//! The auditor: checks that the server acknowledged, stored, delivered and receipted every message, once and in order.
//!
//! It does no I/O: a [`Ledger`] is given what the clients received on their sockets and read in history, and returns the
//! guarantees that were broken. An [`EventLedger`] does the same for a consumer of events. One broken guarantee makes the
//! exit code 1, whatever the throughput.

mod events;
mod ledger;
mod tally;
mod violation;

pub use self::events::{Acknowledged, EventLedger};
pub use self::ledger::{Completed, Ledger};
pub use self::tally::Tally;
pub use self::violation::{Family, Violation, Violations};
