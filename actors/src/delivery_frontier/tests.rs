//! Tests of the delivery frontier.

use super::*;

fn commit_ref(no: u64) -> CommitRef {
    CommitRef { epoch: "epoch".into(), commit: CommitNo(no), nonce: Nonce(u32::try_from(no).expect("small")) }
}

fn head(no: u64) -> Head {
    Head { commit_ref: commit_ref(no), newest: Timestamp::from_millis(0), known: None, restrictions: CommitNo(0) }
}

fn frontier() -> DeliveryFrontier {
    DeliveryFrontier::new(head(10))
}

fn begin(frontier: &DeliveryFrontier, no: u64, parts: usize) -> Vec<DeliveryGuard> {
    frontier.commit_started();
    let (guards, _) = frontier.begin_own(&commit_ref(no), Timestamp::from_millis(0), parts);
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
    assert_eq!((cursor.commit, cursor.heard, cursor.reader), (CommitNo(10), commit_ref(11), Some(reader)));
    parts.into_iter().for_each(DeliveryGuard::delivered);
    let elsewhere = Cursor { heard: commit_ref(19), ..frontier.cursor_at(CommitNo(11), reader) };
    assert_eq!(frontier.onward(&elsewhere, CommitNo(11)).heard, commit_ref(19), "another node was further");
}

#[test]
fn what_is_delivered_in_one_history_releases_nothing_in_the_next() {
    let frontier = frontier();
    let old = begin(&frontier, 12, 1);
    let there = CommitRef { epoch: "another".into(), ..commit_ref(11) };
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
    frontier.begin_own(&CommitRef { epoch: "newer".into(), ..commit_ref(12) }, Timestamp::from_millis(0), 0);
    frontier.learn(&commit_ref(11), Timestamp::from_millis(0));
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

#[test]
fn the_unbroken_number_stops_before_what_is_missing_lost_or_still_being_dispatched() {
    let frontier = frontier();
    let unbroken = || frontier.unbroken().0;
    let eleven = begin(&frontier, 11, 1);
    begin(&frontier, 13, 0);
    assert_eq!(unbroken(), 11);
    let twelve = frontier.begin_followed(&[(CommitNo(12), Nonce(12))], 1);
    assert_eq!(unbroken(), 13);
    frontier.begin_own(&commit_ref(14), Timestamp::from_millis(0), 0);
    assert_eq!(unbroken(), 13, "what the follower sends must not come before its parts");
    frontier.dispatched();
    assert_eq!(unbroken(), 14);
    drop(twelve);
    assert_eq!(unbroken(), 11);
    frontier.begin_followed(&[(CommitNo(12), Nonce(12))], 0);
    assert_eq!((unbroken(), frontier.released().0), (14, 10));
    eleven.into_iter().for_each(DeliveryGuard::delivered);
    assert_eq!(frontier.released().0, 14);
}

#[test]
fn a_lost_part_is_told_of_at_once() {
    let frontier = frontier();
    let told = Arc::new(AtomicU64::new(0));
    frontier.on_lost({
        let told = Arc::clone(&told);
        move || {
            told.fetch_add(1, Ordering::Relaxed);
        }
    });
    begin(&frontier, 11, 1).into_iter().for_each(DeliveryGuard::delivered);
    assert_eq!(told.load(Ordering::Relaxed), 0);
    drop(begin(&frontier, 12, 1));
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[test]
fn nonces_are_remembered_for_a_while() {
    let frontier = frontier();
    for no in 11..2_000 {
        begin(&frontier, no, 0);
    }
    let waiting = begin(&frontier, 2_000, 1);
    let nonce = |no| frontier.nonce_of(CommitNo(no));
    assert_eq!([nonce(2_000), nonce(1_999), nonce(1_000)], [2_000, 1_999, 1_000].map(|no| Some(Nonce(no))));
    assert_eq!([nonce(2_001), nonce(900), nonce(1)], [None; 3]);
    drop(waiting);
}

/// What a frontier should say: for each commit that was begun, the number of its parts that are under way, and whether one
/// was lost.
#[derive(Default)]
struct Model(std::collections::BTreeMap<u64, (usize, bool)>);

impl Model {
    fn highest(&self, holds: impl Fn(&(usize, bool)) -> bool) -> u64 {
        (11..).take_while(|no| self.0.get(no).is_some_and(&holds)).last().unwrap_or(10)
    }
}

#[test]
fn whatever_is_begun_delivered_and_lost_the_numbers_are_right() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    for seed in 0..number("CHAT_TEST_SEEDS").unwrap_or(2_000) {
        let (frontier, mut model, mut dice) = (frontier(), Model::default(), fastrand::Rng::with_seed(seed));
        let mut under_way: Vec<(DeliveryGuard, Vec<u64>)> = Vec::new();
        for _ in 0..60 {
            if dice.bool() {
                // A commit of ours, which may leave others out, or some that are missing.
                let unbroken = frontier.unbroken().0;
                let parts = dice.usize(0..4);
                let (commits, guards) = if dice.bool() {
                    let no = frontier.newest().commit.0 + dice.u64(1..4);
                    (vec![no], begin(&frontier, no, parts))
                } else {
                    let missing = (unbroken + 1..unbroken + 4).take_while(|no| model.0.get(no).is_none_or(|of| of.1));
                    let commits: Vec<u64> = missing.collect();
                    let commit_refs: Vec<_> = commits.iter().map(|no| (CommitNo(*no), commit_ref(*no).nonce)).collect();
                    (commits, frontier.begin_followed(&commit_refs, parts))
                };
                model.0.extend(commits.iter().map(|no| (*no, (parts, false))));
                under_way.extend(guards.into_iter().map(|guard| (guard, commits.clone())));
            } else if !under_way.is_empty() {
                let (guard, commits) = under_way.swap_remove(dice.usize(0..under_way.len()));
                let is_lost = dice.usize(0..4) == 0;
                // A part of commits that were begun again since says nothing of them.
                let current = commits.first().is_some_and(|no| guard.block == block_of(&frontier, *no));
                if is_lost {
                    drop(guard)
                } else {
                    guard.delivered()
                }
                for no in commits.iter().filter(|_| current) {
                    let of = model.0.get_mut(no).expect("begun");
                    *of = (of.0 - 1, of.1 || is_lost);
                }
            }
            let unbroken = model.highest(|(_, lost)| !lost);
            let released = model.highest(|(parts, lost)| *parts == 0 && !lost);
            assert_eq!((frontier.unbroken().0, frontier.released().0), (unbroken, released), "seed {seed}");
        }
        drop(under_way);
        let last = frontier.newest().commit.0;
        let commit_refs: Vec<_> = (11..=last).map(|no| (CommitNo(no), commit_ref(no).nonce)).collect();
        frontier.begin_followed(&commit_refs, 0);
        assert_eq!(frontier.released().0, last, "seed {seed}");
        assert_eq!(frontier.0.state.lock().expect("sound").blocks.len(), 0, "seed {seed}: nothing is kept");
    }
}

/// Returns the block to which a commit belongs now; 0 if it is released, or was not begun.
fn block_of(frontier: &DeliveryFrontier, no: u64) -> u64 {
    frontier.0.state.lock().expect("sound").begun.get(&no).map_or(0, |begun| begun.block)
}
