//! Between nodes: an accelerator, never the truth.
//!
//! ```text
//!   storage, threads, presence ──▶ handle ──▶ queue ──▶ forwarder ──▶ transport ──▶ other nodes
//!   follower, presence ◀── receiver ◀── envelope (verified) ◀── transport ◀── other nodes
//!
//!   message      who is told (destination), of what (kind), and what was received
//!   handle       what the rest of the node sees: `publish` neither waits nor fails
//!   queue        what waits to be sent, bounded; a message that does not fit uses up its sequence number
//! ```
//!
//! Whatever does not arrive is found in the database by the [follower](crate::follower): a hole in a sender's sequence
//! numbers tells the receiver of it. A node without a relay finds the commits of others by polling, and tells them nothing
//! of who is connected.

pub(crate) mod handle;
pub(crate) mod message;
mod options;
mod queue;

pub use options::Options;
