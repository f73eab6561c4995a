//! Messages of the marketplace itself, on every backend.

use chat_database::change::{Change, LocalText, Outcome, SystemMessage};
use chat_database::ids::{CommitNo, UserId};
use chat_database::objects::{Message, MessageKind, Profile, PublicProfile, Totals};
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{changes, inbox, threads};
use tokio::runtime::Handle;

use crate::support::world::{World, hash, pair, sent, user};

on_each_backend!(
    a_system_message_makes_the_thread_and_is_unread_for_both,
    each_member_is_told_their_language,
    the_language_is_that_of_the_time_of_sending,
    a_key_is_once_for_a_thread_and_no_users_key,
    reading_up_to_a_place_counts_what_the_marketplace_wrote,
    a_system_message_and_a_users_first_one_make_one_thread,
);

fn english(text: &str) -> Vec<LocalText> {
    vec![LocalText { locale: "en".to_owned(), text: text.to_owned() }]
}

fn system(w: &mut World, key: &str, texts: Vec<LocalText>) -> SystemMessage {
    SystemMessage {
        pair: pair(user(1), user(2)),
        dedupe_key: key.to_owned(),
        payload_hash: hash(&texts[0].text),
        texts,
        card: None,
        at: w.now(),
    }
}

async fn speaks(w: &mut World, user_id: UserId, locale: Option<&str>) {
    let public = PublicProfile { name: "N".to_owned(), avatar_url: None, verified: false, role: None };
    let locale = locale.map(str::to_owned);
    let profile = Profile { user_id, public, locale, timezone: None, email: None, contactable: Vec::new() };
    w.one(Change::PutProfiles(vec![profile])).await;
}

/// Returns what a member is told by a message.
fn told(message: &Message, member: UserId) -> String {
    let mut own = message.clone();
    own.address(member);
    own.content.unwrap()
}

async fn a_system_message_makes_the_thread_and_is_unread_for_both(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    let message = system(&mut w, "k", english("Order 17 is paid"));
    let committed = w.commit(&[Change::SystemMessage(message)]).await;
    let chats = committed.chat_notifications.len();
    let first = sent(committed.outcomes.into_iter().next().unwrap());
    let message = first.message;
    assert!(first.opened && chats == 2);
    assert_eq!((message.kind, message.sender_id, &message.temp_id), (MessageKind::System, None, &None));
    assert_eq!((message.seq.0, message.content.as_deref()), (1, Some("Order 17 is paid")));
    for member in [ann, ben] {
        assert_eq!(w.totals(member).await, Totals { notifications: 1, messages: 1 });
        assert_eq!(messages::one(&w.db, member, message.id).await.unwrap(), Some(message.clone()));
        let inbox = inbox::page(&w.db, member, None, true, 5).await.unwrap();
        assert_eq!((inbox.threads[0].unread, inbox.threads[0].last_message.as_ref()), (1, Some(&message)));
        assert_eq!(w.alert(member, message.thread_id).await.unwrap().body, "Order 17 is paid");
        let missed = changes::of_user(&w.db, member, CommitNo(0), 10).await.unwrap().unwrap();
        assert_eq!(missed.messages[0].message, message);
    }
    assert_eq!(threads::authorship(&w.db, message.id).await.unwrap().unwrap().sender, None);
    w.reads(ben, ann, None).await;
    assert_eq!((w.totals(ann).await.messages, w.totals(ben).await.messages), (1, 0));
}

async fn each_member_is_told_their_language(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    speaks(&mut w, ann, Some("fr-CD")).await;
    speaks(&mut w, ben, Some("ar")).await;
    let texts: Vec<LocalText> = [("sw", "Imelipwa"), ("fr", "Payé"), ("en", "Paid")]
        .map(|(locale, text)| LocalText { locale: locale.to_owned(), text: text.to_owned() })
        .into();
    let system = system(&mut w, "k", texts);
    let message = sent(w.one(Change::SystemMessage(system)).await).message;
    let page = messages::page(&w.db, ann, message.thread_id, Page::Newest, 5).await.unwrap().unwrap();
    let followed = changes::of_thread(&w.db, message.thread_id, CommitNo(0)).await.unwrap().unwrap();
    for read in [&message, &page.messages[0], &followed.messages[0].message] {
        assert_eq!((told(read, ann), told(read, ben)), ("Payé".to_owned(), "Paid".to_owned()));
        assert_eq!(read.content.as_deref(), Some("Paid"), "the marketplace itself is answered in English");
    }
    assert_eq!(w.alert(ann, message.thread_id).await.unwrap().body, "Payé");
    assert_eq!(w.alert(ben, message.thread_id).await.unwrap().body, "Paid");
}

