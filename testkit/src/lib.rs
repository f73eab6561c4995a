//! Support that the tests of several crates share: the one place that starts database servers, NATS and nginx. The load test
//! (`--nodes`) uses the same servers; no other code depends on it.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints what it skips"
)]

pub mod clock;
pub mod commit_proxy;
pub mod fault_proxy;
mod keeper;
pub mod mariadb;
pub mod nats;
pub mod nginx;
pub mod postgres;
pub mod sabotage;
pub mod server;
pub mod waiting;
