//! The load of a run: what is offered, for how long, and within which limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stats::schedule::Arrivals;

/// Messages that are read back at the end of a run by default, at most.
pub const READ_BACK: u64 = 2_000_000;

/// The load of a run.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// What is offered.
    pub offered: Offered,
    /// The seed of random schedules.
    pub seed: u64,
    /// The time before the measurement.
    pub warmup: Duration,
    /// The time of the measurement.
    pub length: Duration,
    /// A message that takes longer than this is delayed; the run does not wait for it.
    pub deadline: Duration,
    /// How late the generator may be with 99 % of what is due.
    pub max_lateness: Duration,
    /// Messages that are read back at the end, at most.
    pub read_back: u64,
}

/// What a run offers to the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "loop", rename_all = "lowercase")]
pub enum Offered {
    /// An open loop: requests are sent by a schedule, whether earlier ones were answered or not.
    Open {
        /// Requests per second.
        rate: f64,
        /// The distribution of their times.
        arrivals: Arrivals,
    },
    /// A closed loop: a client sends the next request when an earlier one was answered.
    Closed {
        /// Requests in flight of each client.
        in_flight: u32,
    },
    /// The scenario decides.
    Own,
}
