//! The capacity harness: what a machine carries, said by clients that count.
//!
//! ```text
//!  args                 the command line
//!    │
//!  main ─ run           one run: opens a scenario, measures while it works, closes it, judges the generator
//!    │    capacity      runs until the highest good load lies in an interval      ┐
//!    │    compare       runs of two servers in turn; peer starts a Node.js one    ├ outcome, document: what was found
//!    │    plan          calculates                                                ┘   │
//!    │                                                                             report: text, JSON, .hlog, HTML
//!  scenario/            one file each, behind one trait
//!    │ stands on            │ tells                │ has held to its promises by
//!  stage ─ pacer        recorder               audit
//!    │     by the clock │ latencies, lateness  │ a ledger per conversation, pure
//!    │                  │                      │
//!  keys                 the idempotency keys that clients make
//!  enter ─ client       gauge ─ usage          rest
//!    │     a socket     │       /proc          history, to hold what was counted against what is stored
//!    │     frame        inside  /metrics: where the time of messages goes
//!  target ─ server      the server that is measured: somebody's, or one of our own
//!          token        why it believes who we are
//!
//!  stats/               the arithmetic, pure: schedules, histograms, objectives, the search, scalability, plans
//!  live environment     what somebody sees who waits; the sheet of the machine
//! ```
//!
//! The generator shares the machine with the server that it measures, so it is cheap: one thread, no serde on the way of
//! a message, small buffers. It knows the hub's wire protocol and nothing of its inside. The integration tests of the hub
//! use the same client, server and tokens.
//!
//! What always holds: latency counts from the intended time; what was due and never sent counts with the wait that it
//! had; a fault makes the exit code 1, and it is 3 where nothing can be said: the generator was late or saturated, the load was
//! refused, or nothing passed. Neither is a result.

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
pub mod inside;
pub mod keys;
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
