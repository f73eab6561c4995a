//! The arithmetic of a measurement: pure functions, without a clock and without a socket.
//!
//! | module | calculates |
//! |---|---|
//! | [`schedule`] | the intended time of each message of an open loop |
//! | [`latency`] | latency percentiles, to three significant digits |
//! | [`slo`] | whether a run meets an objective |
//! | [`search`] | the next load to try in a search for capacity |
//! | [`usl`] | throughput over concurrency: the Universal Scalability Law, with confidence intervals |
//! | [`plan`] | how many machines a marketplace needs |
//! | [`spread`] | the median of a few measurements, and their range |

pub mod latency;
pub mod plan;
pub mod schedule;
pub mod search;
pub mod slo;
pub mod spread;
pub mod usl;

/// Converts a count to a float.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of a bounded run stay far below 2^53")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Rounds a float to a count; 0 if it is negative or not a number.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as intended")]
pub fn count(number: f64) -> u64 {
    number.round() as u64
}
