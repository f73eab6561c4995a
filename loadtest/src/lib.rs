//! The capacity harness: what a machine carries, said by clients that count.
//!
//! ```text
//!  args       the command line
//!  scenario   chat · idle: one file each, behind one trait
//!    │ opens        │ counts with        │ says with
//!  client         frame                report
//!  one socket     a frame's fields,    figures and defects
//!    │            without serde
//!  target ── token   who is connected, and why the hub believes it
//!    │
//!  server ── usage   a hub of our own: its process, its CPU time, its memory
//!            rest    history, to hold what was counted against what is stored
//! ```
//!
//! The generator shares the machine with the hub that it measures, so it is cheap: one thread, no serde on the way of a
//! message, small buffers. It knows the hub's wire protocol and nothing of its inside. The integration tests of the hub use the
//! same client, server and tokens.

pub mod args;
pub mod audit;
pub mod capacity;
pub mod client;
pub mod compare;
pub mod document;
pub mod enter;
pub mod environment;
pub mod frame;
pub mod gauge;
pub mod live;
pub mod outcome;
pub mod pacer;
pub mod peer;
pub mod plan;
pub mod recorder;
pub mod report;
pub mod rest;
pub mod run;
pub mod scenario;
pub mod server;
pub mod stage;
pub mod stats;
pub mod target;
pub mod token;
pub mod usage;

pub use client::{Client, Credentials, Door};
pub use server::{Launch, Server};
