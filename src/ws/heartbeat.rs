//! When to ping a connection, when to give it up, when its token expires.

use std::time::Duration;

use chat_database::time::Timestamp;
use tokio::time::Instant;

use crate::auth::{Identity, LEEWAY_SECONDS};

/// How many pings may go without any sign of life.
const MISSED: u8 = 2;

/// What the connection must do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing is due yet.
    Nothing,
    /// A ping must be sent.
    Ping,
    /// Nothing was received for too long: close the connection.
    Dead,
    /// The token has expired.
    Expired,
}

/// A connection's heartbeat.
#[derive(Debug)]
pub(super) struct Heartbeat {
    ping: Instant,
    expires: Instant,
    interval_ms: u32,
    unanswered: u8,
    heard: bool,
    heard_at: Instant,
}

impl Heartbeat {
    pub(super) fn new(interval: Duration, identity: &Identity) -> Self {
        let now = Instant::now();
        let ping = now + jittered(interval);
        // Four bytes for each connection where a `Duration` has sixteen.
        let interval_ms = u32::try_from(interval.as_millis()).unwrap_or(u32::MAX);
        Self { ping, expires: end(identity), interval_ms, unanswered: 0, heard: true, heard_at: now }
    }

    /// Records a sign of life.
    pub(super) fn heard(&mut self) {
        self.heard = true;
        self.heard_at = Instant::now();
    }

    /// Returns how long ago the last sign of life was, rounded up to whole milliseconds.
    pub(super) fn silence(&self) -> Duration {
        let silence = self.heard_at.elapsed().as_nanos().div_ceil(1_000_000);
        Duration::from_millis(u64::try_from(silence).unwrap_or(u64::MAX))
    }

    /// Tells whether a ping was still unanswered when the next one was due, and nothing has been received since.
    pub(super) fn is_doubtful(&self) -> bool {
        self.unanswered > 1 && !self.heard
    }

    /// Records a fresh token.
    pub(super) fn renew(&mut self, identity: &Identity) {
        self.expires = end(identity);
    }

    /// Returns when to call [`Heartbeat::due`] next.
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
        self.ping = now + jittered(Duration::from_millis(self.interval_ms.into()));
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

/// Returns when a token expires for a connection. A token that is valid by leeway alone is valid until the leeway ends.
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
    span.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use chat_database::ids::UserId;

    use super::*;
    use crate::auth::Role;

    const BEAT: Duration = Duration::from_secs(25);

    fn identity(left: Duration) -> Identity {
        let user = UserId::new(42).expect("an id");
        Identity { user, role: Role::User, issued_at: None, expires_at: Timestamp::now().after(left) }
    }

    fn heartbeat() -> Heartbeat {
        Heartbeat::new(BEAT, &identity(Duration::from_secs(3_600)))
    }

    #[tokio::test(start_paused = true)]
    async fn two_pings_without_a_sign_of_life_are_the_end() {
        let mut heartbeat = heartbeat();
        assert_eq!(heartbeat.due(Instant::now(), false), Due::Nothing);
        for expected in [Due::Ping, Due::Ping, Due::Dead] {
            tokio::time::sleep_until(heartbeat.next()).await;
            assert_eq!(heartbeat.due(Instant::now(), false), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_doubtful_from_an_unanswered_ping_until_something_is_received() {
        let mut heartbeat = heartbeat();
        for doubtful in [false, true] {
            tokio::time::sleep_until(heartbeat.next()).await;
            assert_eq!((heartbeat.due(Instant::now(), false), heartbeat.is_doubtful()), (Due::Ping, doubtful));
        }
        assert!(heartbeat.silence() >= BEAT * 18 / 10, "{:?}", heartbeat.silence());
        heartbeat.heard();
        assert_eq!((heartbeat.silence(), heartbeat.is_doubtful()), (Duration::ZERO, false));
    }

    #[tokio::test(start_paused = true)]
    async fn any_traffic_and_any_pause_of_reading_keeps_a_connection_alive() {
        let mut heartbeat = heartbeat();
        for round in 0..20 {
            tokio::time::sleep_until(heartbeat.next()).await;
            if round % 2 == 0 {
                heartbeat.heard();
            }
            assert_eq!(heartbeat.due(Instant::now(), false), Due::Ping);
        }
        for _ in 0..20 {
            tokio::time::sleep_until(heartbeat.next()).await;
            assert_eq!(heartbeat.due(Instant::now(), true), Due::Ping);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_ends_unless_it_is_renewed() {
        let mut heartbeat = Heartbeat::new(BEAT, &identity(Duration::from_secs(5)));
        assert!(heartbeat.next() <= Instant::now() + Duration::from_secs(5));
        heartbeat.renew(&identity(Duration::from_secs(3_600)));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(heartbeat.due(Instant::now(), false), Due::Nothing);
        heartbeat.renew(&identity(Duration::ZERO));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(heartbeat.due(Instant::now(), false), Due::Expired);
    }

    #[test]
    fn jitter_is_a_tenth() {
        for _ in 0..100 {
            let span = jittered(Duration::from_secs(10));
            assert!((Duration::from_secs(9)..=Duration::from_secs(11)).contains(&span), "{span:?}");
        }
    }
}
