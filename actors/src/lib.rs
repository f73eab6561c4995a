//! Every decision of the hub, and the only crate that knows ractor.
//!
//! ```text
//!                     hub            what the edge may ask for
//!                      │
//!   connection ─▶ session ─▶ storage ─▶ (chat_database::commit)
//!        ▲                      │ the outcomes, after the commit
//!        │                      ├─▶ thread          one conversation
//!      outbox ◀── connections ◀─┴─▶ notifications   one user's stream
//!
//!   protocol           frames in, frames out, codes, cursors: plain serde types
//!   session            one connection: identity, limits, routing; session::catch_up serves what a client missed
//!   thread             one conversation: delivers what was committed, keeps who types; thread::fanout decides which frames
//!   notifications      one user's totals and notifications, at most four times a second
//!   presence           who is online, on whichever node, and which users are told
//!   updates            what the marketplace says of users has changed: which users are told
//!   membership         which other nodes live
//!   storage            group commit; the only writer
//!   delivery_frontier  the highest commit that this node has delivered completely: no cursor goes beyond it
//!   follower           delivers commits of other nodes, and commits whose delivery failed here: as heard over the relay, or
//!                      from the database
//!   node_beat          shows the other nodes, in the database, that this one lives
//!   relay              between nodes: an accelerator, never the truth
//!   connections        the connections of this node: user → outboxes
//!   registry           actors that stop when idle: key → the running one
//!   outbox             a connection's bounded queue of encoded frames
//!   requester          who made a request, and the promise of exactly one reply
//!   events, webhooks   what the marketplace's core hears: the feed that it reads, and what is sent to its endpoints
//!   sync               from a cursor to frames
//!   validation, permissions, rate_limit   what may be sent, changed, and how often; blank: which texts show nothing;
//!                      http_url: which texts are URLs
//!   admin, audit       what operators do with users and conversations; what goes into the audit log by itself;
//!                      change_writer: how what they change is written, with or without a running hub
//!   restrictions       what users may not do, as this node knows it
//!   executor           OS threads with a runtime of their own
//!   images             files taken in, made safe, kept, linked to, swept
//!   import             imports what the service has stored that the hub replaces; no hub runs beside it
//!   supervision        the supervision tree, every policy on one screen; hub::start puts the node together
//!   metrics            the catalogue of all metrics
//! ```
//!
//! No actor waits for another's answer on a message's path. No actor holds a thread's address. What an actor holds when it
//! ends is dropped, and its `Drop` reports the failure: see `requester`, `delivery_frontier` and `connections`.

mod actor_slot;
pub mod admin;
pub mod audit;
mod blank;
mod change_writer;
pub mod connections;
mod delivery_frontier;
mod draining;
pub mod error;
pub mod events;
mod executor;
mod follower;
pub mod http_url;
pub mod hub;
pub mod images;
pub mod import;
mod membership;
pub mod metrics;
mod node_beat;
mod notifications;
mod options;
pub mod outbox;
mod permissions;
mod presence;
pub mod protocol;
mod rate_limit;
mod registry;
pub mod relay;
mod requester;
mod restrictions;
#[cfg(test)]
mod sabotage;
mod session;
mod session_handle;
#[cfg(test)]
mod simulation_seeds;
mod storage;
mod supervision;
mod sync;
pub mod thread;
mod updates;
mod validation;
pub mod webhooks;

pub use blank::is_blank;
pub use error::Error;
pub use hub::Hub;
