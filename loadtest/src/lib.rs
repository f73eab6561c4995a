//! The load test of the hub: it measures the capacity of a machine and checks the hub's guarantees.
//!
//! ```text
//!  args                      the command line
//!    │
//!  main ─ run                one run: connects the clients of a scenario, measures, checks the generator   ┐
//!    │    capacity           runs until the highest passing load lies in an interval                       ├ result ─ report
//!    │    compare ─ peer     runs of two servers in turn                                                   │             │
//!    │    plan               calculates the number of machines                                             ┘           render
//!    │                                                                                           (text, JSON, HTML, .hlog)
//!  scenario/                 one file per scenario, behind one trait
//!    │
//!  run_context ─ load        recorder                audit
//!    │   scheduler           latencies, lateness     a ledger per conversation, pure
//!    │   send_queue
//!    │
//!  connect ─ client          server_stats ─ usage    rest
//!    │       WebSocket         │            /proc    REST requests, history
//!    │       keys, frame     server_latency
//!    │                       the stages of messages, from /metrics
//!  target ─ nodes ─ server   the server that is measured: a running one, or hubs that this program starts
//!    │        services       the database and NATS of such hubs
//!    token    http           mints the tokens of users; a GET for readiness and metrics
//!
//!  stats/                    pure arithmetic: schedules, histograms, objectives, the search, scalability, plans
//!  progress, environment     the progress bar; the description of the machine
//! ```
//!
//! The generator shares the machine with the server that it measures, so it must be cheap: one OS thread, no serde for a
//! message, small buffers. It knows the hub's wire protocol and none of its crates. The hub's integration tests use the
//! same client, server and tokens.
//!
//! Invariants: latency counts from the intended time of a message. A message that was due and never sent counts with the time
//! that it waited. A broken guarantee makes the exit code 1. An invalid run makes it 3: the generator was late or saturated,
//! the load was refused, or no load passed.

pub mod args;
pub mod audit;
pub mod capacity;
pub mod client;
pub mod compare;
pub mod connect;
pub mod environment;
pub mod frame;
pub mod http;
pub mod keys;
pub mod load;
pub mod nodes;
pub mod peer;
pub mod plan;
pub mod progress;
pub mod recorder;
pub mod render;
pub mod report;
pub mod rest;
pub mod result;
pub mod run;
pub mod run_context;
pub mod scenario;
pub mod scheduler;
pub mod send_queue;
pub mod server;
pub mod server_latency;
pub mod server_stats;
pub mod services;
pub mod stats;
pub mod target;
pub mod token;
pub mod usage;

pub use client::{Client, ConnectOptions, Credentials};
pub use server::{Launch, Server};
