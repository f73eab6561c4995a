//! The schedule of an open loop: the intended time of each request, computed before the first one is sent.
//!
//! An open loop sends by the clock, whether earlier requests were answered or not, as independent users do. A server that
//! stalls does not slow it down, so the requests that become due during the stall count with the time that they waited. A
//! generator that waits for answers would leave them out: this error is called coordinated omission.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::float;

/// The maximal number of arrivals of a schedule. Each takes 8 bytes.
pub const MAX_ARRIVALS: u64 = 100_000_000;

/// The distribution of the intended times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrivals {
    /// Equal intervals, over all clients in turn
    #[default]
    Constant,
    /// A Poisson process, as independent users make it: exponential intervals, random clients
    Poisson,
}

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Microseconds after the start.
    micros: u32,
    /// The index of its client.
    pub client: u32,
}

/// All requests, ordered by time.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    arrivals: Vec<Arrival>,
}

/// The schedule has too many arrivals or lasts too long.
#[derive(Debug, thiserror::Error)]
#[error(
    "{rate}/s for {seconds} s is more than {MAX_ARRIVALS} requests or more than an hour: lower the rate or the time"
)]
pub struct TooLong {
    rate: f64,
    seconds: f64,
}

impl Arrival {
    /// Returns its intended time after the start.
    #[must_use]
    pub fn after(self) -> Duration {
        Duration::from_micros(u64::from(self.micros))
    }
}

impl Schedule {
    /// Computes a schedule of `rate` arrivals per second over `length`, for clients `0..clients`. The same seed gives the same
    /// schedule.
    ///
    /// # Errors
    /// [`TooLong`] if it would hold more than [`MAX_ARRIVALS`] arrivals or last more than an hour.
    pub fn new(arrivals: Arrivals, rate: f64, length: Duration, clients: u32, seed: u64) -> Result<Self, TooLong> {
        let seconds = length.as_secs_f64();
        let expected = rate * seconds;
        if !(expected >= 0.0 && expected <= float(MAX_ARRIVALS) && seconds <= 3_600.0) {
            return Err(TooLong { rate, seconds });
        }
        let clients = clients.max(1);
        let arrivals = match arrivals {
            Arrivals::Constant => constant(rate, super::count(expected), clients),
            Arrivals::Poisson => poisson(rate, seconds, clients, seed),
        };
        Ok(Self { arrivals })
    }

    /// Returns all requests, ordered by time.
    #[must_use]
    pub fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }
}

fn constant(rate: f64, count: u64, clients: u32) -> Vec<Arrival> {
    let client = |number: u64| u32::try_from(number % u64::from(clients)).unwrap_or_default();
    (0..count).map(|number| Arrival { micros: micros(float(number) / rate), client: client(number) }).collect()
}

fn poisson(rate: f64, seconds: f64, clients: u32, seed: u64) -> Vec<Arrival> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut arrivals = Vec::new();
    let mut at = 0.0;
    if rate <= 0.0 {
        return arrivals;
    }
    loop {
        // 1 − [0, 1) is never 0, so the logarithm is finite.
        at -= (1.0 - rng.f64()).ln() / rate;
        if at >= seconds {
            return arrivals;
        }
        arrivals.push(Arrival { micros: micros(at), client: rng.u32(0..clients) });
    }
}

fn micros(seconds: f64) -> u32 {
    u32::try_from(super::count(seconds * 1e6)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    #[test]
    fn constant_arrivals_have_equal_intervals_over_all_clients() {
        let schedule = Schedule::new(Arrivals::Constant, 1_000.0, TEN, 3, 1).expect("short enough");
        let arrivals = schedule.arrivals();
        assert_eq!(arrivals.len(), 10_000);
        assert_eq!(arrivals[4_321].after(), Duration::from_micros(4_321_000));
        assert_eq!(arrivals[4_321].client, 4_321 % 3);
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_variance_of_a_poisson_process() {
        let schedule = Schedule::new(Arrivals::Poisson, 2_000.0, TEN, 50, 7).expect("short enough");
        let arrivals = schedule.arrivals();
        // 20,000 expected with a standard deviation of 141: five of them.
        assert!((19_293..=20_707).contains(&arrivals.len()), "{}", arrivals.len());
        assert!(arrivals.is_sorted_by_key(|arrival| arrival.after()));
        // Counts of each tenth of a second: the variance of a Poisson process equals its mean, 200.
        let mut tenths = [0.0_f64; 100];
        for arrival in arrivals {
            tenths[usize::try_from(arrival.after().as_millis() / 100).expect("below 100")] += 1.0;
        }
        let mean = tenths.iter().sum::<f64>() / 100.0;
        let variance = tenths.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 99.0;
        assert!((0.5..1.7).contains(&(variance / mean)), "variance {variance}, mean {mean}");
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        let make = |seed| Schedule::new(Arrivals::Poisson, 500.0, TEN, 9, seed).expect("short enough");
        assert_eq!(make(3).arrivals(), make(3).arrivals());
        assert_ne!(make(3).arrivals(), make(4).arrivals());
    }

    #[test]
    fn a_schedule_that_is_too_long_is_refused() {
        Schedule::new(Arrivals::Constant, 2e6, Duration::from_secs(60), 1, 1).expect_err("120 million");
        Schedule::new(Arrivals::Constant, 1.0, Duration::from_secs(4_000), 1, 1).expect_err("more than an hour");
        Schedule::new(Arrivals::Constant, f64::NAN, TEN, 1, 1).expect_err("no rate at all");
    }
}
