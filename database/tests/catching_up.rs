//! The inbox, and what has changed since a commit, on every backend; also when the clock steps back.

mod clock;

use chat_database::change::Change;
use chat_database::history;
use chat_database::ids::{CommitNo, NotificationId, Seq, ThreadId, UserId};
use chat_database::objects::Message;
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{changes, inbox, notifications, people, unread};

use crate::support::world::{World, notified, own, pair, sent, user};

on_each_backend!(
    the_inbox_is_newest_first_in_pages_that_meet,
    the_inbox_can_be_of_unread_threads_alone,
    counterparts_and_acquaintances_come_from_threads,
    people_are_close_whose_thread_is_recent_for_both,
    a_user_catches_up_from_any_commit,
    too_much_to_catch_up_with_is_said,
    a_thread_tells_what_changed_in_it,
    the_log_tells_other_nodes_what_was_touched,
    a_clock_that_steps_back_hides_no_change,
    a_clock_that_steps_back_leaves_history_and_inbox_in_order,
    a_clock_that_steps_back_between_two_nodes_hides_no_change,
);

async fn the_inbox_is_newest_first_in_pages_that_meet(mut w: World) {
    let me = user(50);
    for other in [10, 90, 20, 80, 30, 70, 40] {
        w.says(user(other), me, &other.to_string()).await;
    }
    w.says(me, user(10), "again").await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = inbox::page(&w.db, me, before, false, 3).await.unwrap();
        for thread in &page.threads {
            let last = thread.last_message.as_ref().unwrap();
            assert_eq!((last.seq, last.thread_id), (thread.last_seq, thread.id));
            seen.push(thread.other_user_id.get());
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, [10, 40, 70, 30, 80, 20, 90]);
    assert!(inbox::page(&w.db, user(99), None, false, 3).await.unwrap().threads.is_empty());
}

async fn the_inbox_can_be_of_unread_threads_alone(mut w: World) {
    let me = user(50);
    for other in [10, 90, 20] {
        w.says(user(other), me, "hi").await;
    }
    w.reads(me, user(90), None).await;
    let page = inbox::page(&w.db, me, None, true, 1).await.unwrap();
    assert_eq!(page.threads[0].other_user_id, user(20));
    let page = inbox::page(&w.db, me, page.next, true, 1).await.unwrap();
    assert_eq!((page.threads[0].other_user_id, page.threads[0].unread), (user(10), 1));
    assert_eq!(page.next, None);
    let mut by = unread::by_counterpart(&w.db, me).await.unwrap();
    by.sort_unstable();
    assert_eq!(by, [(user(10), 1), (user(20), 1)]);
}

async fn counterparts_and_acquaintances_come_from_threads(mut w: World) {
    let me = user(50);
    for other in [10, 90, 20] {
        w.says(user(other), me, "hi").await;
    }
    w.says(user(10), user(90), "hi").await;
    let around = people::counterparts(&w.db, me, 2).await.unwrap();
    assert_eq!(around.iter().map(|other| other.user).collect::<Vec<_>>(), [user(20), user(90)]);
    let mut known = people::acquainted(&w.db, me, &[user(1), user(10), user(90), me]).await.unwrap();
    known.sort_unstable();
    assert_eq!(known, [user(10), user(90)]);
}

async fn people_are_close_whose_thread_is_recent_for_both(mut w: World) {
    let (me, busy, quiet) = (user(50), user(10), user(90));
    for other in [busy, quiet] {
        w.says(other, me, "hi").await;
    }
    for other in 100..103 {
        w.says(busy, user(other), "newer").await;
    }
    let around = people::counterparts(&w.db, me, 500).await.unwrap();
    let mut close = people::mutual_recent_contacts(&w.db, &around, 4).await.unwrap();
    close.sort_unstable();
    assert_eq!(close, [busy, quiet]);
    assert_eq!(
        people::mutual_recent_contacts(&w.db, &around, 3).await.unwrap(),
        [quiet],
        "three threads of the other are newer"
    );
}

async fn a_user_catches_up_from_any_commit(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let first = w.says(ann, ben, "one").await;
    w.says(ben, cid, "elsewhere").await;
    let since = history::head(&w.db).await.unwrap().commit;
    assert_eq!(since, CommitNo(2));
    let nothing = changes::of_user(&w.db, ben, since, 100).await.unwrap().unwrap();
    assert!(nothing.messages.is_empty() && nothing.watermarks.is_empty() && nothing.notifications.is_empty());

    let order = w.notify(&[ben], None);
    let order = notified(w.one(order).await).remove(0);
    let many: Vec<Change> = (0..80).map(|n| w.text(ann, ben, &n.to_string())).collect();
    w.commit(&many).await;
    let edit = w.edit(first.id, pair(ann, ben), "one!");
    w.one(edit).await;
    w.reads(ann, ben, Some(5)).await;
    w.one(Change::DeleteNotification(own(order.id, ben))).await;

    let caught = changes::of_user(&w.db, ben, since, 1_000).await.unwrap().unwrap();
    let revs: Vec<u64> = caught.messages.iter().map(|changed| changed.message.rev.0).collect();
    assert_eq!(revs, (2..=82).collect::<Vec<_>>());
    let edited = caught.messages.last().unwrap();
    assert_eq!((edited.created, edited.commit), (CommitNo(1), CommitNo(5)));
    assert_eq!(edited.message.content.as_deref(), Some("one!"));
    assert_eq!(caught.watermarks.len(), 1);
    assert_eq!((caught.watermarks[0].user, caught.watermarks[0].read_seq), (ann, Seq(5)));
    let [told, deleted] = &caught.notifications[..] else { panic!("{:?}", caught.notifications) };
    assert_eq!(told.notification.as_ref().unwrap().count, 81);
    assert_eq!((deleted.id, deleted.notification.is_none()), (order.id, true));

    let strangers = changes::of_user(&w.db, cid, since, 100).await.unwrap().unwrap();
    assert!(strangers.messages.is_empty());
    let from_the_start = changes::of_user(&w.db, ben, CommitNo(0), 1_000).await.unwrap().unwrap();
    assert_eq!(from_the_start.messages.len(), 82);
}

