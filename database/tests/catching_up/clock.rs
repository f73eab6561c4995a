//! What is put in order by time: in the order in which it was stored, whatever a clock says.

use chat_database::change::{Change, Outcome};
use chat_database::ids::UserId;
use chat_database::queries::{inbox, notifications, people};
use chat_database::time::Timestamp;

use super::HOUR;
use crate::support::world::{World, notified, pair, sent, user};

on_each_backend!(
    after_a_clock_has_stepped_back_what_is_newer_stands_above,
    what_a_node_writes_whose_clock_is_behind_stands_above_what_was_there,
    after_a_restart_with_a_clock_that_is_behind_times_go_on,
    changes_of_one_commit_go_no_way_back,
    a_clock_that_is_right_is_written_as_it_is,
);

const ME: u64 = 50;

impl World {
    async fn inbox(&self) -> Vec<u64> {
        let page = inbox::page(&self.db, user(ME), None, false, 50).await.unwrap();
        page.threads.iter().map(|thread| thread.other_user_id.get()).collect()
    }

    /// Whose message each notification of the inbox is about, or the id of another one's.
    async fn bells(&self) -> Vec<u64> {
        let page = notifications::page(&self.db, user(ME), None, false, 50).await.unwrap();
        page.notifications.iter().map(|note| note.related_id.unwrap()).collect()
    }

    async fn writes(&mut self, other: u64) -> (u64, Timestamp) {
        let message = self.says(user(other), user(ME), "hi").await;
        (message.thread_id.get(), message.created_at)
    }
}

async fn after_a_clock_has_stepped_back_what_is_newer_stands_above(mut w: World) {
    let mut threads = Vec::new();
    for other in [2, 3, 4] {
        threads.push(w.writes(other).await.0);
    }
    let newest = w.writes(4).await.1;
    w.step_back(HOUR);
    let again = w.writes(2).await;
    let ninth = w.writes(9).await;
    assert!(newest < again.1 && again.1 < ninth.1, "{newest} {} {}", again.1, ninth.1);
    assert_eq!(w.inbox().await, [9, 2, 4, 3]);
    assert_eq!(w.bells().await[0], ninth.0, "the bell of what came last");
    // Each is read, and rings again: in the order of the ringing.
    for other in [4, 9, 3, 2] {
        w.reads(user(ME), user(other), None).await;
        w.step_back(HOUR);
        w.writes(other).await;
    }
    assert_eq!(w.inbox().await, [2, 3, 9, 4]);
    assert_eq!(w.bells().await, [again.0, threads[1], ninth.0, threads[2]]);
    let order = w.notify(&[user(ME)], None);
    let order = notified(w.one(order).await).remove(0);
    let page = notifications::page(&w.db, user(ME), None, false, 1).await.unwrap();
    assert_eq!(page.notifications[0].id, order.id);
    let around: Vec<UserId> =
        people::counterparts(&w.db, user(ME), 2).await.unwrap().into_iter().map(|near| near.user).collect();
    assert_eq!(around.iter().map(|user| user.get()).collect::<std::collections::BTreeSet<_>>(), [2, 3].into());
}

async fn what_a_node_writes_whose_clock_is_behind_stands_above_what_was_there(mut w: World) {
    let mut late = w.another_writer("beta").await;
    let mut last = Timestamp::from_millis(0);
    for (round, others) in [[2, 3], [4, 2], [3, 4], [9, 2]].into_iter().enumerate() {
        let ahead = w.text(user(others[0]), user(ME), &format!("{round} ahead"));
        w.step_back(HOUR);
        let behind = w.text(user(others[1]), user(ME), &format!("{round} behind"));
        w.step_back(-HOUR);
        let first = sent(w.one(ahead).await).message;
        let second = sent(late.commit(&[behind]).await.unwrap().outcomes.remove(0)).message;
        assert!(last < first.created_at && first.created_at < second.created_at, "round {round}");
        last = second.created_at;
        assert_eq!(w.inbox().await[..2], [others[1], others[0]], "round {round}");
    }
}

async fn after_a_restart_with_a_clock_that_is_behind_times_go_on(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = w.says(ann, ben, "first").await;
    w.reads(ben, ann, None).await;
    w.step_back(24 * HOUR);
    w.writer = w.another_writer("alpha").await;
    let edit = w.edit(first.id, pair(ann, ben), "changed");
    let Outcome::Edited(edited) = w.one(edit).await else { panic!("it was not edited") };
    assert!(edited.message.edited_at.unwrap() > first.created_at);
    let second = w.says(ben, ann, "second").await;
    let marks = w.reads(ann, ben, None).await;
    assert!(second.created_at > edited.message.edited_at.unwrap() && marks.at > second.created_at);
    // As soon as the clock is right again, it is the clock that says what time it is.
    w.pass(25 * HOUR);
    let right = w.now();
    w.pass(-1);
    assert_eq!(w.says(ann, ben, "third").await.created_at, right);
}

async fn changes_of_one_commit_go_no_way_back(mut w: World) {
    let mut changes = Vec::new();
    for other in [2, 3, 4, 2] {
        changes.push(w.text(user(other), user(ME), "hi"));
        w.step_back(HOUR);
    }
    let times = |outcomes: Vec<Outcome>| -> Vec<Timestamp> {
        outcomes.into_iter().map(|outcome| sent(outcome).message.created_at).collect()
    };
    let first = times(w.commit(&changes).await.outcomes);
    assert!(first.is_sorted(), "{first:?}");
    let second = times(w.commit(&changes).await.outcomes);
    assert!(second.is_sorted() && second[0] >= *first.last().unwrap(), "{second:?}");
}

async fn a_clock_that_is_right_is_written_as_it_is(mut w: World) {
    let mut changes: Vec<Change> = Vec::new();
    for round in 0..30 {
        changes.push(w.text(user(1 + round % 3), user(ME), "hi"));
        w.pass(i64::try_from(round % 2).unwrap());
    }
    let came: Vec<Timestamp> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Send(send) => Some(send.at),
            _ => None,
        })
        .collect();
    let mut written = Vec::new();
    // Also those that had come before the commit before theirs was made.
    for part in changes.chunks(7) {
        let committed = w.commit(part).await;
        written.extend(committed.outcomes.into_iter().map(|outcome| sent(outcome).message.created_at));
    }
    assert_eq!(written, came);
}
