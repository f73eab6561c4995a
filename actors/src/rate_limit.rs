//! How often one user may do something: token buckets, one for each user and kind of request; and how often an address may
//! ask for what needs no token.
//!
//! They belong to users, not to connections: all sockets of a user and REST take from the same bucket, and a reconnect does
//! not refill it.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_database::commit::NewThreadLimit;
use chat_database::ids::UserId;
use tokio::time::Instant;

use crate::error::Error;
use crate::protocol::ErrorCode;

/// A steady rate, and how much may come at once before it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// How many per second; above zero and finite.
    pub per_second: f64,
    /// How many at once; at least one.
    pub burst: u32,
}

impl Rate {
    /// Makes a rate of `per_second`, and `burst` at once.
    #[must_use]
    pub fn per_second(per_second: f64, burst: u32) -> Self {
        Self { per_second, burst }
    }

    /// Makes a rate of `many` in a span: all of them at once, or one after another as they come back.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, which is what is meant"
    )]
    pub fn within(span: Duration, many: f64) -> Self {
        Self { per_second: many / span.as_secs_f64(), burst: many.ceil() as u32 }
    }

    fn burst(self) -> f64 {
        f64::from(self.burst).max(1.0)
    }
}

/// The rates of what a user may do besides sending messages; `None`: no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Edits and deletions.
    pub changes: Option<Rate>,
    /// Receipts, and what else marks something as read.
    pub receipts: Option<Rate>,
    /// `typing` and `stop_typing`.
    pub typing: Option<Rate>,
    /// Queries: requests that read from the database and change nothing.
    pub queries: Option<Rate>,
    /// New conversations: a rate of a minute and one of a day, which must both allow one.
    pub new_threads: [Option<Rate>; 2],
    /// Requests of an address without a valid token.
    pub unauthenticated: Option<Rate>,
}

impl Rates {
    /// No limits.
    pub const OFF: Self = Self {
        changes: None,
        receipts: None,
        typing: None,
        queries: None,
        new_threads: [None; 2],
        unauthenticated: None,
    };
}

/// The limiters of a node.
#[derive(Debug)]
pub(crate) struct Limiters {
    pub(crate) sends: Limiter,
    pub(crate) changes: Limiter,
    pub(crate) receipts: Limiter,
    pub(crate) typing: Limiter,
    pub(crate) queries: Limiter,
    pub(crate) new_threads: Arc<Limiter<2>>,
    pub(crate) unauthenticated: Limiter<1, IpAddr>,
}

impl Limiters {
    pub(crate) fn new(sends: Option<Rate>, rates: Rates) -> Self {
        Self {
            sends: Limiter::new("messages", [sends]),
            changes: Limiter::new("edits and deletions", [rates.changes]),
            receipts: Limiter::new("receipts", [rates.receipts]),
            typing: Limiter::new("typing frames", [rates.typing]),
            queries: Limiter::new("requests", [rates.queries]),
            new_threads: Arc::new(Limiter::new("new conversations", rates.new_threads)),
            unauthenticated: Limiter::new("requests without a good token from your address", [rates.unauthenticated]),
        }
    }
}

/// The tokens of one user for one rate.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// A token counts as whole although so much of it is missing, by rounding.
const ROUNDING: f64 = 1e-6;

impl Bucket {
    fn full(rate: Option<Rate>, now: Instant) -> Self {
        Self { tokens: rate.map_or(0.0, Rate::burst), filled: now }
    }

    /// Returns how long it takes until there is a token; `None` if there is one.
    fn wait(&self, rate: Rate) -> Option<Duration> {
        let missing = 1.0 - self.tokens;
        (missing > ROUNDING).then(|| Duration::try_from_secs_f64(missing / rate.per_second).unwrap_or(Duration::MAX))
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        self.tokens = self.tokens_at(rate, now);
        self.filled = now;
    }

    fn is_full(&self, rate: Rate, now: Instant) -> bool {
        self.tokens_at(rate, now) >= rate.burst()
    }

    fn tokens_at(&self, rate: Rate, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        rate.burst().min(self.tokens + passed * rate.per_second)
    }
}

/// Makes the error for a user who was too fast; the time to try again is rounded up.
fn too_fast(what: &str, (wait, rate): (Duration, Option<Rate>)) -> Error {
    let millis = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1);
    let text = format!("too many {what}; try again in {millis} ms");
    let limit = rate.map(|rate| rate.burst.max(1));
    Error { limit, ..Error::new(ErrorCode::RateLimited, text).after(millis) }
}

/// Returns the address that an address counts as: of IPv6 its /64, for providers give one to each customer.
pub(crate) fn counted_as(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [one, two, three, four, ..] = address.segments();
            Ipv6Addr::new(one, two, three, four, 0, 0, 0, 0).into()
        }
    }
}

