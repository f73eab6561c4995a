//! Tests of the queue.

use super::*;

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn came() -> Reason {
    Reason::came(Reach::Everywhere)
}

fn left(second: i64) -> Reason {
    Reason::left(Some(Timestamp::from_millis(second * 1_000)), Reach::Everywhere)
}

#[test]
fn a_user_is_announced_as_they_are_at_their_turn() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    queue.want(user(1), came(), start);
    queue.want(user(2), left(5), start);
    let is_online = |who| who == user(1);
    let first = Announcement { user: user(1), online: true, seen: None, reach: Reach::Everywhere };
    assert_eq!(queue.next(start, is_online), Some(first));
    let seen = Some(Timestamp::from_millis(5_000));
    let second = Announcement { user: user(2), online: false, seen, reach: Reach::Everywhere };
    assert_eq!(queue.next(start, is_online), Some(second));
    assert_eq!(queue.next(start, is_online), None);
}

#[test]
fn what_was_told_of_late_is_no_news() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    for (online, is_news) in [(true, true), (true, false), (false, true), (true, true)] {
        assert_eq!(queue.tells(user(1), online, Reach::Everywhere, start), is_news, "{online}");
    }
    queue.sweep(start + REMEMBERED);
    assert!(queue.tells(user(1), true, Reach::Everywhere, start + REMEMBERED));
}

/// A client that has read who is online in between knows what the others do not.
#[test]
fn who_has_come_and_gone_before_their_turn_is_announced_once() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    for reason in [came(), left(5), came()] {
        queue.want(user(1), reason, start);
    }
    let announced = queue.next(start, |_| true).expect("an announcement");
    assert!(announced.online);
    assert_eq!(queue.next(start, |_| true), None);
}

#[test]
fn of_whom_nothing_new_is_to_be_told_leaves_the_line() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    queue.want(user(1), came(), start);
    queue.want(user(1), came(), start);
    assert_eq!(queue.next(start, |_| false), None);
    assert_eq!(queue.len(), 0);
}

/// Some were told this, and some that: all of them are told what holds.
#[test]
fn users_who_were_told_different_things_are_all_told_what_holds() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    queue.want(user(1), Reason::came(Reach::Here), start);
    queue.want(user(1), left(5), start);
    let announced = queue.next(start, |_| false).expect("an announcement");
    assert!(!announced.online && announced.reach == Reach::Everywhere);
}

#[test]
fn two_hundred_are_announced_in_a_second_and_the_rest_wait() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    for id in 1..=1_000 {
        queue.want(user(id), came(), start);
    }
    let announced = |queue: &mut Announcements, at| std::iter::from_fn(|| queue.next(at, |_| true)).count();
    assert_eq!(announced(&mut queue, start), 20, "a few at once");
    let mut count = 0;
    for millis in (50..=1_000).step_by(50) {
        count += announced(&mut queue, start + Duration::from_millis(millis));
    }
    assert_eq!(count, 200);
    assert_eq!(queue.len(), 780);
}

/// Users of whom nothing new is to be told use up no time.
#[test]
fn who_need_not_be_announced_holds_no_other_up() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    for id in 1..=1_000 {
        queue.want(user(id), if id == 1_000 { came() } else { left(1) }, start);
    }
    assert_eq!(queue.next(start, |_| true).expect("the last").user, user(1_000));
}

/// A user who has just connected to another node is among those who are told, once that node has said so.
#[test]
fn with_other_nodes_each_waits_for_a_moment() {
    let (start, delay) = (Instant::now(), Duration::from_millis(100));
    let mut queue = Announcements::new(start, delay);
    queue.want(user(1), came(), start);
    assert_eq!(queue.next(start + delay / 2, |_| true), None);
    assert!(queue.next(start + delay, |_| true).is_some());
}

/// It was told that she had gone, and a moment later it was heard that she had come somewhere before that.
#[test]
fn what_was_told_wrong_a_moment_ago_is_put_right() {
    let start = Instant::now();
    let mut queue = Announcements::new(start, Duration::ZERO);
    queue.tells(user(1), false, Reach::Here, start);
    queue.heard(user(1), false, start);
    assert_eq!(queue.len(), 0, "that was told");
    queue.heard(user(1), true, start);
    let announced = queue.next(start, |_| true).expect("an announcement");
    assert!(announced.online && announced.reach == Reach::Here);
    queue.heard(user(1), true, start + RECENT);
    assert_eq!(queue.len(), 0, "the node where she came announces it");
}
