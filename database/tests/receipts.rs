//! Watermarks, unread numbers and notifications, on every backend.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop, and says what it measured")]

#[path = "support/mariadb.rs"]
mod mariadb;
#[path = "support/world.rs"]
mod world;

use chat_database::change::{Change, Outcome, Ticket};
use chat_database::ids::{CommitNo, NotificationId, Seq, UserId};
use chat_database::objects::Totals;
use chat_database::queries::{changes, inbox, notifications, people, unread};
use chat_database::time::Timestamp;
use world::{World, hash, notified, own, pair, sent, user, watermarks};

on_both_backends!(
    watermarks_never_go_back,
    a_receipt_is_clamped_and_counts_what_it_passes,
    sending_moves_no_watermark,
    a_receipt_needs_a_thread,
    receipts_of_one_commit_apply_in_order,
    a_deletion_lowers_unread,
    a_divided_backlog_is_counted_from_the_tables,
    a_threads_notification_is_one_row_for_ever,
    a_read_notification_comes_back_with_the_next_message,
    a_deleted_thread_notification_comes_back_with_the_next_message,
    reading_all_covers_threads_and_orders,
    reading_all_is_in_order_with_what_surrounds_it,
    a_dedupe_key_is_for_ever,
    notifications_belong_to_their_owner,
    pages_of_notifications_meet,
    the_notification_shows_the_newest_unread_text,
    a_ticket_is_used_once,
    last_seen_never_goes_back,
    the_inbox_is_newest_first_in_pages_that_meet,
    the_inbox_can_be_of_unread_threads_alone,
    counterparts_and_acquaintances_come_from_threads,
    a_user_catches_up_from_any_commit,
    too_much_to_catch_up_with_is_said,
    a_thread_tells_what_changed_in_it,
    the_log_tells_other_nodes_what_was_touched,
    random_histories_count_as_the_tables_do,
);

async fn watermarks_never_go_back(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    for n in 0..5 {
        w.says(ann, ben, &n.to_string()).await;
    }
    let first = w.reads(ben, ann, Some(3)).await;
    assert_eq!((first.read_seq, first.delivered_seq, first.unread), (Seq(3), Seq(3), 2));
    assert!(first.read_moved && first.delivered_moved);
    let back = w.reads(ben, ann, Some(2)).await;
    assert_eq!((back.read_seq, back.unread), (Seq(3), 2));
    assert!(!back.read_moved && !back.delivered_moved);
    assert_eq!(back.at, first.at);
    let change = w.delivered(ben, ann, Some(4));
    let delivered = watermarks(w.one(change).await);
    assert_eq!((delivered.delivered_seq, delivered.read_seq), (Seq(4), Seq(3)));
    assert!(delivered.delivered_moved && !delivered.read_moved);
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 2 });
}

async fn a_receipt_is_clamped_and_counts_what_it_passes(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    for n in 0..4 {
        w.says(ann, ben, &n.to_string()).await;
        w.says(ben, ann, &n.to_string()).await;
    }
    assert_eq!(w.totals(ben).await.messages, 4);
    assert_eq!(w.reads(ben, ann, Some(4)).await.unread, 2);
    let all = w.reads(ben, ann, Some(1_000)).await;
    assert_eq!((all.read_seq, all.unread), (Seq(8), 0));
    assert_eq!(w.totals(ben).await, Totals::default());
    assert_eq!(w.totals(ann).await.messages, 4);
    assert_eq!(w.reads(ann, ben, None).await.read_seq, Seq(8));
}

async fn sending_moves_no_watermark(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.says(ann, ben, "one").await;
    w.says(ben, ann, "two").await;
    let page = inbox::page(&w.db, ben, None, false, 10).await.unwrap();
    let thread = &page.threads[0];
    assert_eq!((thread.read_seq, thread.unread, thread.other_read_seq), (Seq(0), 1, Seq(0)));
}

async fn a_receipt_needs_a_thread(mut w: World) {
    let change = w.seen(user(1), user(2), None);
    assert!(matches!(w.one(change).await, Outcome::NoThread));
    w.says(user(1), user(2), "hi").await;
    let mut stranger = w.seen(user(1), user(2), None);
    if let Change::Receipt(receipt) = &mut stranger {
        receipt.user = user(3);
    }
    assert!(matches!(w.one(stranger).await, Outcome::NoThread));
}

