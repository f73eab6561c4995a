//! Cards: what conversations are about, on every backend.

use chat_database::change::{Change, NewMessage, Outcome};
use chat_database::ids::{CommitNo, ProductId};
use chat_database::objects::{Card, CardRef, Message};
use chat_database::queries::cards::{self, CardReaders};
use chat_database::queries::messages::{self, Page};
use chat_database::queries::{changes, inbox};
use chat_database::time::Timestamp;
use tokio::runtime::Handle;

use crate::support::world::{World, hash, media, pair, sent, user};

on_each_backend!(
    a_card_of_a_lower_version_is_ignored,
    of_two_nodes_at_once_the_higher_version_stays,
    a_message_keeps_the_card_that_it_was_sent_with,
    a_message_about_a_product_shows_its_card_if_there_is_one,
    a_message_with_an_unknown_card_is_not_stored,
    a_deleted_message_loses_its_card_and_an_edited_one_keeps_it,
    a_card_stands_beside_images,
    those_who_were_sent_a_card_lately_are_found,
    the_notification_of_a_card_without_text_shows_its_title,
);

fn named(name: &str) -> CardRef {
    name.parse().unwrap()
}

/// Makes a card with everything in it, in several scripts.
fn card(name: &str, version: u64, title: &str) -> Card {
    let CardRef { kind, id } = named(name);
    Card {
        kind,
        id,
        version,
        title: title.to_owned(),
        subtitle: Some("مصباح \"brass\" 💡".to_owned()),
        image_url: Some("https://shop.example/5.webp".to_owned()),
        amount: Some("250000.00".to_owned()),
        currency: Some("UGX".to_owned()),
        url: "https://shop.example/p/5".to_owned(),
        state: None,
    }
}

fn put(outcome: Outcome) -> Vec<CardRef> {
    match outcome {
        Outcome::CardsPut(changed) => changed,
        other => panic!("no cards put, but {other:?}"),
    }
}

/// Makes a message that shows a card.
fn shows(w: &mut World, name: &str, text: Option<&str>) -> NewMessage {
    let send = w.send(user(1), user(2), Some(&format!("{name}-{text:?}")), name);
    NewMessage { content: text.map(str::to_owned), card: Some(named(name)), ..send }
}

/// Reads a message by every query, which must agree; returns it as the last one says it.
async fn read(w: &World, message: &Message) -> Message {
    let (ben, thread) = (user(2), message.thread_id);
    let one = messages::one(&w.db, ben, message.id).await.unwrap().unwrap();
    let after = Page::AfterSeq(chat_database::ids::Seq(message.seq.0 - 1));
    let page = messages::page(&w.db, ben, thread, after, 1).await.unwrap().unwrap();
    assert_eq!(page.messages, std::slice::from_ref(&one));
    let changed = changes::of_thread(&w.db, thread, CommitNo(0)).await.unwrap().unwrap();
    assert!(changed.messages.iter().any(|changed| changed.message == one));
    one
}

async fn a_card_of_a_lower_version_is_ignored(mut w: World) {
    let first = vec![card("product:5", 3, "A lamp"), card("shop:5", 1, "Lamps")];
    assert_eq!(put(w.one(Change::PutCards(first.clone())).await), [named("product:5"), named("shop:5")]);
    assert_eq!(cards::of(&w.db, &[named("shop:5"), named("product:5"), named("product:6")]).await.unwrap(), first);
    // The same, and an older one; also for a writer that knows nothing.
    for round in 0..2 {
        for same in [card("product:5", 3, "A lamp"), card("product:5", 2, "An old lamp")] {
            assert!(put(w.one(Change::PutCards(vec![same])).await).is_empty(), "{round}");
        }
        w.writer = w.another_writer(&format!("beta-{round}")).await;
    }
    let changes = [
        Change::PutCards(vec![card("product:5", 5, "Sold"), card("product:5", 4, "Reserved")]),
        Change::PutCards(vec![card("product:5", 4, "Reserved")]),
    ];
    let changed: Vec<_> = w.commit(&changes).await.outcomes.into_iter().map(put).collect();
    assert_eq!(changed, [vec![named("product:5")], vec![]]);
    assert_eq!(cards::of(&w.db, &[named("product:5")]).await.unwrap(), [card("product:5", 5, "Sold")]);
}

