//! When a delivery is tried again.

use std::time::Duration;

/// How long each try waits after the failure of the one before. The first try does not wait.
const WAITS: [Duration; 10] = [
    Duration::ZERO,
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(5 * 3_600),
    Duration::from_secs(10 * 3_600),
    Duration::from_secs(14 * 3_600),
    Duration::from_secs(20 * 3_600),
    Duration::from_secs(24 * 3_600),
];

/// How often a delivery is tried.
#[cfg(test)]
pub(super) const TRIES: u32 = WAITS.len() as u32;

/// By what part a wait is longer or shorter at most, so that many waits do not end at once.
const SPREAD: f64 = 0.2;

/// The longest wait that a receiver may ask for by `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// How long an endpoint may go on without one success before it is disabled.
pub(super) const PATIENCE: Duration = Duration::from_secs(5 * 24 * 3_600);

/// After how long without a success the log says so, once a day.
pub(super) const LOGGED_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// Returns how long a delivery waits after `tries` failed ones; `None` if there are no more tries. `chance` is from 0 to 1.
pub(super) fn wait(tries: u32, chance: f64) -> Option<Duration> {
    let wait = WAITS.get(usize::try_from(tries).ok()?)?;
    Some(wait.mul_f64(1.0 - SPREAD + 2.0 * SPREAD * chance))
}

/// Returns the longest time for which a delivery may wait after `tries` failed ones; the first try does not wait.
pub(super) fn longest(tries: u32) -> Duration {
    if tries == 0 { Duration::ZERO } else { wait(tries, 1.0).unwrap_or_default().max(LONGEST_PAUSE) }
}

/// Returns how long nothing is sent to a receiver that answered 429 or 503 with `Retry-After` in seconds. A date there is
/// ignored, for it depends on clocks.
pub(super) fn pause(code: u16, retry_after: Option<&str>) -> Option<Duration> {
    let seconds = retry_after.filter(|_| matches!(code, 429 | 503))?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_tried_ten_times_over_three_days() {
        let waits: Vec<u64> = (0..).map_while(|tries| wait(tries, 0.5)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(waits.len(), usize::try_from(TRIES).expect("few"));
    }

    #[test]
    fn a_wait_is_a_fifth_longer_or_shorter() {
        assert_eq!(wait(2, 0.0), Some(Duration::from_secs(240)));
        assert_eq!(wait(2, 1.0), Some(Duration::from_secs(360)));
    }

    #[test]
    fn a_receiver_that_is_busy_says_how_long_and_is_obeyed_for_an_hour_at_most() {
        assert_eq!(pause(429, Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(pause(503, Some(" 86400 ")), Some(LONGEST_PAUSE));
        for (code, retry_after) in [(500, Some("7")), (429, None), (503, Some("soon")), (503, Some("-1"))] {
            assert_eq!(pause(code, retry_after), None, "{code} {retry_after:?}");
        }
    }
}
