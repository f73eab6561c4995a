//! Tests of the state machine.

use super::*;
use crate::presence::remote::RemoteTable;
use chat_database::nodes::NodeId;

const COUNT: u64 = 5;

fn user(id: u64) -> UserId {
    UserId::new(id).expect("an id")
}

fn version(seq: u64) -> EntryVersion {
    EntryVersion { count: COUNT, seq }
}

fn arrival(id: u64) -> Transition {
    Transition::came(user(id), true)
}

fn came(seq: u64, id: u64) -> Transitions {
    Transitions { entry_version: version(seq), changes: vec![arrival(id)] }
}

fn peer(now: Instant) -> Peer {
    let node = NodeId::of("two".into(), 2);
    Peer::new(RemoteTable::default().open(&node).expect("a slot"), now, true)
}

fn snapshot(seq: u64, users: &[u64]) -> Snapshot {
    Snapshot::parts(version(seq), users.iter().map(|id| user(*id)).collect()).remove(0)
}

/// A peer whose users are known up to a version.
fn known(seq: u64, now: Instant) -> Peer {
    let mut peer = peer(now);
    peer.collects(&snapshot(seq, &[]), now).expect("it is complete");
    peer
}

fn beat(seq: u64, digest: Digest, announced: u64) -> Heartbeat {
    Heartbeat {
        entry_version: version(seq),
        users: digest.users,
        sum: digest.sum,
        announced: vec![("me".into(), announced)],
        released: 0,
        draining: false,
        version: String::new(),
    }
}

#[test]
fn a_new_peer_is_asked_for_a_snapshot_and_what_came_above_it_is_applied() {
    let now = Instant::now();
    let mut peer = peer(now);
    assert!(peer.asks(now));
    assert!(!peer.asks(now), "it is asked once");
    for (seq, id) in [(4, 44), (6, 46), (5, 45)] {
        assert!(peer.takes(came(seq, id), now).is_empty());
    }
    let (users, above) = peer.collects(&snapshot(4, &[1, 2, 44]), now).expect("it is complete");
    assert_eq!(users, [1, 2, 44].map(user));
    assert_eq!(above, [arrival(45), arrival(46)]);
    assert!(peer.is_known() && !peer.asks(now + SNAPSHOT));
}

#[test]
fn a_snapshot_that_does_not_come_is_asked_for_again_while_the_node_is_heard() {
    let now = Instant::now();
    let mut peer = peer(now);
    assert!(peer.asks(now));
    assert!(!peer.asks(now + SNAPSHOT / 2));
    assert!(peer.asks(now + SNAPSHOT));
    assert!(!peer.asks(now + SNAPSHOT * 2), "it is silent");
    peer.heard = now + SNAPSHOT * 2;
    assert!(peer.asks(now + SNAPSHOT * 2));
}

#[test]
fn changes_that_overtake_each_other_are_applied_in_order() {
    let now = Instant::now();
    let mut peer = known(1, now);
    assert!(peer.takes(came(3, 43), now).is_empty());
    assert!(!peer.asks(now), "the one before may be on its way");
    assert_eq!(peer.takes(came(2, 42), now), [arrival(42), arrival(43)]);
    assert!(peer.takes(came(2, 42), now).is_empty(), "it came twice");
    assert!(!peer.asks(now + OVERTAKEN));
}

#[test]
fn changes_that_were_lost_are_made_good_for_by_a_snapshot() {
    let now = Instant::now();
    let mut peer = known(1, now);
    assert!(peer.takes(came(3, 43), now).is_empty());
    assert!(peer.asks(now + OVERTAKEN));
    let (users, above) = peer.collects(&snapshot(3, &[42, 43]), now + OVERTAKEN).expect("it is complete");
    assert_eq!((users.len(), above.len()), (2, 0));
    assert_eq!(peer.takes(came(4, 44), now + OVERTAKEN), [arrival(44)]);
}

/// The last change before a pause was lost: no later one shows it.
#[test]
fn a_sign_of_life_shows_what_was_lost() {
    let now = Instant::now();
    let mut peer = known(1, now);
    peer.beats(&beat(2, Digest::default(), 0), Digest::default(), "me", now);
    assert!(!peer.asks(now), "it may be on its way");
    assert!(peer.asks(now + OVERTAKEN));

    let mut peer = known(1, now);
    peer.beats(&beat(2, Digest::default(), 0), Digest::default(), "me", now);
    peer.takes(came(2, 42), now);
    let mut digest = Digest::default();
    digest.add(user(42));
    peer.beats(&beat(2, digest, 0), digest, "me", now + OVERTAKEN);
    assert!(!peer.asks(now + OVERTAKEN), "it has come");
}

