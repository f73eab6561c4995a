//! When to ping, when to give up, when the token is over.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use chat_database::time::Timestamp;
use tokio::time::Instant;

use crate::auth::{Identity, LEEWAY_SECONDS};

/// How many pings may stay without any sign of life.
const MISSED: u8 = 2;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// Ask for a sign of life.
    Ping,
    /// There has been none for too long.
    Dead,
    /// The token is over.
    Expired,
}

/// A connection's clock.
#[derive(Debug)]
pub(super) struct Clock {
    interval: Duration,
    ping: Instant,
    expires: Instant,
    unanswered: u8,
    heard: bool,
    heard_at: Instant,
}

impl Clock {
    pub(super) fn new(interval: Duration, identity: &Identity) -> Self {
        let now = Instant::now();
        let ping = now + jittered(interval);
        Self { interval, ping, expires: end(identity), unanswered: 0, heard: true, heard_at: now }
    }

    /// Notes a sign of life.
    pub(super) fn heard(&mut self) {
        self.heard = true;
        self.heard_at = Instant::now();
    }

    /// Returns how long ago the last sign of life was, in whole milliseconds, as times are told: rather longer than shorter.
    pub(super) fn silence(&self) -> Duration {
        let silence = self.heard_at.elapsed().as_nanos().div_ceil(1_000_000);
        Duration::from_millis(u64::try_from(silence).unwrap_or(u64::MAX))
    }

    /// Tells whether a ping has not been answered until the next one was due.
    pub(super) fn is_doubtful(&self) -> bool {
        self.unanswered > 1 && !self.heard
    }

    /// Notes a fresh token.
    pub(super) fn renew(&mut self, identity: &Identity) {
        self.expires = end(identity);
    }

    /// Returns when to look at [`Clock::due`] next.
    pub(super) fn next(&self) -> Instant {
        self.ping.min(self.expires)
    }

    /// Tells what is due. While we ourselves read nothing (`paused`), silence means nothing.
    pub(super) fn due(&mut self, now: Instant, paused: bool) -> Due {
        if now >= self.expires {
            return Due::Expired;
        }
        if now < self.ping {
            return Due::Nothing;
        }
        self.ping = now + jittered(self.interval);
        if std::mem::take(&mut self.heard) || paused {
            self.unanswered = 0;
        }
        if self.unanswered >= MISSED {
            return Due::Dead;
        }
        self.unanswered += 1;
        Due::Ping
    }
}

/// Returns when the connection of an identity ends. A token that was good by leeway alone is good until that is over.
fn end(identity: &Identity) -> Instant {
    let left = identity.expires_at.millis() - Timestamp::now().millis();
    let leeway = Duration::from_secs(LEEWAY_SECONDS);
    let left = match u64::try_from(left) {
        Ok(left) if left > 0 => Duration::from_millis(left),
        _ => leeway.saturating_sub(Duration::from_millis(left.unsigned_abs())),
    };
    // The runtime's timers end after two years.
    Instant::now() + left.min(Duration::from_secs(365 * 24 * 3_600))
}

/// Spreads a span by a tenth to both sides, so that connections that came together do not ping together.
fn jittered(span: Duration) -> Duration {
    let random = RandomState::new().hash_one(0_u8) % 2_001;
    // 0.9 to 1.1, in ten-thousandths.
    let factor = u32::try_from(9_000 + random).unwrap_or(10_000);
    span.saturating_mul(factor) / 10_000
}

#[cfg(test)]
mod tests {
    use chat_database::ids::UserId;

    use super::*;
    use crate::auth::Role;

    const BEAT: Duration = Duration::from_secs(25);

    fn identity(left: Duration) -> Identity {
        let user = UserId::new(42).expect("an id");
        Identity { user, role: Role::User, expires_at: Timestamp::now().after(left) }
    }

    fn clock() -> Clock {
        Clock::new(BEAT, &identity(Duration::from_secs(3_600)))
    }

    #[tokio::test(start_paused = true)]
    async fn two_pings_without_a_sign_of_life_are_the_end() {
        let mut clock = clock();
        assert_eq!(clock.due(Instant::now(), false), Due::Nothing);
        for expected in [Due::Ping, Due::Ping, Due::Dead] {
            tokio::time::sleep_until(clock.next()).await;
            assert_eq!(clock.due(Instant::now(), false), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_is_doubtful_when_a_ping_has_had_its_time_and_until_something_is_heard() {
        let mut clock = clock();
        for doubtful in [false, true] {
            tokio::time::sleep_until(clock.next()).await;
            assert_eq!((clock.due(Instant::now(), false), clock.is_doubtful()), (Due::Ping, doubtful));
        }
        assert!(clock.silence() >= BEAT * 18 / 10, "{:?}", clock.silence());
        clock.heard();
        assert_eq!((clock.silence(), clock.is_doubtful()), (Duration::ZERO, false));
    }

    #[tokio::test(start_paused = true)]
    async fn any_traffic_and_any_pause_of_ours_is_life() {
        let mut clock = clock();
        for round in 0..20 {
            tokio::time::sleep_until(clock.next()).await;
            if round % 2 == 0 {
                clock.heard();
            }
            assert_eq!(clock.due(Instant::now(), false), Due::Ping);
        }
        for _ in 0..20 {
            tokio::time::sleep_until(clock.next()).await;
            assert_eq!(clock.due(Instant::now(), true), Due::Ping);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_ends_unless_it_is_renewed() {
        let mut clock = Clock::new(BEAT, &identity(Duration::from_secs(5)));
        assert!(clock.next() <= Instant::now() + Duration::from_secs(5));
        clock.renew(&identity(Duration::from_secs(3_600)));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(clock.due(Instant::now(), false), Due::Nothing);
        clock.renew(&identity(Duration::ZERO));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(clock.due(Instant::now(), false), Due::Expired);
    }

    #[test]
    fn jitter_is_a_tenth() {
        for _ in 0..100 {
            let span = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(9)..=Duration::from_secs(11)).contains(&span), "{span:?}");
        }
    }
}
