//! A user's threads are found by when they were written in and when they changed, wherever the buckets of the indexes end.

use std::collections::BTreeMap;

use chat_database::history;
use chat_database::ids::{CommitNo, UserId};
use chat_database::queries::{changes, inbox, people};

use crate::support::world::{World, user};

on_each_backend!(threads_are_found_by_their_times_wherever_a_bucket_ends);

/// So many milliseconds pass between two messages, so that some buckets of 16 seconds have several and some have one.
const PAUSES: [i64; 5] = [10, 4_000, 1, 16_384, 900];

async fn threads_are_found_by_their_times_wherever_a_bucket_ends(mut w: World) {
    let me = user(50);
    let others: Vec<UserId> = (30..70).filter(|id| *id != 50).map(user).collect();
    // Each other's last message: its place among all, and its commit.
    let mut last: BTreeMap<UserId, (usize, CommitNo)> = BTreeMap::new();
    // A bucket of 4,096 commits ends among them.
    let first = 3_900;
    begin_after(&w, first).await;
    for number in 0..560_usize {
        let other = others[number * number % others.len()];
        w.says(other, me, "hi").await;
        w.pass(PAUSES[number % PAUSES.len()]);
        last.insert(other, (number, history::head(&w.db).await.unwrap().commit));
    }
    let mut newest: Vec<UserId> = last.keys().copied().collect();
    newest.sort_by_key(|other| std::cmp::Reverse(last[other].0));

    for size in [1, 3, 100] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = inbox::page(&w.db, me, before, false, size).await.unwrap();
            seen.extend(page.threads.iter().map(|thread| thread.other_user_id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, newest, "in pages of {size}");
    }

    let around = people::counterparts(&w.db, me, 500).await.unwrap();
    assert_eq!(around.iter().map(|other| other.user).collect::<Vec<_>>(), newest);
    for most in 0..newest.len() {
        // For each of the others I am the only one: so it is me whose threads are counted.
        let mine = around.iter().map(|other| people::Counterpart { user: me, active: other.active });
        let close = people::mutual_recent_contacts(&w.db, &mine.collect::<Vec<_>>(), u32::try_from(most).unwrap())
            .await
            .unwrap();
        assert_eq!(close.len(), most, "so many have fewer than {most} threads newer than theirs");
    }

    for since in (first..first + 560).step_by(37) {
        let found = changes::of_user(&w.db, me, CommitNo(since), 10_000).await.unwrap().unwrap();
        let mut threads: Vec<_> = found.messages.iter().filter_map(|changed| changed.message.sender_id).collect();
        threads.sort_unstable();
        threads.dedup();
        let changed: Vec<UserId> =
            last.iter().filter(|(_, (_, commit))| commit.0 > since).map(|(other, _)| *other).collect();
        assert_eq!(
            (threads, found.messages.len()),
            (changed, 560 - usize::try_from(since - first).unwrap()),
            "since {since}"
        );
    }
}

/// Has the next commit be the one after `commit`.
async fn begin_after(w: &World, commit: u64) {
    w.sql(&format!("UPDATE hub_state SET commit_no = {commit}")).await;
}
