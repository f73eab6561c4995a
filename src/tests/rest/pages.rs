//! Pages are bounded in bytes, too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::person::{array, number, text};
use crate::support::receiver::Manner;
use crate::support::scene::away;
use crate::support::{Hub, Person, Receiver, until};

/// How large an answer may be.
const MEGABYTE: usize = 1 << 20;

/// The longest text that there can be: 16 KB.
fn long() -> String {
    "🙂".repeat(4_000)
}

/// Reads page after page, each of which is a megabyte at the most and brings something; returns all that they hold.
async fn all_pages(reader: &Person, name: &str, first: &str, next: impl Fn(&Value) -> Option<String>) -> Vec<Value> {
    let (mut path, mut all, mut pages) = (first.to_owned(), Vec::new(), 0);
    loop {
        let answer = reader.get(&path).await;
        assert!(answer.text.len() <= MEGABYTE, "{path}: {} bytes", answer.text.len());
        let page = answer.is(200);
        let items = array(&page, name);
        assert!(pages == 0 || !items.is_empty(), "{path}: an empty page");
        all.extend(items.iter().cloned());
        pages += 1;
        match next(&page) {
            Some(next) => path = next,
            None => break,
        }
    }
    assert!(pages > 1, "{first} was no test: a single page");
    all
}

fn seqs(messages: &[Value]) -> Vec<u64> {
    messages.iter().map(|message| number(message, "seq")).collect()
}

#[tokio::test]
async fn a_page_of_history_is_a_megabyte_at_the_most_in_every_direction() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let (author, reader) = (hub.person(1), hub.person(2));
    let mut desk = author.connect().await;
    let mut ids = Vec::new();
    for _ in 0..150 {
        ids.push(number(&desk.sends_to(&reader, &long()).await, "message_id"));
    }
    // Among those that are read by `rev` some have changed again.
    for id in ids.iter().step_by(3) {
        author.patch(&format!("/chat/messages/{id}"), &json!({"content": long()})).await.is(200);
    }
    let everything: Vec<u64> = (1..=150).collect();
    let more = |page: &Value| page["has_more"] == true;
    let path = |by: &str, at: u64| format!("/chat/messages?with=1&limit=200&{by}={at}");
    let last = |page: &Value, name: &str| number(array(page, "messages").last().expect("a message"), name);

    let up = |page: &Value| more(page).then(|| path("after_seq", last(page, "seq")));
    assert_eq!(seqs(&all_pages(&reader, "messages", &path("after_seq", 0), up).await), everything);

    let down = |page: &Value| more(page).then(|| path("before_seq", number(&array(page, "messages")[0], "seq")));
    let mut found = seqs(&all_pages(&reader, "messages", "/chat/messages?with=1&limit=200", down).await);
    found.sort_unstable();
    assert_eq!(found, everything);

    let onward = |page: &Value| more(page).then(|| path("after_rev", number(page, "rev")));
    let changed = all_pages(&reader, "messages", &path("after_rev", 0), onward).await;
    let revs: Vec<u64> = changed.iter().map(|message| number(message, "rev")).collect();
    assert!(revs.is_sorted() && revs.last() == Some(&200), "{revs:?}");
    let found: BTreeSet<u64> = seqs(&changed).into_iter().collect();
    assert_eq!((changed.len(), found.into_iter().collect::<Vec<_>>()), (150, everything), "each once");
}

#[tokio::test]
async fn a_page_of_what_was_missed_is_a_megabyte_at_the_most() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let (author, reader) = (hub.person(1), hub.person(2));
    let (mut desk, cursor) = away(&author, &reader).await;
    for _ in 0..150 {
        desk.sends_to(&reader, &long()).await;
    }
    let path = |cursor: &str| format!("/chat/sync?limit=1000&cursor={cursor}");
    let next = |page: &Value| (page["has_more"] == true).then(|| path(page["cursor"].as_str().expect("a cursor")));
    let events = all_pages(&reader, "events", &path(&cursor), next).await;
    let messages: Vec<Value> = events.into_iter().filter(|event| event["type"] == "new_message").collect();
    // A cursor may trail what its reader has heard (PROTOCOL 3.4): the message before may come once more.
    let missed: Vec<u64> = seqs(&messages).into_iter().skip_while(|seq| *seq == 1).collect();
    assert_eq!(missed, (2..=151).collect::<Vec<_>>());
}

#[tokio::test]
async fn pages_of_the_inbox_and_of_notifications_are_a_megabyte_at_the_most() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let reader = hub.person(2);
    for id in 0..90 {
        let message = json!({"receiver_id": 2, "content": long()});
        hub.person(100 + id).post("/chat/send", &message).await.is(201);
    }
    let next = |path: &'static str| {
        move |page: &Value| page["next"].as_str().map(|next| format!("{path}?limit=100&before={next}"))
    };
    for (path, name, key) in
        [("/chat/threads", "threads", "other_user_id"), ("/notifications", "notifications", "related_id")]
    {
        let all = all_pages(&reader, name, &format!("{path}?limit=100"), next(path)).await;
        let found: BTreeSet<u64> = all.iter().map(|one| number(one, key)).collect();
        assert_eq!((all.len(), found.len()), (90, 90), "{path}: each once");
    }
}

