//! What another service had stored is written as it stood there, and every number agrees with it.

use chat_database::audit::{Act, NewEntry};
use chat_database::change::{
    Change, Import, Imported, ImportedMessage, ImportedNotification, NewMessage, Outcome, ReservedIds,
};
use chat_database::ids::{CommitNo, MessageId, NotificationId, Rev, Seq, ThreadId, UserId};
use chat_database::import::{IdOf, Present, keys};
use chat_database::objects::{Message, Totals};
use chat_database::queries::events::{self, FeedPosition, Found};
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{changes, inbox, notifications, threads};
use chat_database::restrictions::AdminChange;
use chat_database::time::Timestamp;

use crate::support::world::{World, media, own, pair, sent, user, watermarks};

on_each_backend!(
    messages_keep_ids_times_and_states_and_every_number_agrees,
    one_message_that_was_not_seen_makes_all_behind_it_unread,
    a_deleted_message_is_a_creation_and_a_deletion,
    a_thread_of_the_hub_goes_on_and_its_times_do_not_go_back,
    images_go_with_their_messages,
    what_a_suspended_user_has_once_sent_is_brought_over_with_its_images,
    notifications_keep_ids_and_states,
    what_is_there_is_found_and_a_key_is_used_once,
    consumers_are_not_told_and_go_on_behind_it,
);

/// A time long before that of the hub's own messages.
const OLD: i64 = 1_500_000_000_000;

fn message(id: i64, from: UserId, to: UserId, text: &str) -> ImportedMessage {
    ImportedMessage {
        pair: pair(from, to),
        thread_id: ThreadId::new(40).ok(),
        id: MessageId::new(id.unsigned_abs()).ok(),
        sender: from,
        key: keys::message(id),
        payload_hash: keys::message_hash(id),
        content: Some(text.to_owned()),
        media: Vec::new(),
        product_id: None,
        created_at: Timestamp::from_millis(OLD + id),
        deleted: false,
        seen: false,
        at: Timestamp::from_millis(1_795_341_600_000),
    }
}

fn seen(message: ImportedMessage) -> ImportedMessage {
    ImportedMessage { seen: true, ..message }
}

fn import(what: Import) -> Change {
    Change::Import(Box::new(what))
}

/// Brings messages over in one commit.
async fn bring(w: &mut World, messages: Vec<ImportedMessage>) -> Vec<Imported> {
    let changes: Vec<Change> = messages.into_iter().map(|message| import(Import::Message(message))).collect();
    let outcomes = w.commit(&changes).await.outcomes;
    outcomes.into_iter().map(imported).collect()
}

fn imported(outcome: Outcome) -> Imported {
    match outcome {
        Outcome::Imported(imported) => imported,
        other => panic!("not imported, but {other:?}"),
    }
}

/// Returns a thread from its beginning, by places and by changes; both must hold the same.
async fn history(w: &World, reader: UserId, thread: ThreadId) -> Vec<Message> {
    let page = async |page| messages::page(&w.db, reader, thread, page, 100).await.unwrap().unwrap();
    let by_seq = page(Page::AfterSeq(Seq(0))).await;
    let places: Vec<u64> = by_seq.messages.iter().map(|message| message.seq.0).collect();
    assert_eq!(places, (1..=by_seq.messages.len() as u64).collect::<Vec<_>>(), "places are dense");
    let newest_first = page(Page::Newest).await.messages;
    assert_eq!(newest_first, by_seq.messages);
    let mut by_rev = page(Page::AfterRev(Rev(0))).await.messages;
    by_rev.sort_by_key(|message| message.seq);
    assert_eq!(by_rev, by_seq.messages, "every message has a change");
    by_seq.messages
}

async fn messages_keep_ids_times_and_states_and_every_number_agrees(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.commit(&[import(Import::Reserve(ReservedIds { threads: 41, messages: 1_000, notifications: 9 }))]).await;
    let brought = bring(
        &mut w,
        vec![
            seen(message(905, ann, ben, "one")),
            seen(message(906, ben, ann, "two")),
            message(907, ann, ben, "three"),
            ImportedMessage { id: None, ..message(908, ann, ben, "four") },
        ],
    )
    .await;
    assert_eq!(brought.iter().map(|one| one.opened).collect::<Vec<_>>(), [true, false, false, false]);
    let thread = threads::of_pair(&w.db, pair(ann, ben)).await.unwrap().unwrap();
    assert_eq!(thread.get(), 40);
    let told = history(&w, ben, thread).await;
    assert_eq!(told.iter().map(|one| one.id.get()).collect::<Vec<_>>(), [905, 906, 907, 1_001]);
    assert_eq!(told[0].created_at.millis(), OLD + 905);
    assert_eq!((told[1].sender_id, told[1].content.as_deref()), (Some(ben), Some("two")));
    assert_eq!(w.totals(ben).await, Totals { messages: 2, notifications: 1 });
    assert_eq!(w.totals(ann).await, Totals::default());
    let shown = inbox::one(&w.db, ben, thread).await.unwrap().unwrap();
    assert_eq!((shown.unread, shown.read_seq.0, shown.other_read_seq.0), (2, 1, 2));
    assert_eq!(shown.last_message.map(|message| message.id.get()), Some(1_001));
    let bell = w.alert(ben, thread).await.unwrap();
    assert_eq!((bell.count, bell.is_read, bell.created_at.millis()), (2, false, OLD + 907));
    assert_eq!(w.alert(ann, thread).await, None, "she has read everything");

    // Both go on in it, with new ids.
    let next = w.says(ann, ben, "five").await;
    assert_eq!((next.id.get(), next.seq.0, next.thread_id), (1_002, 5, thread));
    let marks = w.reads(ben, ann, None).await;
    assert_eq!((marks.read_seq.0, marks.unread), (5, 0));
    assert_eq!(w.totals(ben).await, Totals::default());
    let other = w.says(ann, user(3), "hello").await;
    assert_eq!(other.thread_id.get(), 42);
}

