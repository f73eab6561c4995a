//! Notifications: of threads and of the marketplace, on every backend.

use chat_database::change::{Change, Outcome};
use chat_database::ids::{NotificationId, UserId};
use chat_database::objects::{Notification, Totals};
use chat_database::queries::notifications;

use crate::support::world::{self, World, notified, own, pair, sent, user};

on_each_backend!(
    a_threads_notification_is_one_row_for_ever,
    a_read_notification_comes_back_with_the_next_message,
    a_deleted_thread_notification_comes_back_with_the_next_message,
    reading_all_covers_threads_and_orders,
    reading_all_is_in_order_with_what_surrounds_it,
    a_dedupe_key_is_for_ever,
    notifications_belong_to_their_owner,
    pages_of_notifications_meet,
    the_notification_shows_the_newest_unread_text,
);

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
    assert_eq!(read, Notification { is_read: true, ..made });
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
