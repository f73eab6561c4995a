//! Tests of the membership.

use super::*;

fn node(name: &str, incarnation: u64) -> NodeId {
    NodeId::of(name.into(), incarnation)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A membership of node `me` that has heard of node `two` at a moment.
fn heard() -> (Membership, NodeId, Instant) {
    let (mut membership, two, start) = (Membership::new(node("me", 1)), node("two", 2), Instant::now());
    assert_eq!(membership.heard(&two, start), Some(vec![Event::Joined(two.clone())]));
    (membership, two, start)
}

fn row(node: &NodeId, age: u64) -> Vec<Witness> {
    vec![Witness { node: node.clone(), age: seconds(age) }]
}

#[test]
fn a_silent_node_whose_row_is_old_is_dead_and_is_so_once() {
    let (mut membership, two, start) = heard();
    assert!(membership.witness(Some(&row(&two, 9)), start + seconds(4)).is_empty(), "four seconds of silence");
    assert!(membership.suspects(start + seconds(4)));
    assert!(
        membership.witness(Some(&row(&two, 6)), start + seconds(6)).is_empty(),
        "the row is old for the first time"
    );
    let died = membership.witness(Some(&row(&two, 9)), start + seconds(9));
    assert_eq!(died, [Event::Ended(two.clone(), start + seconds(2))], "it may have lived until its next row");
    assert_eq!(membership.live().count(), 0);
    assert!(membership.witness(Some(&row(&two, 10)), start + seconds(10)).is_empty());
    assert_eq!(membership.heard(&two, start + seconds(30)), Some(vec![Event::Returned(two)]));
}

/// It was stopped, and when it went on NATS was away.
#[test]
fn a_dead_node_whose_row_is_fresh_again_lives() {
    let (mut membership, two, start) = heard();
    membership.witness(Some(&row(&two, 6)), start + seconds(6));
    membership.witness(Some(&row(&two, 9)), start + seconds(9));
    assert_eq!(membership.live().count(), 0);
    let events = membership.witness(Some(&row(&two, 1)), start + seconds(20));
    assert_eq!(events, [Event::Returned(two)]);
    assert_eq!(membership.live().count(), 1);
}

/// NATS was stopped, and all nodes lived.
#[test]
fn a_silent_node_whose_row_is_fresh_lives() {
    let (mut membership, two, start) = heard();
    for second in 5..100 {
        assert!(membership.witness(Some(&row(&two, 2)), start + seconds(second)).is_empty());
    }
    assert_eq!(membership.live().collect::<Vec<_>>(), [two]);
}

/// A database that comes back has old rows for all nodes, and for a moment no node has written its own again.
#[test]
fn a_row_that_could_not_be_written_meanwhile_does_not_make_its_node_dead() {
    let (mut membership, two, start) = heard();
    membership.witness(Some(&row(&two, 6)), start + seconds(6));
    assert!(membership.witness(None, start + seconds(8)).is_empty(), "the database is away");
    assert!(membership.witness(Some(&row(&two, 20)), start + seconds(20)).is_empty(), "it is back");
    assert!(membership.witness(Some(&row(&two, 1)), start + seconds(22)).is_empty());
    assert!(membership.witness(Some(&row(&two, 1)), start + seconds(24)).is_empty());
}

#[test]
fn a_node_without_a_row_is_one_with_an_old_row() {
    let (mut membership, two, start) = heard();
    membership.witness(Some(&[]), start + seconds(6));
    assert_eq!(membership.witness(Some(&[]), start + seconds(9)), [Event::Ended(two, start + HEARTBEAT)]);
}

#[test]
fn a_new_process_of_a_name_ends_the_one_before_and_what_comes_late_from_that_is_not_believed() {
    let (mut membership, two, start) = heard();
    let next = node("two", 3);
    let events = membership.heard(&next, start + seconds(1));
    assert_eq!(events, Some(vec![Event::Ended(two.clone(), start + HEARTBEAT), Event::Joined(next.clone())]));
    assert_eq!(membership.heard(&two, start + seconds(1)), None);
    assert_eq!(membership.heard(&next, start + seconds(2)), Some(Vec::new()));
    // The old row of the name is of the old process: it says nothing about the new one.
    membership.witness(Some(&row(&two, 1)), start + seconds(8));
    assert_eq!(
        membership.witness(Some(&row(&two, 1)), start + seconds(11)),
        [Event::Ended(next, start + seconds(2) + HEARTBEAT)]
    );
}

#[test]
fn a_node_that_stood_still_does_not_take_the_others_for_dead() {
    let (mut membership, two, start) = heard();
    let woken = start + seconds(30);
    membership.reset_timeouts(woken);
    assert!(membership.witness(Some(&row(&two, 9)), woken).is_empty());
    assert!(!membership.suspects(woken));
}

#[test]
fn what_a_node_says_under_my_name_is_not_believed() {
    let (mut membership, _, start) = heard();
    assert_eq!(membership.heard(&node("me", 9), start), None);
}

#[test]
fn the_nodes_are_whole_once_all_that_the_database_knows_are_heard() {
    let (mut membership, two, start) = heard();
    assert!(!membership.is_whole(start), "the database has not been asked");
    let three = node("three", 3);
    let mut rows = row(&two, 1);
    membership.witness(Some(&rows), start);
    assert!(membership.is_whole(start));
    rows.extend(row(&three, 1));
    membership.witness(Some(&rows), start);
    assert!(!membership.is_whole(start), "the third has not been heard");
    membership.heard(&three, start);
    membership.witness(Some(&rows), start);
    assert!(membership.is_whole(start));
    assert!(!membership.is_whole(start + seconds(3)), "both are silent");
}