async fn the_language_is_that_of_the_time_of_sending(mut w: World) {
    let ann = user(1);
    speaks(&mut w, ann, Some("fr")).await;
    let texts: Vec<LocalText> = [("en", "Paid"), ("fr", "Payé")]
        .map(|(locale, text)| LocalText { locale: locale.to_owned(), text: text.to_owned() })
        .into();
    let first = system(&mut w, "k", texts);
    let message = sent(w.one(Change::SystemMessage(first.clone())).await).message;
    speaks(&mut w, ann, None).await;
    let read = messages::one(&w.db, ann, message.id).await.unwrap().unwrap();
    assert_eq!(told(&read, ann), "Payé");
    let second = SystemMessage { dedupe_key: "k2".to_owned(), ..first };
    let message = sent(w.one(Change::SystemMessage(second)).await).message;
    assert_eq!((told(&message, ann), message.texts.len()), ("Paid".to_owned(), 0));
}

async fn a_key_is_once_for_a_thread_and_no_users_key(mut w: World) {
    let first = system(&mut w, "k", english("Paid"));
    let stored = sent(w.one(Change::SystemMessage(first.clone())).await).message;
    let other = system(&mut w, "k", english("Shipped"));
    for round in 0..2 {
        let outcomes =
            w.commit(&[Change::SystemMessage(first.clone()), Change::SystemMessage(other.clone())]).await.outcomes;
        let [Outcome::Duplicate(again), Outcome::TempIdConflict] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!(again.message, stored, "{round}");
        w.writer = w.another_writer(&format!("beta-{round}")).await;
    }
    // Within one commit, and beside a user's message under the same key.
    let fresh = system(&mut w, "fresh", english("Shipped"));
    let changes = [
        w.keyed(user(1), user(2), "fresh", "mine"),
        Change::SystemMessage(fresh.clone()),
        Change::SystemMessage(fresh),
        w.keyed(user(2), user(1), "k", "mine"),
    ];
    let outcomes = w.commit(&changes).await.outcomes;
    let kinds: Vec<bool> = outcomes.iter().map(|outcome| matches!(outcome, Outcome::Sent(_))).collect();
    assert_eq!(kinds, [true, true, false, true], "{outcomes:?}");
    w.totals(user(1)).await;
    w.totals(user(2)).await;
}

async fn reading_up_to_a_place_counts_what_the_marketplace_wrote(mut w: World) {
    let (ann, ben) = (user(1), user(2));
    for round in 0..4 {
        w.says(ann, ben, "hi").await;
        let message = system(&mut w, &format!("k{round}"), english("Paid"));
        w.one(Change::SystemMessage(message)).await;
    }
    // Places 2, 4, 6 and 8 are the marketplace's. A writer that knows nothing looks them up.
    for (reader, other, up_to, unread) in [(ann, ben, 3, 3), (ben, ann, 3, 5)] {
        w.writer = w.another_writer("beta").await;
        assert_eq!(w.reads(reader, other, Some(up_to)).await.unread, unread);
        assert_eq!(w.totals(reader).await.messages, unread);
    }
}

async fn a_system_message_and_a_users_first_one_make_one_thread(mut w: World) {
    const PAIRS: u64 = 20;
    let mut tasks = Vec::new();
    for node in 0..2_u64 {
        let mut writer = w.another_writer(&format!("node-{node}")).await;
        let changes: Vec<Change> = (0..PAIRS)
            .map(|number| {
                let (one, other) = (user(100 + 2 * number), user(101 + 2 * number));
                if node == 0 {
                    return w.keyed(one, other, "first", "hello");
                }
                let message = system(&mut w, "first", english("Paid"));
                Change::SystemMessage(SystemMessage { pair: pair(one, other), ..message })
            })
            .collect();
        let runtime = Handle::current();
        tasks.push(tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let mut opened = Vec::new();
                for change in changes {
                    let outcome = writer.commit(&[change]).await.unwrap().outcomes.remove(0);
                    let sent = sent(outcome);
                    opened.push((sent.message.thread_id, sent.opened));
                }
                opened
            })
        }));
    }
    let (left, right) = (tasks.remove(0).await.unwrap(), tasks.remove(0).await.unwrap());
    for ((thread, opened), (other_thread, other_opened)) in left.into_iter().zip(right) {
        assert_eq!(thread, other_thread);
        assert_ne!(opened, other_opened, "one of the two made the thread");
        let changes = changes::of_thread(&w.db, thread, CommitNo(0)).await.unwrap().unwrap();
        let places: Vec<u64> = changes.messages.iter().map(|changed| changed.message.seq.0).collect();
        assert_eq!(places, [1, 2]);
    }
}
