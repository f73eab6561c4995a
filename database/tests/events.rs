//! Events: read from the commit log in the order of commits, in pages that meet, whatever has happened since.

use chat_database::change::Change;
use chat_database::events::{Event, EventRef};
use chat_database::history;
use chat_database::ids::{CommitNo, Rev, Seq};
use chat_database::queries::events::{self, FeedPosition, Found, Window};

use crate::support::world::{World, own, pair, sent, user};

on_each_backend!(
    everything_is_told_once_in_the_order_of_commits,
    pages_of_any_size_meet,
    what_was_deleted_is_told_without_its_text,
    a_change_in_one_commit_with_its_message_keeps_its_place,
    a_long_history_is_read_in_windows_from_anywhere,
    a_place_that_the_log_has_lost_is_gone,
    an_event_has_the_name_of_the_history_in_which_it_happened,
    times_of_events_go_no_way_back_and_are_those_of_what_was_written,
);

const HOUR: i64 = 3_600_000;

/// Reads a window; all types.
async fn window(w: &World, from: FeedPosition, most: usize) -> Window {
    match events::after(&w.db, from, most, |_| true).await.unwrap() {
        Found::Window(window) => window,
        Found::Gone => panic!("{from:?} is gone"),
    }
}

/// Reads everything behind a position, in pages.
async fn all(w: &World, mut from: FeedPosition, page: usize) -> Vec<Event> {
    let mut told = Vec::new();
    loop {
        let window = window(w, from, page).await;
        assert!(window.events.len() <= page);
        told.extend(window.events);
        from = window.end;
        if !window.has_more {
            return told;
        }
    }
}

fn beginning() -> FeedPosition {
    FeedPosition::behind(CommitNo(0))
}

fn event_refs(events: &[Event]) -> Vec<EventRef> {
    events.iter().map(|event| event.event_ref).collect()
}

/// A life with all that is told of, and with much that is not.
async fn live(w: &mut World) -> Vec<EventRef> {
    let (ann, ben, cid) = (user(1), user(2), user(3));
    let first = w.says(ann, ben, "one").await;
    let thread = first.thread_id;
    let second = w.says(ben, ann, "two").await;
    let other = w.says(ann, cid, "elsewhere").await;
    let edit = w.edit(first.id, pair(ann, ben), "one!");
    w.one(edit).await;
    w.reads(ben, ann, None).await;
    let notice = w.notify(&[ann], None);
    let chat_database::change::Outcome::Notified(made) = w.one(notice).await else { panic!("notified") };
    w.one(Change::ReadAllNotifications(ann)).await;
    let delete = w.delete(second.id, pair(ann, ben));
    w.one(delete).await;
    w.one(Change::LastSeen(vec![(ann, chat_database::time::Timestamp::now())])).await;
    w.one(Change::DeleteNotification(own(made[0].id, ann))).await;
    vec![
        EventRef::ThreadCreated(thread),
        EventRef::MessageCreated(thread, first.id),
        EventRef::MessageCreated(thread, second.id),
        EventRef::ThreadCreated(other.thread_id),
        EventRef::MessageCreated(other.thread_id, other.id),
        EventRef::MessageUpdated(thread, first.id, Rev(3)),
        EventRef::ThreadSeen(thread, ben, Seq(1)),
        EventRef::NotificationCreated(made[0].id),
        EventRef::MessageDeleted(thread, second.id, Rev(4)),
    ]
}

async fn everything_is_told_once_in_the_order_of_commits(mut w: World) {
    let mut lived = live(&mut w).await;
    // The watermark stands at the newest message of the other, and is told where it stands.
    lived[6] = event_refs(&all(&w, beginning(), 500).await)[6];
    assert!(matches!(lived[6], EventRef::ThreadSeen(..)));
    assert_eq!(event_refs(&all(&w, beginning(), 500).await), lived);
    let head = history::head(&w.db).await.unwrap().commit;
    let nothing = window(&w, FeedPosition::behind(head), 10).await;
    assert!(nothing.events.is_empty() && !nothing.has_more && nothing.commit_ref.is_none());
}

async fn pages_of_any_size_meet(mut w: World) {
    live(&mut w).await;
    let (ann, ben) = (user(1), user(2));
    let many: Vec<Change> = (0..30).map(|n| w.text(ann, ben, &n.to_string())).collect();
    w.commit(&many).await;
    let whole = all(&w, beginning(), 500).await;
    assert_eq!(whole.len(), 39);
    for page in [1, 2, 3, 7, 38, 39] {
        assert_eq!(all(&w, beginning(), page).await, whole, "pages of {page}");
    }
    for (at, event) in whole.iter().enumerate() {
        let from = FeedPosition { event: event.position, newest_message: 0 };
        assert_eq!(all(&w, from, 500).await, whole[at + 1..], "behind {event:?}");
    }
}

