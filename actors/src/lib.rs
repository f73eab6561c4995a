//! Every decision of the hub, and the only crate that knows ractor.
//!
//! ```text
//!                     hub            what the edge may ask for
//!                      │
//!   connection ─▶ session ─▶ thread ─▶ storage ─▶ (chat_database::commit)
//!        ▲             │        ▲         │
//!        │             │        └─────────┤ what became of it, by thread
//!      outbox ◀────────┴──── people ◀─────┴─▶ notifications   one user's stream
//!
//!   protocol       frames in, frames out, codes, cursors: plain serde types
//!   session        one connection: identity, limits, routing; session::replay: catching up
//!   thread         one conversation: orders, has it stored, then tells; thread::decision: what, to whom
//!   notifications  one user's totals and notifications, at a bearable pace
//!   presence       who is online, and who is told so
//!   storage        group commit; the only writer
//!   horizon        how far everybody on this node has been told: no cursor goes beyond it
//!   follower       what other nodes have committed, or we have failed to tell: read and told
//!   relay          between nodes: an accelerator, never the truth
//!   people         who is connected here: user → outboxes
//!   awake          actors that sleep when idle: key → the one that is awake
//!   outbox         a connection's bounded queue of encoded frames
//!   origin         where a request came from, and the promise of one answer
//!   catch_up, events   from a cursor to frames
//!   compose, authorship, limits   what may be sent, changed, and how fast; blank: which texts show nothing
//!   home           threads with a runtime of their own
//!   images         files taken in, made safe, kept, linked to, swept
//!   supervision    the supervision tree, every policy on one screen
//!   metrics        the catalogue of everything that is counted; timing: where the time of a message goes
//! ```
//!
//! No actor waits for another's answer on a message's path. Nobody holds a thread's address. What an actor holds when it
//! dies answers for itself: see `origin`, `horizon` and `people`.

mod authorship;
mod awake;
mod blank;
mod catch_up;
mod compose;
mod connection;
mod events;
mod follower;
mod home;
mod horizon;
pub mod hub;
pub mod images;
mod limits;
pub mod metrics;
mod node;
mod notifications;
mod origin;
pub mod outbox;
pub mod people;
mod presence;
pub mod protocol;
pub mod refused;
mod relay;
mod session;
mod storage;
mod supervision;
pub mod thread;
mod timing;

pub use blank::is_blank;
pub use hub::Hub;
pub use refused::Refused;