async fn too_much_to_catch_up_with_is_said(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let many: Vec<Change> = (0..120).map(|n| w.text(ann, ben, &n.to_string())).collect();
    w.commit(&many).await;
    assert!(changes::of_user(&w.db, ben, CommitNo(0), 119).await.unwrap().is_none());
    assert!(changes::of_user(&w.db, ben, CommitNo(0), 121).await.unwrap().is_some());
}

async fn a_thread_tells_what_changed_in_it(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let thread = w.says(ann, ben, "one").await.thread_id;
    let all = changes::of_thread(&w.db, thread, CommitNo(0)).await.unwrap().unwrap();
    assert!(all.opened && all.messages.len() == 1 && all.watermarks.is_empty());
    w.says(ben, ann, "two").await;
    w.reads(ann, ben, None).await;
    let later = changes::of_thread(&w.db, thread, CommitNo(1)).await.unwrap().unwrap();
    assert!(!later.opened);
    assert_eq!((later.rev.0, later.messages.len(), later.watermarks.len()), (2, 1, 1));
    let none = ThreadId::new(99).unwrap();
    assert!(changes::of_thread(&w.db, none, CommitNo(0)).await.unwrap().is_none());
}

async fn the_log_tells_other_nodes_what_was_touched(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let message = w.says(ann, ben, "one").await;
    let mut other = w.another_writer("beta").await;
    let changes = [w.seen(ben, ann, None), w.notify(&[cid], None)];
    other.commit(&changes).await.unwrap();
    // A receipt that moves nothing touches nothing.
    w.reads(ben, ann, None).await;
    let log = changes::log(&w.db, CommitNo(0), CommitNo(9)).await.unwrap();
    assert_eq!(
        log.iter().map(|entry| (entry.no.0, entry.node.name().as_ref())).collect::<Vec<_>>(),
        [(1, "alpha"), (2, "beta"), (3, "alpha")]
    );
    assert_eq!(log[0].threads, [(message.thread_id, pair(ann, ben))]);
    assert_eq!((log[1].threads.len(), &log[1].users[..]), (1, &[cid][..]));
    assert!(log[2].threads.is_empty() && log[2].users.is_empty());
    let heard = changes::notifications_of(&w.db, &[ann, cid], CommitNo(1)).await.unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].0, heard[0].1.commit), (cid, CommitNo(2)));
}

/// An hour: more than any test takes.
const HOUR: i64 = 3_600_000;

/// After each kind of change made an hour "earlier", a client that stands at the commit before sees it and no more.
async fn a_clock_that_steps_back_hides_no_change(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = w.says(ann, ben, "first").await;
    let second = w.says(ann, ben, "second").await;
    w.reads(ben, ann, Some(1)).await;
    let order = w.notify(&[ben], None);
    let order = notified(w.one(order).await).remove(0);
    let alert = w.alert(ben, first.thread_id).await.unwrap();
    for round in 0..3 {
        w.step_back(HOUR);
        let changes = [
            w.text(ann, ben, &format!("sent an hour earlier, {round}")),
            w.edit(first.id, pair(ann, ben), &format!("changed an hour earlier, {round}")),
            w.seen(ben, ann, Some(2 + round)),
            w.delivered(ben, ann, Some(3 + round)),
            w.notify(&[ben], None),
            if round == 0 { w.delete(second.id, pair(ann, ben)) } else { w.text(ben, ann, "back") },
            if round == 0 { Change::DeleteNotification(own(order.id, ben)) } else { w.notify(&[ann], None) },
        ];
        for change in changes {
            let before = history::head(&w.db).await.unwrap().commit;
            let outcome = w.one(change.clone()).await;
            let of_ben = changes::of_user(&w.db, ben, before, 100).await.unwrap().unwrap();
            let of_thread = changes::of_thread(&w.db, first.thread_id, before).await.unwrap().unwrap();
            let (messages, marks) = match change {
                Change::Send(_) | Change::Edit(_) | Change::Delete(_) => (1, 0),
                Change::Receipt(_) => (0, 1),
                _ => (0, 0),
            };
            assert_eq!((of_ben.messages.len(), of_ben.watermarks.len()), (messages, marks), "{change:?} {outcome:?}");
            assert_eq!((of_thread.messages.len(), of_thread.watermarks.len()), (messages, marks), "{change:?}");
            // A thread's own notification follows from its messages; these stand for themselves.
            let of_shop = |id: NotificationId| id != alert.id;
            let told = of_ben.notifications.iter().filter(|changed| of_shop(changed.id)).count();
            let crossing = changes::notifications_of(&w.db, &[ben], before).await.unwrap();
            let crossing = crossing.iter().filter(|(_, changed)| of_shop(changed.id)).count();
            let wanted = match &change {
                Change::Notify(notify) => usize::from(notify.users.contains(&ben)),
                Change::DeleteNotification(_) => 1,
                _ => 0,
            };
            assert_eq!((told, crossing), (wanted, wanted), "{change:?}");
            let log = changes::log(&w.db, before, CommitNo(u64::MAX >> 1)).await.unwrap();
            assert_eq!(log.iter().map(|entry| entry.no.0).collect::<Vec<_>>(), [before.0 + 1]);
        }
    }
    w.totals(ben).await;
    w.totals(ann).await;
}