#[tokio::test]
async fn pages_of_cards_and_of_profiles_are_a_megabyte_at_the_most() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let (core, reader) = (hub.core(), hub.person(2));
    let mut desk = reader.connect().await;
    let long = |name: &str| format!("https://shop.example/{name}/{}", "x".repeat(1_990));
    // Cards are told in the order of their names.
    let names: Vec<String> = (0..500).map(|id| format!("{id:03}")).collect();
    let card = |id: &String| json!({"kind": "product", "id": id, "version": 1, "title": "🙂".repeat(140), "subtitle": "🙂".repeat(255), "url": long(id)});
    let cards: Vec<Value> = names.iter().map(card).collect();
    core.put("/internal/cards", &json!({"cards": cards})).await.is(200);
    let users: Vec<u64> = (1_000..1_400).collect();
    let profile = |id: &u64| json!({"user_id": id, "name": "🙂".repeat(80), "avatar_url": long(&id.to_string())});
    let profiles: Vec<Value> = users.iter().map(profile).collect();
    core.put("/internal/profiles", &json!({"profiles": profiles})).await.is(200);
    for id in &users {
        desk.sends_to(&hub.person(*id), "hello").await;
    }

    let more = |page: &Value| page["has_more"] == true;
    let refs = |names: &[String]| {
        format!("/chat/cards?refs={}", names.iter().map(|name| format!("product:{name}")).collect::<Vec<_>>().join(","))
    };
    let next = |page: &Value| {
        let came = array(page, "cards").last().map(|card| text(card, "id").to_owned()).expect("a card");
        more(page).then(|| refs(&names[names.partition_point(|name| *name <= came)..]))
    };
    let all = all_pages(&reader, "cards", &refs(&names), next).await;
    assert!(all.iter().map(|card| text(card, "id")).eq(names.iter().map(String::as_str)), "each once, in order");

    let ids = |users: &[u64]| {
        format!("/chat/profiles?ids={}", users.iter().map(u64::to_string).collect::<Vec<_>>().join(","))
    };
    let next = |page: &Value| {
        let came = array(page, "profiles").last().map(|profile| number(profile, "user_id")).expect("a profile");
        more(page).then(|| ids(&users[users.partition_point(|user| *user <= came)..]))
    };
    let all = all_pages(&reader, "profiles", &ids(&users), next).await;
    assert!(all.iter().map(|profile| number(profile, "user_id")).eq(users), "each once, in order");
}

#[tokio::test]
async fn a_page_of_events_is_a_megabyte_at_the_most() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let (core, author, reader) = (hub.core(), hub.person(1), hub.person(2));
    let path = |page: &Value| format!("/internal/events?limit=500&after={}", text(page, "cursor"));
    let start = path(&core.get("/internal/events").await.is(200));
    let mut desk = author.connect().await;
    for _ in 0..100 {
        desk.sends_to(&reader, &long()).await;
    }
    let notice = json!({"user_ids": [2, 3], "type": "order.paid", "title": "Paid", "body": "🙂".repeat(4_000)});
    core.post("/internal/notifications", &notice).await.is(202);
    let next = |page: &Value| (page["has_more"] == true).then(|| path(page));
    let events = all_pages(&core, "events", &start, next).await;
    let kinds: Vec<&str> = events.iter().map(|event| text(event, "type")).collect();
    let wanted = [&["thread.created"][..], &["message.created"; 100], &["notification.created"; 2]].concat();
    assert_eq!(kinds, wanted);
    let messages: Vec<Value> = events[1..=100].iter().map(|event| event["data"]["message"].clone()).collect();
    assert_eq!(seqs(&messages), (1..=100).collect::<Vec<_>>(), "each once, in order");
}

#[tokio::test]
async fn a_page_of_deliveries_is_a_megabyte_at_the_most() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let (staff, author, reader, receiver) = (hub.staff(), hub.person(1), hub.person(2), Receiver::start().await);
    // Each byte of the answer takes six in JSON.
    receiver.answers(Manner::Says(200, "", "\u{1}".repeat(4_096)));
    let hook = json!({"url": receiver.url(), "types": ["message.created"]});
    let webhook = number(&staff.post("/admin/webhooks", &hook).await.is(201), "id");
    let mut desk = author.connect().await;
    for _ in 0..60 {
        desk.sends_to(&reader, "hello").await;
    }
    let path = format!("/admin/webhooks/{webhook}/deliveries?status=ok&limit=200");
    until("all are noted", || async {
        (staff.get("/metrics").await.text.contains("{result=\"ok\"} 60")).then_some(())
    })
    .await;
    let next = |page: &Value| page["next"].as_u64().map(|next| format!("{path}&before={next}"));
    let all = all_pages(&staff, "deliveries", &path, next).await;
    let found: BTreeSet<u64> = all.iter().map(|one| number(one, "id")).collect();
    assert_eq!((all.len(), found.len()), (60, 60), "each once");
}