async fn receipts_of_one_commit_apply_in_order(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let changes = [
        w.text(ann, ben, "one"),
        w.seen(ben, ann, None),
        w.text(ann, ben, "two"),
        w.text(ann, ben, "three"),
        w.seen(ben, ann, Some(2)),
        w.seen(ben, ann, Some(1)),
        w.text(ben, ann, "four"),
    ];
    let committed = w.commit(&changes).await;
    let marks: Vec<_> = committed
        .outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Watermarks(marks) => Some((marks.read_seq.0, marks.unread, marks.read_moved)),
            _ => None,
        })
        .collect();
    assert_eq!(marks, [(1, 0, true), (2, 1, true), (2, 1, false)]);
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 1 });
    assert_eq!(w.totals(ann).await, Totals { notifications: 1, messages: 1 });
    let mut told = committed.totals.clone();
    told.sort_by_key(|(user, _)| *user);
    let one = Totals { notifications: 1, messages: 1 };
    assert_eq!(told, [(ann, one), (ben, one)]);
}

async fn a_deletion_lowers_unread(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let one = w.says(ann, ben, "one").await;
    let two = w.says(ann, ben, "two").await;
    w.reads(ben, ann, Some(1)).await;
    let delete = w.delete(one.id, pair(ann, ben));
    w.one(delete).await;
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 1 });
    let delete = w.delete(two.id, pair(ann, ben));
    let committed = w.commit(&[delete]).await;
    assert_eq!(committed.totals, [(ben, Totals::default())]);
    assert_eq!(committed.chat_notifications, [(ben, one.thread_id)]);
    assert_eq!(w.totals(ben).await, Totals::default());
    assert!(w.alert(ben, one.thread_id).await.unwrap().is_read);
}

async fn a_divided_backlog_is_counted_from_the_tables(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let mut sent_ids = Vec::new();
    for part in 0..4 {
        let changes: Vec<Change> = (0..100)
            .map(|n| if n % 4 == 3 { w.text(ben, ann, "x") } else { w.text(ann, ben, &format!("{part} {n}")) })
            .collect();
        let outcomes = w.commit(&changes).await.outcomes;
        sent_ids.extend(outcomes.into_iter().map(|outcome| sent(outcome).message.id));
    }
    // The places of so many are not remembered; and another writer knows none at all.
    assert_eq!(w.reads(ben, ann, Some(10)).await.unread, 300 - 8);
    let changes = [
        w.delete(sent_ids[12], pair(ann, ben)),
        w.seen(ben, ann, Some(20)),
        w.seen(ben, ann, Some(101)),
        w.text(ann, ben, "new"),
        w.seen(ben, ann, Some(150)),
    ];
    w.commit(&changes).await;
    assert_eq!(w.totals(ben).await.messages, 300 - 113 + 1);
    let mut other = w.another_writer("beta").await;
    let change = w.seen(ben, ann, Some(400));
    let committed = other.commit(&[change]).await.unwrap();
    assert_eq!(committed.totals[0].1.messages, 1);
    assert_eq!(w.totals(ben).await.messages, 1);
    assert_eq!(w.reads(ben, ann, None).await.unread, 0);
    assert_eq!(w.totals(ben).await, Totals::default());
}

async fn a_threads_notification_is_one_row_for_ever(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = w.text(ann, ben, "one");
    let committed = w.commit(&[first]).await;
    let thread = sent(committed.outcomes.into_iter().next().unwrap()).message.thread_id;
    assert_eq!(committed.chat_notifications, [(ben, thread)]);
    let appeared = w.alert(ben, thread).await.unwrap();
    assert_eq!((appeared.kind.as_str(), appeared.title.as_str()), ("chat", "New message"));
    assert_eq!((appeared.body.as_str(), appeared.count, appeared.is_read), ("one", 1, false));
    assert_eq!(appeared.related_id, Some(thread.get()));
    w.says(ann, ben, "two").await;
    let changed = w.alert(ben, thread).await.unwrap();
    assert_eq!((changed.body.as_str(), changed.count), ("two", 2));
    assert_eq!(changed.updated_at, appeared.updated_at);
    w.reads(ben, ann, None).await;
    let read = w.alert(ben, thread).await.unwrap();
    assert_eq!((read.id, read.is_read, read.body.as_str(), read.count), (appeared.id, true, "two", 0));
    w.says(ann, ben, "three").await;
    let again = w.alert(ben, thread).await.unwrap();
    assert_eq!((again.id, again.is_read, again.created_at), (appeared.id, false, appeared.created_at));
    assert!(again.updated_at > appeared.updated_at);
    assert_eq!(w.alert(ann, thread).await, None);
}

