//! Tests of the delivery frontier.

use super::*;

fn mark(no: u64) -> Mark {
    Mark { epoch: "epoch".into(), commit: CommitNo(no), nonce: Nonce(u32::try_from(no).expect("small")) }
}

fn head(no: u64) -> Head {
    Head { mark: mark(no), newest: Timestamp::from_millis(0), known: None }
}

fn frontier() -> DeliveryFrontier {
    DeliveryFrontier::new(head(10))
}

fn begin(frontier: &DeliveryFrontier, no: u64, parts: usize) -> Vec<DeliveryGuard> {
    frontier.commit_started();
    let (guards, _) = frontier.begin_own(&mark(no), Timestamp::from_millis(0), parts);
    frontier.dispatched();
    guards
}

fn gaps(frontier: &DeliveryFrontier, head: u64) -> (u64, Vec<u64>) {
    let (end, missing) = frontier.gaps(CommitNo(head), |_| false);
    (end.0, missing.into_iter().map(|no| no.0).collect())
}

#[test]
fn nothing_is_released_before_all_parts_of_all_commits_up_to_it_are_delivered() {
    let frontier = frontier();
    let mut eleven = begin(&frontier, 11, 2);
    let twelve = begin(&frontier, 12, 1);
    twelve.into_iter().for_each(DeliveryGuard::delivered);
    assert_eq!(frontier.released(), CommitNo(10));
    eleven.pop().expect("a part").delivered();
    assert_eq!(frontier.released(), CommitNo(10));
    eleven.pop().expect("a part").delivered();
    assert_eq!(frontier.released(), CommitNo(12));
}

#[test]
fn a_commit_without_recipients_is_released_at_once() {
    let frontier = frontier();
    begin(&frontier, 11, 0);
    assert_eq!(frontier.released(), CommitNo(11));
}

#[test]
fn a_commit_of_another_node_is_a_gap_until_it_is_followed() {
    let frontier = frontier();
    begin(&frontier, 12, 1).into_iter().for_each(DeliveryGuard::delivered);
    assert_eq!(frontier.released(), CommitNo(10));
    assert_eq!(gaps(&frontier, 13), (13, vec![11, 13]));
    let parts = frontier.begin_followed(&[(CommitNo(11), Nonce(11)), (CommitNo(13), Nonce(13))], 1);
    assert_eq!(gaps(&frontier, 13), (13, vec![]));
    parts.into_iter().for_each(DeliveryGuard::delivered);
    assert_eq!(frontier.released(), CommitNo(13));
}

#[test]
fn a_part_that_was_dropped_undelivered_makes_its_commit_a_gap_again() {
    let frontier = frontier();
    let mut parts = begin(&frontier, 11, 2);
    parts.pop().expect("a part").delivered();
    drop(parts);
    assert_eq!(frontier.released(), CommitNo(10));
    assert_eq!(gaps(&frontier, 11), (11, vec![11]));
    frontier.begin_followed(&[(CommitNo(11), Nonce(11))], 1).into_iter().for_each(DeliveryGuard::delivered);
    assert_eq!(frontier.released(), CommitNo(11));
}

#[test]
fn a_cursor_says_how_far_its_reader_may_have_heard_beyond_it() {
    let frontier = frontier();
    let reader = UserId::new(7).expect("an id");
    let parts = begin(&frontier, 11, 1);
    let cursor = frontier.cursor_at(frontier.released(), reader);
    assert_eq!((cursor.commit, cursor.heard, cursor.reader), (CommitNo(10), mark(11), Some(reader)));
    parts.into_iter().for_each(DeliveryGuard::delivered);
    let elsewhere = Cursor { heard: mark(19), ..frontier.cursor_at(CommitNo(11), reader) };
    assert_eq!(frontier.onward(&elsewhere, CommitNo(11)).heard, mark(19), "another node was further");
}

#[test]
fn what_is_delivered_in_one_history_releases_nothing_in_the_next() {
    let frontier = frontier();
    let old = begin(&frontier, 12, 1);
    let there = Mark { epoch: "another".into(), ..mark(11) };
    frontier.restart_at(there.clone());
    assert_eq!((frontier.newest(), frontier.histories()), (there, 1));
    old.into_iter().for_each(DeliveryGuard::delivered);
    assert_eq!(frontier.released(), CommitNo(11));
    begin(&frontier, 12, 0);
    assert_eq!(frontier.released(), CommitNo(12));
}

#[test]
fn a_name_that_was_learnt_earlier_does_not_come_back() {
    let frontier = frontier();
    frontier.begin_own(&Mark { epoch: "newer".into(), ..mark(12) }, Timestamp::from_millis(0), 0);
    frontier.learn(&head(11));
    assert_eq!(*frontier.newest().epoch, *"newer");
}

#[test]
fn a_commit_of_our_own_that_is_on_its_way_is_no_gap() {
    let frontier = frontier();
    frontier.commit_started();
    let (end, missing) = frontier.gaps(CommitNo(12), |no| no.0 == 12);
    assert_eq!((end.0, missing), (11, vec![CommitNo(11)]));
    frontier.commit_failed();
    let (end, missing) = frontier.gaps(CommitNo(12), |no| no.0 == 12);
    assert_eq!((end.0, missing.len()), (12, 2), "its answer was lost: it is delivered from the database");
}