async fn a_clock_that_steps_back_leaves_history_and_inbox_in_order(mut w: World) {
    let me = user(50);
    let others: Vec<UserId> = (1..=7).map(user).collect();
    let mut newest: Vec<Message> = Vec::new();
    for round in 0..4 {
        newest.clear();
        for other in &others {
            newest.push(w.says(*other, me, &format!("{round} from {other}")).await);
            w.says(me, *other, "answer").await;
            w.step_back(HOUR / 7);
        }
    }
    for (other, last) in others.iter().zip(&newest) {
        let history = messages::page(&w.db, me, last.thread_id, Page::Newest, 100).await.unwrap().unwrap().messages;
        assert_eq!(history.iter().map(|message| message.seq.0).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
        assert!(history.windows(2).all(|two| two[0].id.get() < two[1].id.get()), "ids ascend as places do");
        let texts: Vec<&str> = history.iter().filter_map(|message| message.content.as_deref()).step_by(2).collect();
        assert_eq!(texts, (0..4).map(|round| format!("{round} from {other}")).collect::<Vec<_>>());
    }
    // Whatever the clock says, pages meet: each thread once, with its newest message, and none is missing.
    for size in [1, 2, 3, 100] {
        let (mut seen, mut updated, mut before) = (Vec::new(), Vec::new(), None);
        loop {
            let page = inbox::page(&w.db, me, before, false, size).await.unwrap();
            for thread in &page.threads {
                let last = thread.last_message.as_ref().unwrap();
                assert_eq!((thread.last_seq, last.seq, last.content.as_deref()), (Seq(8), Seq(8), Some("answer")));
                seen.push(thread.other_user_id);
                updated.push(thread.updated_at);
            }
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert!(updated.windows(2).all(|two| two[0] >= two[1]), "newest first: {updated:?}");
        seen.sort_unstable();
        assert_eq!(seen, others, "in pages of {size}");
    }
    // Notifications the same.
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let page = notifications::page(&w.db, me, before, false, 2).await.unwrap();
        ids.extend(page.notifications.iter().map(|alert| alert.related_id));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    ids.sort_unstable();
    let threads: Vec<Option<u64>> = newest.iter().map(|last| Some(last.thread_id.get())).collect();
    assert_eq!(ids, threads);
    w.totals(me).await;
}

/// Two nodes whose clocks are an hour apart write in turn; who reads from any commit on sees everything after it.
async fn a_clock_that_steps_back_between_two_nodes_hides_no_change(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let mut late = w.another_writer("beta").await;
    let mut written: Vec<Message> = Vec::new();
    for round in 0..10 {
        let ahead = w.text(ann, ben, &format!("{round} ahead"));
        w.step_back(HOUR);
        let behind = w.text(ben, ann, &format!("{round} behind"));
        w.step_back(-HOUR);
        written.push(sent(w.one(ahead).await).message);
        written.push(sent(late.commit(&[behind]).await.unwrap().outcomes.remove(0)).message);
    }
    let thread = written[0].thread_id;
    for since in 0..=written.len() {
        let wanted: Vec<u64> = written[since..].iter().map(|message| message.id.get()).collect();
        for (reader, name) in [(ann, "ann"), (ben, "ben")] {
            let of_user = changes::of_user(&w.db, reader, CommitNo(since as u64), 100).await.unwrap().unwrap();
            let told: Vec<u64> = of_user.messages.iter().map(|changed| changed.message.id.get()).collect();
            assert_eq!(told, wanted, "{name} since {since}");
        }
        let of_thread = changes::of_thread(&w.db, thread, CommitNo(since as u64)).await.unwrap().unwrap();
        let told: Vec<u64> = of_thread.messages.iter().map(|changed| changed.message.id.get()).collect();
        assert_eq!(told, wanted, "the thread since {since}");
    }
}
