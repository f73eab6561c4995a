//! The arithmetic of a measurement: pure, without a clock and without a socket.
//!
//! | module | says |
//! |---|---|
//! | [`schedule`] | when each message of an open loop is meant to be sent |
//! | [`latency`] | how long things took, to three digits |
//! | [`slo`] | what "good enough" means, and whether a run was |
//! | [`search`] | which load to try next, until the highest good one lies in an interval |
//! | [`usl`] | how throughput grows with concurrency, and how sure that is |
//! | [`plan`] | how many machines that makes |
//! | [`spread`] | the middle of a few numbers, and how far they lie apart |

pub mod latency;
pub mod plan;
pub mod schedule;
pub mod search;
pub mod slo;
pub mod spread;
pub mod usl;

/// Turns a count into a number to calculate with.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of a bounded run stay far below 2^53")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Turns a number that was calculated into a count: rounded, and 0 for what is none.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, which is what is meant")]
pub fn count(number: f64) -> u64 {
    number.round() as u64
}