/// Limits how fast each user may do one thing: by one rate, or by several that must all allow it.
#[derive(Debug)]
pub(crate) struct Limiter<const N: usize = 1, Key = UserId> {
    /// The name of what is counted.
    what: &'static str,
    rates: [Option<Rate>; N],
    users: Mutex<Buckets<N, Key>>,
}

/// The buckets of the users who have done something lately.
#[derive(Debug)]
struct Buckets<const N: usize, Key> {
    buckets: HashMap<Key, [Bucket; N]>,
    /// With this many users, those with full buckets are forgotten: a full bucket holds no information.
    sweep_at: usize,
}

/// How many users are remembered before any is forgotten.
const REMEMBERED: usize = 16_384;

impl<const N: usize, Key: Copy + Eq + Hash> Limiter<N, Key> {
    pub(crate) fn new(what: &'static str, rates: [Option<Rate>; N]) -> Self {
        let users = Buckets { buckets: HashMap::new(), sweep_at: REMEMBERED };
        Self { what, rates, users: Mutex::new(users) }
    }

    /// Tells whether there is no limit.
    pub(crate) fn is_off(&self) -> bool {
        self.rates.iter().all(Option::is_none)
    }

    /// Takes a token of a user, unless it comes too early.
    pub(crate) fn take(&self, user: Key, now: Instant) -> Result<(), Error> {
        if self.is_off() {
            return Ok(());
        }
        let mut users = self.users();
        let buckets = users.of(user, &self.rates, now);
        if let Some(wait) = longest(buckets, &self.rates) {
            drop(users);
            return Err(too_fast(self.what, (wait.0, Some(wait.1))));
        }
        buckets.iter_mut().for_each(|bucket| bucket.tokens -= 1.0);
        Ok(())
    }

    /// Takes a token, even a missing one, for what belongs to a request that was counted before; later requests wait
    /// longer.
    pub(crate) fn owe(&self, user: Key, now: Instant) {
        if !self.is_off() {
            self.users().of(user, &self.rates, now).iter_mut().for_each(|bucket| bucket.tokens -= 1.0);
        }
    }

    /// Makes the error for a user who was too fast, as of now.
    pub(crate) fn refusal(&self, user: Key, now: Instant) -> Error {
        let wait = longest(self.users().of(user, &self.rates, now), &self.rates);
        too_fast(self.what, wait.map_or_else(Default::default, |(wait, rate)| (wait, Some(rate))))
    }

    fn users(&self) -> MutexGuard<'_, Buckets<N, Key>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A new conversation takes its token when the commit makes its thread; answers take none.
impl NewThreadLimit for Limiter<2> {
    fn take(&self, user: UserId) -> bool {
        Limiter::take(self, user, Instant::now()).is_ok()
    }

    fn give_back(&self, user: UserId) {
        if let Some(buckets) = self.users().buckets.get_mut(&user) {
            // Tokens above the burst are dropped when the bucket is filled next.
            buckets.iter_mut().for_each(|bucket| bucket.tokens += 1.0);
        }
    }
}

impl<const N: usize, Key: Copy + Eq + Hash> Buckets<N, Key> {
    /// Returns a user's buckets, filled up to now.
    fn of(&mut self, user: Key, rates: &[Option<Rate>; N], now: Instant) -> &mut [Bucket; N] {
        if self.buckets.len() >= self.sweep_at && !self.buckets.contains_key(&user) {
            let quiet = |(bucket, rate): (&Bucket, &Option<Rate>)| rate.is_none_or(|rate| bucket.is_full(rate, now));
            self.buckets.retain(|_, buckets| !buckets.iter().zip(rates).all(quiet));
            // The next sweep is worth its time only when there are twice as many.
            self.sweep_at = (self.buckets.len() * 2).max(REMEMBERED);
        }
        let buckets = self.buckets.entry(user).or_insert_with(|| rates.map(|rate| Bucket::full(rate, now)));
        for (bucket, rate) in buckets.iter_mut().zip(rates) {
            if let Some(rate) = rate {
                bucket.fill(*rate, now);
            }
        }
        buckets
    }
}

/// Returns how long it takes until every rate allows one more, and the rate that takes longest; `None` if all do.
fn longest<const N: usize>(buckets: &[Bucket; N], rates: &[Option<Rate>; N]) -> Option<(Duration, Rate)> {
    let waits = buckets.iter().zip(rates).filter_map(|(bucket, rate)| Some((bucket.wait((*rate)?)?, (*rate)?)));
    waits.max_by_key(|(wait, _)| *wait)
}

#[cfg(test)]
mod tests;
