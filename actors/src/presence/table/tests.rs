//! Tests of the table.

use super::*;

const AFTER: Duration = Duration::from_secs(10);

/// How many departures are taken out at a time.
const AT_ONCE: usize = 64;

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

/// A connection of a user comes, and the other nodes are told if that is news.
fn comes(table: &mut OnlineTable, user: UserId, now: Instant, at: Timestamp) -> bool {
    let is_news = table.came(user, now, at);
    table.publish(user);
    is_news
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

#[test]
fn a_reload_is_no_departure() {
    let (alice, start) = (user(42), Instant::now());
    let mut table = OnlineTable::default();
    assert!(comes(&mut table, alice, start, at(0)));
    assert!(!comes(&mut table, alice, start, at(0)), "a second connection is no news");
    table.left(alice, start, at(0));
    assert!(table.gone(start + AFTER * 9, AFTER, AT_ONCE).is_empty(), "one is still there");
    table.left(alice, start, at(0));
    assert!(!comes(&mut table, alice, start, at(1)), "back within the debounce");
    table.left(alice, start + AFTER, at(11));
    assert!(table.gone(start + AFTER, AFTER, AT_ONCE).is_empty());
    assert!(table.is_online(alice));
    assert_eq!(table.gone(start + AFTER * 2, AFTER, AT_ONCE), [(alice, at(11))]);
    assert!(!table.is_online(alice));
    assert!(comes(&mut table, alice, start, at(30)));
}

/// All of a crowd was taken out at once and told one by one: those who came back meanwhile were told as gone.
#[test]
fn of_a_crowd_that_has_gone_those_who_come_back_before_their_turn_have_not() {
    let start = Instant::now();
    let mut table = OnlineTable::default();
    let crowd: Vec<UserId> = (1..=100).map(user).collect();
    for user in &crowd {
        comes(&mut table, *user, start, at(0));
        table.left(*user, start, at(0));
    }
    let first = table.gone(start + AFTER, AFTER, 30);
    assert_eq!(first.len(), 30);
    let news = crowd.iter().filter(|user| comes(&mut table, **user, start, at(0))).count();
    assert_eq!(news, 30, "the others had never gone");
    assert!(table.gone(start + AFTER, AFTER, 100).is_empty());
}

/// They were seen when the hub decided: ten seconds late, and a minute and a half with a dead line.
#[test]
fn a_user_was_last_seen_when_their_last_connection_was_alive() {
    let (alice, start) = (user(42), Instant::now());
    let mut table = OnlineTable::default();
    comes(&mut table, alice, start, at(0));
    comes(&mut table, alice, start, at(5));
    // One is closed; of the other nothing was heard since long before, which is found out later.
    table.left(alice, start, at(100));
    table.left(alice, start, at(40));
    assert_eq!(table.gone(start + AFTER, AFTER, AT_ONCE), [(alice, at(100))]);

    comes(&mut table, alice, start, at(200));
    table.left(alice, start, at(190));
    assert_eq!(table.gone(start + AFTER, AFTER, AT_ONCE), [(alice, at(200))], "they had come later than that");
}

#[test]
fn while_they_are_online_it_is_noted_now_and_then_and_not_of_all_at_once() {
    let start = Instant::now();
    let every = Duration::from_secs(120);
    let mut table = OnlineTable::default();
    let crowd: Vec<UserId> = (1..=100).map(user).collect();
    for user in &crowd {
        comes(&mut table, *user, start, at(0));
    }
    assert!(table.due(start + every / 2, every, at(50), 64).is_empty(), "they have just come");
    // The first has gone, and does not count as gone yet: nothing later is claimed of them.
    table.left(user(1), start, at(3));
    let now = start + every;
    let mut noted = table.due(now, every, at(50), 64);
    assert_eq!(noted.len(), 64);
    noted.extend(table.due(now, every, at(50), 64));
    assert!(table.due(now, every, at(50), 64).is_empty(), "once in a while");
    noted.sort_unstable();
    let expected: Vec<_> = crowd.iter().map(|one| (*one, if *one == user(1) { at(3) } else { at(50) })).collect();
    assert_eq!(noted, expected);

    comes(&mut table, user(7), now, at(60));
    comes(&mut table, user(200), now, at(130));
    let mut all = table.all(at(140));
    all.sort_unstable();
    assert_eq!((all.len(), all[0], all[100]), (101, (user(1), at(3)), (user(200), at(140))));
    assert_eq!(table.due(now + every, every, at(100), 200).len(), 101);
    comes(&mut table, user(300), now, at(500));
    assert_eq!(table.due(now + every, every, at(400), 200), [(user(300), at(500))], "not before they came");
}

#[test]
fn a_user_leaves_no_sooner_than_the_arrival_was_published() {
    let (alice, start) = (user(42), Instant::now());
    let mut table = OnlineTable::default();
    table.came(alice, start, at(0));
    table.left(alice, start, at(0));
    assert!(table.gone(start + AFTER, AFTER, AT_ONCE).is_empty());
    assert!(table.publish(alice) && !table.publish(alice));
    assert_eq!(table.published().collect::<Vec<_>>(), [alice]);
    assert_eq!(table.gone(start + AFTER, AFTER, AT_ONCE), [(alice, at(0))]);
    assert!(!table.publish(alice), "she is not there");
}