async fn a_read_notification_comes_back_with_the_next_message(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let thread = w.says(ann, ben, "one").await.thread_id;
    let alert = w.alert(ben, thread).await.unwrap();
    let outcome = w.one(Change::ReadNotification(own(alert.id, ben))).await;
    assert!(matches!(outcome, Outcome::NotificationsChanged));
    assert_eq!(w.totals(ben).await, Totals { notifications: 0, messages: 1 });
    w.says(ann, ben, "two").await;
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 2 });
    assert_eq!(w.alert(ben, thread).await.unwrap().count, 2);
}

async fn a_deleted_thread_notification_comes_back_with_the_next_message(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let thread = w.says(ann, ben, "one").await.thread_id;
    let alert = w.alert(ben, thread).await.unwrap();
    // Also when the writer knows nothing of the thread.
    w.writer = w.another_writer("beta").await;
    let deleted = w.one(Change::DeleteNotification(own(alert.id, ben))).await;
    assert!(matches!(deleted, Outcome::NotificationsChanged));
    assert!(matches!(w.one(Change::DeleteNotification(own(alert.id, ben))).await, Outcome::NoNotification));
    assert_eq!(w.totals(ben).await, Totals { notifications: 0, messages: 1 });
    assert_eq!(w.alert(ben, thread).await, None);
    assert!(notifications::page(&w.db, ben, None, false, 10).await.unwrap().notifications.is_empty());
    w.says(ann, ben, "two").await;
    assert_eq!(w.alert(ben, thread).await.unwrap().id, alert.id);
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 2 });
    w.reads(ben, ann, None).await;
    assert_eq!(w.totals(ben).await, Totals::default());
}

async fn reading_all_covers_threads_and_orders(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    w.says(ann, ben, "one").await;
    w.says(cid, ben, "two").await;
    let notify = w.notify(&[ben, cid], None);
    w.one(notify).await;
    assert_eq!(w.totals(ben).await.notifications, 3);
    let committed = w.commit(&[Change::ReadAllNotifications(ben)]).await;
    assert_eq!(committed.totals, [(ben, Totals { notifications: 0, messages: 2 })]);
    assert_eq!(w.totals(ben).await, Totals { notifications: 0, messages: 2 });
    assert_eq!(w.totals(cid).await, Totals { notifications: 1, messages: 0 });
    // A thread that is unread still is announced again by its next message.
    w.says(ann, ben, "three").await;
    assert_eq!(w.totals(ben).await, Totals { notifications: 1, messages: 3 });
    w.reads(ben, ann, None).await;
    w.reads(ben, cid, None).await;
    assert_eq!(w.totals(ben).await, Totals::default());
}

async fn reading_all_is_in_order_with_what_surrounds_it(mut w: World) {
    let (ann, ben, cid, dan) = (user(1), user(2), user(3), user(4));
    w.says(ann, ben, "old").await;
    let old = w.notify(&[ben], None);
    let old = notified(w.one(old).await).remove(0);
    let changes = [
        w.text(cid, ben, "before"),
        w.notify(&[ben], None),
        Change::ReadAllNotifications(ben),
        w.text(ann, ben, "after"),
        w.text(dan, ben, "after"),
        w.notify(&[ben], None),
        Change::DeleteNotification(own(old.id, ben)),
    ];
    w.commit(&changes).await;
    assert_eq!(w.totals(ben).await, Totals { notifications: 3, messages: 4 });
    let unread = notifications::page(&w.db, ben, None, true, 10).await.unwrap().notifications;
    assert_eq!(unread.len(), 3);
    let all = notifications::page(&w.db, ben, None, false, 10).await.unwrap().notifications;
    assert_eq!(all.len(), 5);
}