async fn of_two_nodes_at_once_the_higher_version_stays(w: World) {
    const VERSIONS: u64 = 40;
    let mut tasks = Vec::new();
    for node in 0..2 {
        let mut writer = w.another_writer(&format!("node-{node}")).await;
        let runtime = Handle::current();
        tasks.push(tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let mut changed = Vec::new();
                // One counts up while the other one counts down.
                for step in 1..=VERSIONS {
                    let version = if node == 0 { step } else { VERSIONS + 1 - step };
                    let put_card = Change::PutCards(vec![card("product:5", version, &format!("version {version}"))]);
                    let outcome = writer.commit(&[put_card]).await.unwrap().outcomes.remove(0);
                    changed.extend((!put(outcome).is_empty()).then_some(version));
                }
                changed
            })
        }));
    }
    let mut changed = Vec::new();
    for task in tasks {
        let of_node = task.await.unwrap();
        assert!(of_node.is_sorted(), "no node saw a version go back: {of_node:?}");
        changed.push(of_node);
    }
    let stored = cards::of(&w.db, &[named("product:5")]).await.unwrap();
    assert_eq!((stored[0].version, stored[0].title.as_str()), (VERSIONS, "version 40"));
    let highest = changed.iter().flatten().filter(|version| **version == VERSIONS).count();
    assert_eq!(highest, 1, "the highest version was new once: {changed:?}");
}

async fn a_message_keeps_the_card_that_it_was_sent_with(mut w: World) {
    w.one(Change::PutCards(vec![card("product:5", 1, "A lamp")])).await;
    let first = shows(&mut w, "product:5", Some("this one?"));
    let message = sent(w.one(Change::Send(first.clone())).await).message;
    let then = Some(Box::new(card("product:5", 1, "A lamp")));
    assert_eq!(message.card, then);
    // Both in one commit: what is put first counts.
    let second = shows(&mut w, "product:5", None);
    let outcomes =
        w.commit(&[Change::PutCards(vec![card("product:5", 2, "Sold")]), Change::Send(second)]).await.outcomes;
    let later = sent(outcomes.into_iter().nth(1).unwrap()).message;
    assert_eq!(later.card, Some(Box::new(card("product:5", 2, "Sold"))));
    for message in [&message, &later] {
        assert_eq!(&read(&w, message).await, message);
    }
    let inbox = inbox::page(&w.db, user(2), None, false, 5).await.unwrap();
    assert_eq!(inbox.threads[0].last_message.as_ref(), Some(&later));
    // A repetition is answered with the message as it stands, on a node that knows nothing, too.
    w.writer = w.another_writer("beta").await;
    let Outcome::Duplicate(again) = w.one(Change::Send(first.clone())).await else { panic!("a repetition") };
    assert_eq!(again.message, message);
    let other = NewMessage { payload_hash: hash("another"), ..first };
    assert!(matches!(w.one(Change::Send(other)).await, Outcome::TempIdConflict));
}

async fn a_message_about_a_product_shows_its_card_if_there_is_one(mut w: World) {
    w.one(Change::PutCards(vec![card("product:5", 1, "A lamp"), card("shop:6", 1, "Lamps")])).await;
    for (product, shown) in [(5, Some("A lamp")), (6, None)] {
        let about = NewMessage { product_id: ProductId::new(product).ok(), ..w.send(user(1), user(2), None, "hi") };
        let message = sent(w.one(Change::Send(about)).await).message;
        assert_eq!(message.card.as_ref().map(|card| card.title.as_str()), shown);
        assert_eq!(read(&w, &message).await, message);
    }
    let both = NewMessage { product_id: ProductId::new(5).ok(), ..shows(&mut w, "shop:6", None) };
    let message = sent(w.one(Change::Send(both)).await).message;
    assert_eq!(message.card.unwrap().title, "Lamps", "the card that is named goes first");
}

