//! How fast somebody may do something: token buckets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chat_database::ids::UserId;
use tokio::time::Instant;

use crate::protocol::ErrorCode;
use crate::refused::Refused;

/// A token bucket: a steady rate, and a burst before it counts.
/// Without a time of its own: the caller says what time it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self { per_second, burst, tokens: burst, filled: now }
    }

    /// Takes a token, or says how long until there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.fill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(((1.0 - self.tokens) / self.per_second).min(3_600.0)))
    }

    /// Takes a token, also one that is not there yet: whoever comes next waits until it is.
    fn owe(&mut self, now: Instant) {
        self.fill(now);
        self.tokens -= 1.0;
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = self.burst.min(self.tokens + passed * self.per_second);
        self.filled = now;
    }

    fn is_full(&self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens + passed * self.per_second >= self.burst
    }
}

/// Says that somebody was too fast, and when to try again.
pub(crate) fn too_fast(what: &str, wait: Duration) -> Refused {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Refused::new(ErrorCode::RateLimited, format!("too many {what}; try again in {millis} ms")).after(millis)
}

/// How fast each user may do something, over all their connections and REST.
#[derive(Debug)]
pub(crate) struct Rates {
    /// What is counted.
    what: &'static str,
    /// How many per second; `None`: as fast as they can.
    rate: Option<f64>,
    burst: f64,
    buckets: Mutex<HashMap<UserId, Bucket>>,
}

impl Rates {
    /// Above this many, those who have been quiet are forgotten: a full bucket says nothing.
    const REMEMBERED: usize = 16_384;

    pub(crate) fn new(what: &'static str, rate: Option<f64>, burst: u32) -> Self {
        Self { what, rate, burst: f64::from(burst).max(1.0), buckets: Mutex::default() }
    }

    /// Counts one of a user's.
    pub(crate) fn take(&self, user: UserId, now: Instant) -> Result<(), Refused> {
        self.count(user, now, Bucket::take)
    }

    /// Counts one more of a user's that belongs to what was counted before: it is let in, and what comes later waits longer.
    pub(crate) fn owe(&self, user: UserId, now: Instant) {
        let owed = self.count(user, now, |bucket, now| {
            bucket.owe(now);
            Ok(())
        });
        debug_assert!(owed.is_ok(), "nobody is refused here");
    }

    fn count(
        &self,
        user: UserId,
        now: Instant,
        one: impl FnOnce(&mut Bucket, Instant) -> Result<(), Duration>,
    ) -> Result<(), Refused> {
        let Some(rate) = self.rate else { return Ok(()) };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= Self::REMEMBERED && !buckets.contains_key(&user) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        let bucket = buckets.entry(user).or_insert_with(|| Bucket::new(rate, self.burst, now));
        one(bucket, now).map_err(|wait| too_fast(self.what, wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(20.0, 60.0, start);
        assert_eq!((0..100).filter(|_| bucket.take(start).is_ok()).count(), 60);
        let wait = bucket.take(start).expect_err("empty");
        assert_eq!(wait.as_millis(), 50);
        assert!(bucket.take(start + wait).is_ok());
        assert!(bucket.take(start + wait).is_err());
        let later = start + Duration::from_secs(3_600);
        assert_eq!((0..100).filter(|_| bucket.take(later).is_ok()).count(), 60);
    }

    #[test]
    fn what_was_owed_is_waited_for() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1.0, 5.0, start);
        bucket.take(start).expect("full");
        (0..9).for_each(|_| bucket.owe(start));
        let wait = bucket.take(start).expect_err("five are owed");
        assert_eq!(wait.as_secs(), 6);
        // Whoever comes back when they were told gets in, however much they bring.
        assert!(bucket.take(start + wait).is_ok());
    }

    #[test]
    fn without_a_rate_nobody_is_too_fast() {
        let rates = Rates::new("messages", None, 1);
        let user = UserId::new(42).expect("an id");
        assert!((0..1_000).all(|_| rates.take(user, Instant::now()).is_ok()));
        rates.owe(user, Instant::now());
    }
}
