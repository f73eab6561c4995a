//! Tests of the rate limits.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn limiter(per_second: f64, burst: u32) -> Limiter {
    Limiter::new("messages", [Some(Rate::per_second(per_second, burst))])
}

/// Tries as often as said, and returns how often it was let in.
fn let_in<const N: usize>(limiter: &Limiter<N>, user: UserId, now: Instant, tries: usize) -> usize {
    (0..tries).filter(|_| limiter.take(user, now).is_ok()).count()
}

fn millis(refused: &Error) -> u64 {
    assert_eq!(refused.code, ErrorCode::RateLimited);
    refused.retry_after_ms.expect("a time")
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let (start, alice) = (Instant::now(), user(42));
    let limiter = limiter(20.0, 60);
    assert_eq!(let_in(&limiter, alice, start, 100), 60);
    let wait = millis(&limiter.take(alice, start).expect_err("empty"));
    assert_eq!(wait, 50);
    let then = start + Duration::from_millis(wait);
    assert_eq!(let_in(&limiter, alice, then, 2), 1);
    assert_eq!(let_in(&limiter, alice, start + SECOND * 3_600, 100), 60);
    assert_eq!(let_in(&limiter, user(7), start, 100), 60, "every user has a bucket of their own");
}

/// A wait of 33.4 ms was said to be 33: a client that kept to it was refused again.
#[test]
fn a_client_that_waits_as_long_as_it_was_told_is_let_in() {
    let alice = user(42);
    for per_second in [0.3, 1.0, 3.0, 7.0, 29.9, 60.0, 999.0] {
        let limiter = limiter(per_second, 1);
        let mut now = Instant::now();
        limiter.take(alice, now).expect("full");
        for _ in 0..200 {
            let refused = limiter.take(alice, now).expect_err("empty");
            now += Duration::from_millis(millis(&refused));
            limiter.take(alice, now).unwrap_or_else(|refused| panic!("{per_second}: {refused}"));
        }
    }
}

#[test]
fn what_was_owed_is_waited_for() {
    let (start, alice) = (Instant::now(), user(42));
    let limiter = limiter(1.0, 5);
    limiter.take(alice, start).expect("full");
    (0..9).for_each(|_| limiter.owe(alice, start));
    let wait = millis(&limiter.take(alice, start).expect_err("five are owed"));
    assert_eq!(wait, 6_000);
    // A client that comes back when it was told gets in, however much it brings.
    limiter.take(alice, start + Duration::from_millis(wait)).expect("let in");
}

#[test]
fn without_a_rate_no_user_is_too_fast() {
    let off: Limiter<2> = Limiter::new("messages", [None, None]);
    assert_eq!(let_in(&off, user(42), Instant::now(), 1_000), 1_000);
    off.owe(user(42), Instant::now());
}

#[test]
fn of_several_measures_the_strictest_decides_and_a_refusal_costs_nothing() {
    let (start, alice) = (Instant::now(), user(42));
    let rates = [Rate::within(SECOND * 60, 2.0), Rate::within(SECOND * 3_600, 3.0)].map(Some);
    let limiter: Limiter<2> = Limiter::new("new conversations", rates);
    assert_eq!(let_in(&limiter, alice, start, 10), 2);
    assert_eq!(millis(&limiter.take(alice, start).expect_err("two a minute")), 30_000);
    let later = start + SECOND * 60;
    assert_eq!(let_in(&limiter, alice, later, 10), 1, "three an hour, and the refused ones were not counted");
    assert_eq!(millis(&limiter.take(alice, later).expect_err("three an hour")), 1_140_000);
}

/// Each newcomer had all that were remembered looked through, once there were more than fitted.
#[test]
fn users_who_have_been_quiet_are_forgotten_and_no_others() {
    let start = Instant::now();
    let limiter = limiter(1.0, 2);
    let crowd = REMEMBERED as u64;
    for id in 1..=crowd {
        limiter.take(user(id), start).expect("full");
    }
    assert_eq!(let_in(&limiter, user(1), start + SECOND, 5), 2);
    limiter.take(user(crowd + 1), start + SECOND).expect("full");
    assert_eq!(limiter.users().buckets.len(), 2, "all others have had their token back");
    assert_eq!(let_in(&limiter, user(1), start + SECOND, 5), 0, "a bucket that is not full is kept");
    for id in 1..crowd * 2 {
        limiter.owe(user(id), start + SECOND);
    }
    let users = limiter.users();
    assert_eq!(users.buckets.len(), REMEMBERED * 2 - 1);
    assert!(users.sweep_at > users.buckets.len(), "not looked through for each newcomer");
}

#[test]
fn a_token_for_a_new_conversation_that_is_given_back_can_be_taken_again() {
    let alice = user(42);
    let limiter = Limiter::new("new conversations", [Some(Rate::within(SECOND * 60, 1.0)), None]);
    let limit: &dyn NewThreadLimit = &limiter;
    assert!(limit.take(alice));
    assert!(!limit.take(alice), "the only one is taken");
    limit.give_back(alice);
    assert!(limit.take(alice), "the first conversation was not begun");
    assert!(!limit.take(alice));
    let wait = millis(&limiter.refusal(alice, Instant::now()));
    assert!((50_000..=60_000).contains(&wait), "{wait}");
    assert!(limit.take(user(7)), "the other side has a bucket of its own");
}

#[test]
fn a_refusal_says_how_many_at_once_the_rate_allows() {
    let (start, alice) = (Instant::now(), user(42));
    let limiter = limiter(20.0, 60);
    let_in(&limiter, alice, start, 60);
    assert_eq!(limiter.take(alice, start).expect_err("empty").limit, Some(60));
}

#[test]
fn an_address_counts_as_its_network_where_each_customer_has_one() {
    let counted = |text: &str| counted_as(text.parse().expect("an address")).to_string();
    assert_eq!(counted("192.0.2.7"), "192.0.2.7");
    assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}