async fn a_message_with_an_unknown_card_is_not_stored(mut w: World) {
    let unknown = shows(&mut w, "product:5", Some("hi"));
    assert!(matches!(w.one(Change::Send(unknown.clone())).await, Outcome::NotFound("card")));
    assert!(w.totals(user(2)).await.messages == 0);
    // The same key is good once there is such a card.
    w.one(Change::PutCards(vec![card("product:5", 1, "A lamp")])).await;
    sent(w.one(Change::Send(unknown)).await);
}

async fn a_deleted_message_loses_its_card_and_an_edited_one_keeps_it(mut w: World) {
    let members = pair(user(1), user(2));
    w.one(Change::PutCards(vec![card("product:5", 1, "A lamp")])).await;
    let send = shows(&mut w, "product:5", Some("this one?"));
    let message = sent(w.one(Change::Send(send)).await).message;
    let edit = w.edit(message.id, members, "that one?");
    w.one(edit).await;
    let edited = read(&w, &message).await;
    assert_eq!((edited.content.as_deref(), &edited.card), (Some("that one?"), &message.card));
    let delete = w.delete(message.id, members);
    w.one(delete).await;
    let deleted = read(&w, &message).await;
    assert_eq!((deleted.content, deleted.card, deleted.deleted), (None, None, true));
}

async fn a_card_stands_beside_images(mut w: World) {
    w.one(Change::PutCards(vec![card("product:5", 1, "A lamp")])).await;
    w.upload("a", user(1)).await;
    let both = NewMessage { media: media(&["a"]), ..shows(&mut w, "product:5", None) };
    let message = sent(w.one(Change::Send(both)).await).message;
    assert_eq!((message.images.len(), message.card.is_some()), (1, true));
    assert_eq!(read(&w, &message).await, message);
}

async fn those_who_were_sent_a_card_lately_are_found(mut w: World) {
    w.one(Change::PutCards(vec![card("product:5", 1, "A lamp"), card("shop:5", 1, "Lamps")])).await;
    let first = shows(&mut w, "product:5", None);
    let at = sent(w.one(Change::Send(first)).await).message.created_at;
    let members = [user(1), user(2)];
    let readers = [CardReaders { card: named("product:5"), members }];
    let asked = [named("product:5"), named("shop:5")];
    let before = Timestamp::from_millis(at.millis() - 1);
    assert_eq!(cards::recent_readers(&w.db, &asked, before, 10).await.unwrap(), readers);
    assert!(cards::recent_readers(&w.db, &asked, at, 10).await.unwrap().is_empty());
    // Sent again, it is recent again, and the thread is there once.
    w.pass(1_000);
    let again = shows(&mut w, "product:5", Some("again"));
    w.one(Change::Send(again)).await;
    assert_eq!(cards::recent_readers(&w.db, &asked, at, 10).await.unwrap(), readers);
}

async fn the_notification_of_a_card_without_text_shows_its_title(mut w: World) {
    w.one(Change::PutCards(vec![card("product:5", 1, "A lamp")])).await;
    let bare = shows(&mut w, "product:5", None);
    let thread = sent(w.one(Change::Send(bare)).await).message.thread_id;
    assert_eq!(w.alert(user(2), thread).await.unwrap().body, "A lamp");
    let texted = shows(&mut w, "product:5", Some("this one?"));
    w.one(Change::Send(texted)).await;
    assert_eq!(w.alert(user(2), thread).await.unwrap().body, "this one?");
}