async fn a_dedupe_key_is_for_ever(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let long = "k".repeat(4_000);
    for key in ["order-7", "order-7 ", &long, "chat:1"] {
        let change = w.notify(&[ann], Some(key));
        let first = notified(w.one(change).await);
        assert_eq!(first.len(), 1, "{key}");
        w.one(Change::DeleteNotification(own(first[0].id, ann))).await;
        let change = w.notify(&[ann, ben], Some(key));
        let changes = [change.clone(), change];
        let outcomes = w.commit(&changes).await.outcomes;
        let made: Vec<Vec<UserId>> =
            outcomes.into_iter().map(|outcome| notified(outcome).iter().map(|n| n.user_id).collect()).collect();
        assert_eq!(made, [vec![ben], vec![]], "{key}");
    }
    assert_eq!(w.totals(ann).await.notifications, 0);
    assert_eq!(w.totals(ben).await.notifications, 4);
}

async fn notifications_belong_to_their_owner(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let change = w.notify(&[ann], None);
    let made = notified(w.one(change).await).remove(0);
    for change in [
        Change::ReadNotification(own(made.id, ben)),
        Change::DeleteNotification(own(made.id, ben)),
        Change::ReadNotification(own(NotificationId::new(999).unwrap(), ann)),
    ] {
        assert!(matches!(w.one(change).await, Outcome::NoNotification));
    }
    let changes = [Change::ReadNotification(own(made.id, ann)), Change::ReadNotification(own(made.id, ann))];
    let committed = w.commit(&changes).await;
    assert!(committed.outcomes.iter().all(|outcome| matches!(outcome, Outcome::NotificationsChanged)));
    let read = notifications::page(&w.db, ann, None, false, 10).await.unwrap().notifications.remove(0);
    assert_eq!(read, chat_database::objects::Notification { is_read: true, ..made });
    assert_eq!(w.totals(ann).await, Totals::default());
}

async fn pages_of_notifications_meet(mut w: World) {
    let ann = user(1);
    for _ in 0..7 {
        let change = w.notify(&[ann], None);
        w.one(change).await;
    }
    let mut ids = Vec::new();
    let mut before = None;
    loop {
        let page = notifications::page(&w.db, ann, before, false, 3).await.unwrap();
        ids.extend(page.notifications.iter().map(|n| n.id.get()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(ids, [7, 6, 5, 4, 3, 2, 1]);
}

async fn the_notification_shows_the_newest_unread_text(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let thread = w.says(ann, ben, "one").await.thread_id;
    let two = w.says(ann, ben, "two").await;
    w.says(ben, ann, "mine").await;
    assert_eq!(w.alert(ben, thread).await.unwrap().body, "two");
    let edit = w.edit(two.id, pair(ann, ben), "two!");
    let committed = w.commit(&[edit]).await;
    assert_eq!(committed.chat_notifications, [(ben, thread)]);
    assert_eq!(w.alert(ben, thread).await.unwrap().body, "two!");
    let delete = w.delete(two.id, pair(ann, ben));
    w.one(delete).await;
    assert_eq!(w.alert(ben, thread).await.unwrap().body, "one");
    w.upload("a", ann).await;
    let mut send = w.send(ann, ben, None, "");
    send.content = None;
    send.media = world::media(&["a"]);
    w.one(Change::Send(send)).await;
    assert_eq!(w.alert(ben, thread).await.unwrap().body, "Photo");
}

async fn a_ticket_is_used_once(mut w: World) {
    let ticket = |id: &str| Change::UseTicket(Ticket { id: id.to_owned(), expires_at: Timestamp::from_millis(5_000) });
    let outcomes = w.commit(&[ticket("a"), ticket("b"), ticket("a")]).await.outcomes;
    assert!(matches!(outcomes[..], [Outcome::TicketUsed, Outcome::TicketUsed, Outcome::TicketReplayed]));
    let mut other = w.another_writer("beta").await;
    let outcomes = other.commit(&[ticket("b"), ticket("c")]).await.unwrap().outcomes;
    assert!(matches!(outcomes[..], [Outcome::TicketReplayed, Outcome::TicketUsed]));
    w.writer.sweep().await.unwrap();
    assert!(matches!(w.one(ticket("a")).await, Outcome::TicketUsed), "an expired one is forgotten");
}

async fn last_seen_never_goes_back(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let at = |millis| Timestamp::from_millis(millis);
    w.commit(&[Change::LastSeen(ann, at(50)), Change::LastSeen(ann, at(40))]).await;
    w.says(ann, ben, "hi").await;
    w.commit(&[Change::LastSeen(ann, at(30)), Change::LastSeen(ben, at(7))]).await;
    let mut seen = people::last_seen(&w.db, &[ann, ben, user(3)]).await.unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [(ann, at(50)), (ben, at(7))]);
    assert_eq!(w.totals(ben).await.messages, 1);
    let page = inbox::page(&w.db, ben, None, false, 1).await.unwrap();
    assert_eq!(page.threads[0].other_last_seen, Some(at(50)));
}

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
    assert_eq!(people::counterparts(&w.db, me, 2).await.unwrap(), [user(20), user(90)]);
    let mut known = people::acquainted(&w.db, me, &[user(1), user(10), user(90), me]).await.unwrap();
    known.sort_unstable();
    assert_eq!(known, [user(10), user(90)]);
}

async fn a_user_catches_up_from_any_commit(mut w: World) {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let first = w.says(ann, ben, "one").await;
    w.says(ben, cid, "elsewhere").await;
    let since = changes::head(&w.db).await.unwrap().commit;
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
    let none = chat_database::ids::ThreadId::new(99).unwrap();
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
        log.iter().map(|entry| (entry.no.0, entry.node.as_str())).collect::<Vec<_>>(),
        [(1, "alpha"), (2, "beta"), (3, "alpha")]
    );
    assert_eq!(log[0].threads, [(message.thread_id, pair(ann, ben))]);
    assert_eq!((log[1].threads.len(), &log[1].users[..]), (1, &[cid][..]));
    assert!(log[2].threads.is_empty() && log[2].users.is_empty());
    let heard = changes::notifications_of(&w.db, &[ann, cid], CommitNo(1)).await.unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].0, heard[0].1.commit), (cid, CommitNo(2)));
}