async fn one_message_that_was_not_seen_makes_all_behind_it_unread(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let brought = bring(
        &mut w,
        vec![
            seen(message(1, ann, ben, "seen")),
            message(2, ann, ben, "not seen"),
            seen(message(3, ann, ben, "seen")),
            message(4, ben, ann, "an answer"),
        ],
    )
    .await;
    assert_eq!(brought.iter().map(|one| one.unread_again).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(w.totals(ben).await.messages, 2);
    assert_eq!(w.totals(ann).await.messages, 1);
    let marks = w.reads(ben, ann, Some(2)).await;
    assert_eq!((marks.read_seq.0, marks.unread), (2, 1));
    w.totals(ben).await;
}

async fn a_deleted_message_is_a_creation_and_a_deletion(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let deleted = ImportedMessage { deleted: true, content: None, ..message(2, ann, ben, "") };
    bring(&mut w, vec![message(1, ann, ben, "one"), deleted, message(3, ann, ben, "three")]).await;
    let thread = ThreadId::new(40).unwrap();
    let told = history(&w, ben, thread).await;
    assert_eq!(told.iter().map(|one| one.rev.0).collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!((told[1].deleted, told[1].content.as_deref()), (true, None));
    assert_eq!(w.totals(ben).await.messages, 2);
    let changed = changes::of_thread(&w.db, thread, CommitNo(0)).await.unwrap();
    assert!(changed.is_some());
    let gone = w.delete(MessageId::new(2).unwrap(), pair(ann, ben));
    assert!(matches!(w.one(gone).await, Outcome::Gone));
}

async fn a_thread_of_the_hub_goes_on_and_its_times_do_not_go_back(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let first = w.says(ann, ben, "in the hub").await;
    w.reads(ben, ann, None).await;
    let brought = bring(&mut w, vec![seen(message(7, ann, ben, "older")), message(8, ben, ann, "older still")]).await;
    assert!(brought.iter().all(|one| one.later && !one.opened), "{brought:?}");
    let told = history(&w, ann, first.thread_id).await;
    assert_eq!(told.iter().map(|one| one.id.get()).collect::<Vec<_>>(), [first.id.get(), 7, 8]);
    assert!(told.iter().all(|one| one.created_at == first.created_at), "{told:?}");
    assert_eq!((w.totals(ben).await.messages, w.totals(ann).await.messages), (0, 1));
    let change = w.text(ann, ben, "on");
    let next = sent(w.one(change).await).message;
    assert!(next.created_at > first.created_at);
    let change = w.seen(ann, ben, None);
    assert_eq!(watermarks(w.one(change).await).read_seq.0, 4);
}

async fn images_go_with_their_messages(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.upload("one", ann).await;
    w.upload("two", ann).await;
    let with = ImportedMessage { content: None, media: media(&["two", "one"]), ..message(5, ann, ben, "") };
    let without = ImportedMessage { media: media(&["three"]), ..message(6, ann, ben, "") };
    let outcomes = w.commit(&[import(Import::Message(with)), import(Import::Message(without))]).await.outcomes;
    assert!(matches!(&outcomes[1], Outcome::NoImage(id) if id.0 == "three"), "{outcomes:?}");
    let told = history(&w, ben, ThreadId::new(40).unwrap()).await;
    assert_eq!(told.len(), 1, "a message without its image is not stored");
    assert_eq!(told[0].images.iter().map(|image| image.id.0.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    let twice = w.send(ann, ben, None, "again");
    let outcome = w.one(Change::Send(NewMessage { media: media(&["one"]), ..twice })).await;
    assert!(matches!(outcome, Outcome::NoImage(_)), "{outcome:?}");
}

/// Images were once refused as uploads of a suspended user are, and the run ended with a message without its image.
async fn what_a_suspended_user_has_once_sent_is_brought_over_with_its_images(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let until = Some((Timestamp::from_millis(4_102_444_800_000), "spam".to_owned()));
    let suspend = AdminChange::Suspend(ann, until, NewEntry::new("admin:3", Act::UserSuspend));
    w.commit(&[Change::Administer(Box::new(suspend))]).await;
    assert!(matches!(w.uploads("new", ann).await, Outcome::Suspended(_)));
    let images = vec![w.image("one", ann), w.image("two", ben)];
    w.commit(&[import(Import::Images(images))]).await;
    bring(&mut w, vec![ImportedMessage { media: media(&["one"]), ..message(5, ann, ben, "look") }]).await;
    let told = history(&w, ben, ThreadId::new(40).unwrap()).await;
    assert_eq!(told[0].images.iter().map(|image| image.id.0.as_str()).collect::<Vec<_>>(), ["one"]);
}

async fn notifications_keep_ids_and_states(mut w: World) {
    let ann = user(1);
    let notification = |id: i64, read| ImportedNotification {
        id: NotificationId::new(id.unsigned_abs()).ok(),
        user: ann,
        key: keys::notification("notifications", Some(id), None, 1),
        kind: "order".to_owned(),
        title: format!("order {id}"),
        body: String::new(),
        related_id: Some(5),
        read,
        created_at: Timestamp::from_millis(OLD + id),
    };
    let new = ImportedNotification { id: None, ..notification(3, false) };
    let reserved = import(Import::Reserve(ReservedIds { notifications: 70, ..ReservedIds::default() }));
    let two = [notification(60, true), notification(61, false), new];
    let changes = two.into_iter().map(|one| import(Import::Notification(one)));
    w.commit(&std::iter::once(reserved).chain(changes).collect::<Vec<_>>()).await;
    assert_eq!(w.totals(ann).await, Totals { messages: 0, notifications: 2 });
    let page = notifications::page(&w.db, ann, None, false, 10).await.unwrap().notifications;
    let told: Vec<_> = page.iter().map(|one| (one.id.get(), one.is_read, one.created_at.millis() - OLD)).collect();
    assert_eq!(told, [(61, false, 61), (60, true, 60), (71, false, 3)]);
    w.one(Change::ReadNotification(own(NotificationId::new(61).unwrap(), ann))).await;
    assert_eq!(w.totals(ann).await.notifications, 1);
}

async fn what_is_there_is_found_and_a_key_is_used_once(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    w.says(ann, ben, "in the hub").await;
    // A user may have used the key of an old message: it is no sign that the message is there.
    let change = w.keyed(ann, ben, &keys::message(77), "mine");
    w.one(change).await;
    bring(&mut w, vec![message(905, ann, ben, "one"), message(906, ann, ben, "two")]).await;
    let present = Present::read(&w.db).await.unwrap();
    assert_eq!(present.messages, [905, 906].into());
    assert_eq!((present.given_out.messages, present.given_out.threads), (2, 1));
    let taken = present.taken(&w.db, IdOf::Message, &[1, 2, 3, 905]).await.unwrap();
    assert_eq!(taken, [1, 2].into(), "what is above those that were given out is not looked up");
    assert_eq!(present.taken(&w.db, IdOf::Thread, &[1, 40]).await.unwrap(), [1].into());
    assert!(present.taken(&w.db, IdOf::Notification, &[]).await.unwrap().is_empty());
    for change in
        [message(905, ann, ben, "again"), ImportedMessage { key: keys::message(1), ..message(906, ann, ben, "") }]
    {
        let refused = w.writer.commit(&[import(Import::Message(change))]).await;
        assert!(matches!(refused, Err(chat_database::Error::Refused(_))), "{refused:?}");
    }
    assert_eq!(history(&w, ann, threads::of_pair(&w.db, pair(ann, ben)).await.unwrap().unwrap()).await.len(), 4);
}

async fn consumers_are_not_told_and_go_on_behind_it(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let before = w.says(ann, ben, "before").await;
    let read = FeedPosition::behind(CommitNo(1));
    // Not in the order of ids: the feed relies on that.
    bring(&mut w, vec![message(906, ann, ben, "two")]).await;
    bring(&mut w, vec![message(905, ann, ben, "one")]).await;
    w.writer.forget_log().await.unwrap();
    assert!(matches!(events::after(&w.db, read, 10, |_| true).await.unwrap(), Found::Gone));
    let oldest = FeedPosition::behind(events::oldest(&w.db).await.unwrap().commit);
    let change = import(Import::Reserve(ReservedIds { messages: 1_000, ..ReservedIds::default() }));
    w.commit(&[change]).await;
    let after = w.says(ann, ben, "after").await;
    let Found::Window(window) = events::after(&w.db, oldest, 10, |_| true).await.unwrap() else { panic!("gone") };
    let told: Vec<_> = window.events.iter().filter_map(|event| event.event_ref.message()).collect();
    assert_eq!(told, [after.id]);
    assert!(before.id < after.id);
}