async fn what_was_deleted_is_told_without_its_text(mut w: World) {
    live(&mut w).await;
    let told = all(&w, beginning(), 500).await;
    let objects = events::objects(&w.db, &event_refs(&told)).await.unwrap();
    let EventRef::MessageDeleted(thread, deleted, _) = told.last().unwrap().event_ref else { panic!("{told:?}") };
    let message = &objects.messages[&deleted];
    assert!(message.deleted && message.content.is_none());
    assert_eq!(objects.threads[&thread], pair(user(1), user(2)));
    assert!(objects.notifications.is_empty(), "the notification was deleted, too");
}

async fn a_change_in_one_commit_with_its_message_keeps_its_place(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = w.says(ann, ben, "one").await;
    let (send, edit) = (w.text(ann, ben, "two"), w.edit(first.id, pair(ann, ben), "one!"));
    let last = w.text(ben, ann, "three");
    let mut committed = w.commit(&[send, edit, last]).await;
    let three = sent(committed.outcomes.remove(2)).message.id;
    let two = sent(committed.outcomes.remove(0)).message.id;
    let thread = first.thread_id;
    assert_eq!(
        event_refs(&all(&w, beginning(), 1).await)[2..],
        [
            EventRef::MessageCreated(thread, two),
            EventRef::MessageUpdated(thread, first.id, Rev(3)),
            EventRef::MessageCreated(thread, three),
        ]
    );
}

async fn a_long_history_is_read_in_windows_from_anywhere(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    for round in 0..10 {
        let many: Vec<Change> = (0..400).map(|n| w.text(ann, ben, &format!("{round}.{n}"))).collect();
        w.commit(&many).await;
    }
    let whole = all(&w, beginning(), 500).await;
    assert_eq!(whole.len(), 4_001);
    assert!(whole.is_sorted_by_key(|event| event.position));
    for commit in [0, 1, 5, 9, 10] {
        let rest = all(&w, FeedPosition::behind(CommitNo(commit)), 500).await;
        assert_eq!(rest.len() as u64, (10 - commit) * 400 + u64::from(commit == 0), "behind {commit}");
    }
}

async fn a_place_that_the_log_has_lost_is_gone(mut w: World) {
    live(&mut w).await;
    let head = history::head(&w.db).await.unwrap().commit;
    assert_eq!(events::oldest(&w.db).await.unwrap().commit, CommitNo(0));
    w.sql("DELETE FROM hub_commits WHERE commit_no <= 3").await;
    let oldest = events::oldest(&w.db).await.unwrap();
    assert_eq!(oldest.commit, CommitNo(3));
    assert!(history::holds(&w.db, &oldest).await.unwrap(), "one can go on from there");
    let is_gone = async |commit| {
        let found = events::after(&w.db, FeedPosition::behind(CommitNo(commit)), 10, |_| true).await.unwrap();
        matches!(found, Found::Gone)
    };
    assert!(is_gone(2).await);
    assert!(!is_gone(3).await);
    assert!(!is_gone(head.0).await);
    assert!(is_gone(head.0 + 1).await, "it is of another database");
    w.sql("DELETE FROM hub_commits").await;
    assert_eq!(events::oldest(&w.db).await.unwrap().commit, head);
}

async fn an_event_has_the_name_of_the_history_in_which_it_happened(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.says(ann, ben, "one").await;
    let before = history::head(&w.db).await.unwrap().epoch;
    let ids = |events: &[Event]| events.iter().map(Event::id).collect::<Vec<_>>();
    let told = ids(&all(&w, beginning(), 10).await);
    // Another process goes on with the history under another name.
    w.writer = w.another_writer("beta").await;
    w.says(ben, ann, "two").await;
    let after = history::head(&w.db).await.unwrap().epoch;
    assert_ne!(before, after);
    let told_again = ids(&all(&w, beginning(), 10).await);
    assert_eq!(told_again[..2], told, "the same event has the same id for ever");
    assert!(told_again[2].starts_with(&format!("evt_{}_m", &after[..8])), "{told_again:?}");
}

async fn times_of_events_go_no_way_back_and_are_those_of_what_was_written(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let mut late = w.another_writer("beta").await;
    let mut written = Vec::new();
    for text in ["one", "two"] {
        written.push(w.says(ann, ben, text).await.created_at);
        written.push(w.reads(ben, ann, None).await.at);
        w.step_back(HOUR);
        let behind = w.text(ben, ann, text);
        written.push(sent(late.commit(&[behind]).await.unwrap().outcomes.remove(0)).message.created_at);
        w.step_back(-HOUR);
    }
    // The first watermark of Ben has moved again: it is told where it stands now. The first event is that of the thread.
    written.remove(1);
    written.insert(0, written[0]);
    let times: Vec<_> = all(&w, beginning(), 500).await.iter().map(|event| event.at).collect();
    assert_eq!(times, written);
    assert!(times.is_sorted(), "{times:?}");
    // An entry of a release that does not write them has the database's clock.
    w.sql("UPDATE hub_commits SET newest_at = NULL, at = 1795341600000").await;
    assert!(all(&w, beginning(), 500).await.iter().all(|event| event.at.millis() == 1_795_341_600_000));
}