#[test]
fn another_digest_at_the_same_version_is_made_good_for_by_a_snapshot() {
    let now = Instant::now();
    let mut peer = known(1, now);
    let mut digest = Digest::default();
    peer.beats(&beat(1, digest, 0), digest, "me", now);
    assert!(!peer.asks(now));
    digest.add(user(1));
    peer.beats(&beat(1, digest, 0), Digest::default(), "me", now);
    assert!(peer.asks(now));
}

/// Its presence actor has failed, and counts anew.
#[test]
fn a_node_that_counts_anew_is_asked_for_a_snapshot() {
    let now = Instant::now();
    let mut peer = known(9, now);
    let again = EntryVersion { count: COUNT + 1, seq: 1 };
    let changes = Transitions { entry_version: again, changes: vec![arrival(42)] };
    assert!(peer.takes(changes, now).is_empty());
    assert!(peer.asks(now));
    let part = Snapshot::parts(EntryVersion { seq: 0, ..again }, vec![user(1)]).remove(0);
    let (users, above) = peer.collects(&part, now).expect("it is complete");
    assert_eq!((users, above), (vec![user(1)], vec![arrival(42)]));
}

#[test]
fn a_snapshot_counts_once_all_its_parts_have_come_and_an_older_one_does_not_count() {
    let now = Instant::now();
    let mut peer = known(5, now);
    peer.doubt();
    assert!(peer.collects(&snapshot(4, &[1]), now).is_none(), "it is older");
    let users: Vec<UserId> = (1..=70_000).map(user).collect();
    let parts = Snapshot::parts(version(6), users.clone());
    assert_eq!(parts.len(), 3);
    assert!(peer.collects(&parts[2], now).is_none());
    assert!(peer.collects(&parts[0], now).is_none());
    assert!(peer.collects(&parts[0], now).is_none(), "it came twice");
    let (read, _) = peer.collects(&parts[1], now).expect("it is complete");
    assert_eq!(read, users);
}

#[test]
fn an_announcement_that_was_lost_is_noticed_once() {
    let now = Instant::now();
    let mut peer = known(1, now);
    peer.beats(&beat(1, Digest::default(), 3), Digest::default(), "me", now);
    peer.announces(4, now);
    peer.beats(&beat(1, Digest::default(), 5), Digest::default(), "me", now);
    assert!(!peer.misses_announcements(now), "it may be on its way");
    assert!(peer.misses_announcements(now + OVERTAKEN * 4));
    assert!(!peer.misses_announcements(now + OVERTAKEN * 8), "once");
    peer.announces(7, now + OVERTAKEN * 8);
    peer.beats(&beat(1, Digest::default(), 7), Digest::default(), "me", now + OVERTAKEN * 9);
    assert!(peer.misses_announcements(now + OVERTAKEN * 12), "the sixth");
}

#[test]
fn an_announcement_that_a_sign_of_life_has_overtaken_was_not_lost() {
    let now = Instant::now();
    let mut peer = known(1, now);
    peer.beats(&beat(1, Digest::default(), 3), Digest::default(), "me", now);
    peer.beats(&beat(1, Digest::default(), 4), Digest::default(), "me", now);
    peer.announces(4, now);
    assert!(!peer.misses_announcements(now + OVERTAKEN * 4));
    for number in [7, 5, 6] {
        peer.announces(number, now);
    }
    assert!(!peer.misses_announcements(now + OVERTAKEN * 4), "nor was one that others have overtaken");
}

/// The repetition was taken for the one that was lost (found by seed 50798 of the simulation).
#[test]
fn a_repeated_announcement_does_not_hide_one_that_was_lost() {
    let now = Instant::now();
    let mut peer = known(1, now);
    peer.beats(&beat(1, Digest::default(), 3), Digest::default(), "me", now);
    for number in [5, 5] {
        peer.announces(number, now);
    }
    peer.beats(&beat(1, Digest::default(), 5), Digest::default(), "me", now);
    assert!(peer.misses_announcements(now + OVERTAKEN * 4), "the fourth");
}

#[test]
fn users_who_came_or_left_are_remembered_for_a_while() {
    let now = Instant::now();
    let mut peer = known(1, now);
    peer.remember(user(42), now);
    peer.remember(user(7), now + RECENT / 2);
    assert_eq!(peer.recent(now + RECENT / 2), [user(42), user(7)]);
    assert_eq!(peer.recent(now + RECENT), [user(7)]);
}
