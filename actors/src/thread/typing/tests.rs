//! Tests of the table.

use super::*;

fn users() -> (UserId, UserId, ThreadId) {
    let user = |id| UserId::new(id).expect("an id");
    (user(42), user(7), ThreadId::new(77).expect("an id"))
}

fn connection() -> Origin {
    Origin::Connection(ConnectionId::next())
}

fn elsewhere(node: &str) -> Origin {
    Origin::Node(node.into())
}

/// A user has stopped on this node, and so everywhere.
fn stopped(thread_id: ThreadId) -> Stopped {
    Stopped { thread_id, here: true, everywhere: true }
}

#[test]
fn a_user_who_does_not_say_it_again_stops_after_six_seconds() {
    let (alice, bob, thread) = users();
    let (phone, desk) = (connection(), connection());
    let start = Instant::now();
    let mut typing = Typing::default();
    typing.begin(alice, phone.clone(), thread, start);
    typing.begin(bob, desk.clone(), thread, start);
    typing.begin(alice, phone.clone(), thread, start + LASTS / 2);
    assert_eq!(typing.due(start + LASTS), [(bob, stopped(thread))]);
    assert_eq!(typing.end(bob, &desk), None);
    assert_eq!(typing.end(alice, &phone), Some(stopped(thread)));
    assert!(typing.due(start + LASTS * 2).is_empty() && typing.is_empty());
}

/// Two tabs wrote, one was closed: the other member was told that the user had stopped.
#[test]
fn a_user_writes_until_their_last_connection_has_stopped() {
    let (alice, bob, thread) = users();
    let [phone, laptop, desk] = [(); 3].map(|()| connection());
    let start = Instant::now();
    let mut typing = Typing::default();
    for (who, connection) in [(alice, &phone), (bob, &desk), (alice, &laptop)] {
        typing.begin(who, connection.clone(), thread, start);
    }
    assert_eq!(typing.end(alice, &phone), None, "the laptop goes on");
    assert_eq!(typing.end(alice, &phone), None);
    assert_eq!(typing.end(alice, &laptop), Some(stopped(thread)));

    typing.begin(alice, phone.clone(), thread, start);
    typing.begin(alice, laptop, thread, start + LASTS / 2);
    assert_eq!(typing.due(start + LASTS), [(bob, stopped(thread))], "the phone's time is over, and the laptop goes on");
    assert_eq!(typing.of(alice), Some(thread));
    typing.begin(alice, phone, thread, start + LASTS / 2);
    assert_eq!(typing.due(start + LASTS * 2), [(alice, stopped(thread))], "both at once are one person");
}

#[test]
fn a_message_that_came_by_no_connection_was_what_was_written_last() {
    let (alice, bob, thread) = users();
    let [phone, laptop, desk] = [(); 3].map(|()| connection());
    let start = Instant::now();
    let mut typing = Typing::default();
    for (who, connection) in [(alice, &phone), (alice, &laptop), (alice, &phone), (bob, &desk)] {
        typing.begin(who, connection.clone(), thread, start);
    }
    assert_eq!(typing.end_last(alice), None);
    assert_eq!(typing.end(alice, &phone), None, "it was the phone's");
    assert_eq!(typing.end_last(alice), Some(stopped(thread)));
    assert_eq!(typing.end_last(alice), None);
    assert_eq!(typing.of(bob), Some(thread));
}

#[test]
fn a_user_who_writes_on_two_nodes_stops_everywhere_with_the_last() {
    let (alice, _, thread) = users();
    let (phone, two) = (connection(), elsewhere("two"));
    let start = Instant::now();
    let mut typing = Typing::default();
    typing.begin(alice, phone.clone(), thread, start);
    typing.begin(alice, two.clone(), thread, start);
    let here = Stopped { thread_id: thread, here: true, everywhere: false };
    assert_eq!(typing.end(alice, &phone), Some(here), "users here are told nothing, other nodes are");
    assert!(!typing.is_here(alice) && typing.of(alice).is_some());
    let there = Stopped { thread_id: thread, here: false, everywhere: true };
    assert_eq!(typing.end(alice, &two), Some(there));

    typing.begin(alice, two.clone(), thread, start);
    typing.begin(alice, phone.clone(), thread, start);
    assert_eq!(typing.end(alice, &two), None, "the phone goes on");
    assert_eq!(typing.end_last(alice), Some(stopped(thread)));
}

/// H9: it stayed on for ever.
#[test]
fn a_user_whose_node_has_died_stops_after_six_seconds() {
    let (alice, _, thread) = users();
    let start = Instant::now();
    let mut typing = Typing::default();
    typing.begin(alice, elsewhere("two"), thread, start);
    assert!(typing.due(start + LASTS / 2).is_empty());
    let there = Stopped { thread_id: thread, here: false, everywhere: true };
    assert_eq!(typing.due(start + LASTS), [(alice, there)]);
}

/// A message by REST on this node says nothing of what is written elsewhere.
#[test]
fn a_message_by_rest_ends_no_writing_on_another_node() {
    let (alice, _, thread) = users();
    let mut typing = Typing::default();
    typing.begin(alice, elsewhere("two"), thread, Instant::now());
    assert_eq!(typing.end_last(alice), None);
    assert_eq!(typing.of(alice), Some(thread));
}