/// After many random changes by two writers, the running numbers are those that the tables give.
async fn random_histories_count_as_the_tables_do(mut w: World) {
    let mut random = Random(0x5eed);
    let mut second = w.another_writer("beta").await;
    let mut ids = Vec::new();
    for round in 0..60 {
        let changes: Vec<Change> =
            (0..1 + random.below(24)).map(|_| random_change(&mut w, &mut random, &ids)).collect();
        let use_second = random.below(3) == 0;
        let committed = if use_second { second.commit(&changes).await.unwrap() } else { w.commit(&changes).await };
        for (change, outcome) in changes.iter().zip(committed.outcomes) {
            if let (Change::Send(send), Outcome::Sent(sent)) = (change, outcome) {
                ids.push((sent.message.id, send.pair));
            }
        }
        for (user, totals) in committed.totals {
            assert_eq!(w.totals(user).await, totals, "round {round}, {user}");
        }
    }
    for id in 1..=4 {
        w.totals(user(id)).await;
        let listed: u64 = unread::by_counterpart(&w.db, user(id)).await.unwrap().iter().map(|(_, unread)| unread).sum();
        assert_eq!(listed, w.totals(user(id)).await.messages);
    }
}

fn random_change(
    w: &mut World,
    random: &mut Random,
    ids: &[(chat_database::ids::MessageId, chat_database::ids::Pair)],
) -> Change {
    let from = 1 + random.below(4);
    let to = 1 + (from + random.below(3)) % 4;
    let (from, to) = (user(from), user(if to == from { 1 + from % 4 } else { to }));
    let known = ids.get(usize::try_from(random.below(ids.len().max(1) as u64)).unwrap()).copied();
    match (random.below(12), known) {
        (0..=4, _) => w.text(from, to, "text"),
        (5, _) => {
            let key = random.below(30).to_string();
            let mut send = w.send(from, to, Some(&key), &key);
            send.payload_hash = hash(&format!("{key}{}", random.below(2)));
            Change::Send(send)
        }
        (6, _) => w.seen(from, to, None),
        (7, _) => w.seen(from, to, Some(random.below(60))),
        (8, _) => w.delivered(from, to, Some(random.below(60))),
        (9, Some((id, pair))) => w.delete(id, pair),
        (10, _) if random.below(3) == 0 => Change::ReadAllNotifications(from),
        (10, _) => w.notify(&[from, to], None),
        _ => {
            let id = NotificationId::new(1 + random.below(60)).unwrap();
            if random.below(2) == 0 {
                Change::ReadNotification(own(id, from))
            } else {
                Change::DeleteNotification(own(id, from))
            }
        }
    }
}

/// A small generator, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
