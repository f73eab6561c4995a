//! Pages are bounded in bytes, too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::person::{array, number};
use crate::support::scene::away;
use crate::support::{Hub, Person};

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
