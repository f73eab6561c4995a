//! Webhooks: tells the marketplace's endpoints what has happened.
//!
//! ```text
//!  actor        the one process that has the lease: reads events, delivers, notes what became of it
//!  endpoint     one endpoint: what waits for it, and how it does
//!  lead         what the process that has the lease knows, and what it begins next
//!  queue        what waits, and in which order: pure; schedule says when something is tried again
//!  attempts     sends what was taken from the queues
//!  presence     who comes online and goes offline: not kept, sent by the node that tells the users around
//!  tasks        reads and writes of the actor, beside it
//!  sender       one request; address judges where it may go to
//!  signature    secrets, and what is signed with them; body: what is sent
//!  admin        what an operator does: make, change, test, look at, replay; for REST and for the command line
//! ```
//!
//! A consumer reads the commit log and notes deliveries in the database; they are sent from there, so a crash loses none. What
//! an event is about is read when it is sent.

mod actor;
pub mod address;
pub mod admin;
pub mod attempts;
pub mod body;
pub(crate) mod context;
mod endpoint;
pub(crate) mod handle;
mod lead;
mod message;
pub(crate) mod presence;
mod queue;
mod schedule;
pub(crate) mod sender;
pub mod signature;
mod tasks;

pub(crate) use actor::WebhookActor;
pub use admin::WebhookAdmin;
pub use attempts::{DisabledEvent, TestEvent};
pub use presence::PresenceEvent;

use address::Policy;
use signature::RootSecret;

/// Options of webhooks.
#[derive(Debug, Clone)]
pub struct Options {
    /// The secret that those of endpoints are derived from.
    pub secret: RootSecret,
    /// Where webhooks may be sent to.
    pub policy: Policy,
}
