//! The relay between nodes: an accelerator, never the truth.
//!
//! ```text
//!   storage, threads, presence ──▶ handle ──▶ queue ──▶ transport (signs) ──▶ nats ──▶ other nodes
//!   follower, presence ◀── receiver (verifies) ◀─────────────────────────── nats ◀── other nodes
//!
//!   message     which nodes are told (destination), of what (kind), and what was received
//!   handle      what the rest of the node sees: `publish` neither waits nor fails
//!   queue       what waits to be sent, bounded; a message that does not fit uses up its sequence number
//!   envelope    the form of a message on its way: signed, with a sender, a sequence number and a history
//!   sequences   what was heard of each sender: what is missing, what comes twice
//!   told        what heartbeats say of what was sent, so that the loss of the last messages is noticed, too
//!   receiver    verifies what comes in, and hands it on; ignored: what is not believed, counted by reason
//!   transport   what carries messages: nats, or (in tests) lossy; with nothing, nodes poll the database
//!   link        whether messages get through now
//!   actor       keeps the task running that moves messages
//!   commit      what is told of a commit: its header to all nodes, its content to those that need it
//!   encoding    both as messages; wire: how these are written
//! ```
//!
//! Whatever does not arrive is found in the database by the [follower](crate::follower): a hole in a sender's sequence
//! numbers shows the receiver that messages are missing. A node without a relay finds the commits of others by polling, and
//! tells the others nothing of its users.

pub(crate) mod actor;
pub(crate) mod commit;
pub(crate) mod encoding;
pub(crate) mod envelope;
pub(crate) mod handle;
mod ignored;
mod link;
#[cfg(feature = "failpoints")]
mod lossy;
pub(crate) mod message;
mod nats;
mod options;
mod pumps;
mod queue;
pub(crate) mod receiver;
mod sequences;
mod told;
mod transport;
mod wire;

pub use envelope::Key;
#[cfg(feature = "failpoints")]
pub use lossy::{Bus, Faults};
pub use nats::{Login, NatsOptions, check};
pub use options::{Carrier, Options};
