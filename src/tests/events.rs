//! The event feed: `GET /internal/events`.

mod replay;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::person::{array, number, text};
use crate::support::{Hub, Person};

/// Reads a page behind a cursor.
async fn page(core: &Person, cursor: &str, rest: &str) -> Value {
    core.get(&format!("/internal/events?after={cursor}{rest}")).await.is(200)
}

/// Returns where the feed stands now.
async fn now(core: &Person) -> String {
    let page = core.get("/internal/events").await.is(200);
    assert_eq!((array(&page, "events").len(), &page["has_more"]), (0, &json!(false)));
    text(&page, "cursor").to_owned()
}

/// Reads all that there is behind a cursor, in pages of one size.
async fn all(core: &Person, cursor: &str, limit: usize) -> Vec<Value> {
    let (mut cursor, mut told) = (cursor.to_owned(), Vec::new());
    loop {
        let page = page(core, &cursor, &format!("&limit={limit}")).await;
        assert!(array(&page, "events").len() <= limit);
        told.extend(array(&page, "events").iter().cloned());
        text(&page, "cursor").clone_into(&mut cursor);
        if page["has_more"] == false {
            return told;
        }
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| text(event, "type")).collect()
}

#[tokio::test]
async fn what_happens_is_told_in_its_order() {
    let hub = Hub::start().await;
    let (core, alice, bob) = (hub.core(), hub.person(42), hub.person(7));
    let start = now(&core).await;
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let first = laptop.sends_to(&bob, "hello").await;
    desk.receives("hello").await;
    let second = laptop.sends_to(&bob, "a secret").await;
    desk.receives("a secret").await;
    desk.says(json!({"type": "message_seen", "thread_id": first["thread_id"]})).await;
    laptop.expect("messages_seen").await;
    laptop.says(json!({"type": "message_edit", "message_id": first["message_id"], "content": "hello!"})).await;
    desk.expect("message_updated").await;
    laptop.says(json!({"type": "message_delete", "message_id": second["message_id"]})).await;
    desk.expect("message_deleted").await;
    let notice = json!({"user_id": 7, "type": "order.paid", "title": "Paid", "body": "Thanks"});
    core.post("/internal/notifications", &notice).await.is(202);

    let events = all(&core, &start, 100).await;
    let wanted = [
        "thread.created",
        "message.created",
        "message.created",
        "thread.seen",
        "message.updated",
        "message.deleted",
        "notification.created",
    ];
    assert_eq!(types(&events), wanted, "{events:#?}");
    let (thread, message) = (&first["thread_id"], &first["message_id"]);
    for event in &events[..6] {
        assert_eq!(&event["thread_id"], thread, "{event}");
        assert!(text(event, "id").starts_with("evt_") && text(event, "at").ends_with('Z'), "{event}");
    }
    assert_eq!(events[0]["data"], json!({"thread_id": thread, "user_ids": [7, 42]}));
    // The present state: the text is the edited one, and what was deleted has none.
    let created = &events[1]["data"];
    assert_eq!(created["user_ids"], json!([7, 42]));
    assert_eq!((&created["message"]["id"], &created["message"]["content"]), (message, &json!("hello!")));
    assert_eq!(events[2]["data"]["message"]["content"], Value::Null);
    assert!(!format!("{events:?}").contains("a secret"));
    assert_eq!(events[3]["data"], json!({"thread_id": thread, "user_id": 7, "up_to": 2}));
    assert_eq!(
        (&events[4]["data"]["message"]["rev"], &events[5]["data"]["message"]["deleted"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(events[6]["data"]["notification"]["title"], "Paid");
    assert_eq!(events[6]["thread_id"], Value::Null);
    let epoch = text(&events[0], "id").split('_').nth(1).expect("an epoch").to_owned();
    assert_eq!(epoch.len(), 8);
    assert_eq!(events[1]["id"], format!("evt_{epoch}_m{message}_c"));
    assert_eq!(events[3]["id"], format!("evt_{epoch}_t{thread}_seen_7_2"));
    assert_eq!(events[4]["id"], format!("evt_{epoch}_m{message}_r3"));
    // Whatever the size of pages; and the same after a crash.
    for limit in [1, 2, 500] {
        assert_eq!(all(&core, &start, limit).await, events);
    }
    let some = page(&core, &start, "&types=thread.seen,message.deleted").await;
    assert_eq!(types(array(&some, "events")), ["thread.seen", "message.deleted"]);
    let mut hub = hub;
    hub.kill().await;
    hub.restart().await;
    assert_eq!(all(&core, &start, 3).await, events);
}

#[tokio::test]
async fn a_reader_waits_for_what_comes_and_not_longer_than_asked() {
    let hub = Hub::start().await;
    let (core, alice, bob) = (hub.core(), hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    let cursor = now(&core).await;
    let started = Instant::now();
    let nothing = page(&core, &cursor, "&wait=1").await;
    assert!(array(&nothing, "events").is_empty() && started.elapsed() >= Duration::from_secs(1));
    let cursor = text(&nothing, "cursor").to_owned();
    let waiting = {
        let (core, cursor) = (core.clone(), cursor.clone());
        tokio::spawn(async move { page(&core, &cursor, "&wait=30&types=message.created").await })
    };
    let started = Instant::now();
    laptop.sends_to(&bob, "here it is").await;
    let page = waiting.await.expect("an answer");
    assert_eq!(types(array(&page, "events")), ["message.created"]);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn only_the_core_reads_the_feed() {
    let hub = Hub::start().await;
    for person in [hub.person(42), hub.staff()] {
        person.get("/internal/events").await.refused(403, "forbidden");
    }
    let anonymous = crate::support::person::answer(hub.core().request(reqwest::Method::GET, "/internal/events")).await;
    anonymous.refused(401, "unauthorized");
}

#[tokio::test]
async fn what_is_malformed_is_a_bad_request() {
    let hub = Hub::start().await;
    let core = hub.core();
    let users = hub.person(42).connect().await.cursor;
    let good = now(&core).await;
    for query in [
        "after=",
        "after=nonsense",
        &format!("after={users}"),
        &format!("after={good}.1"),
        &format!("after={good}&types=message.read"),
        &format!("after={good}&types="),
        &format!("after={good}&limit=0"),
        &format!("after={good}&limit=501"),
        &format!("after={good}&wait=31"),
        &format!("after={good}&wait=x"),
    ] {
        core.get(&format!("/internal/events?{query}")).await.refused(400, "bad_request");
    }
}

/// Runs a statement beside the hub, and returns what it prints.
fn sqlite(folder: &Path, text: &str) -> String {
    let mut command = Command::new("sqlite3");
    command.args(["-cmd", ".timeout 5000"]).arg(folder.join("chat.db")).arg(text);
    let output = command.output().expect("sqlite3 is installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn a_cursor_that_is_too_old_or_of_another_history_is_gone_and_says_from_where_one_may_go_on() {
    let hub = Hub::start().await;
    let (core, alice, bob) = (hub.core(), hub.person(42), hub.person(7));
    let old = now(&core).await;
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "one").await;
    let newer = now(&core).await;
    laptop.sends_to(&bob, "two").await;
    let elsewhere = Hub::start().await;
    elsewhere.person(42).connect().await.sends_to(&elsewhere.person(7), "hi").await;
    let foreign = now(&elsewhere.core()).await;
    let parts: Vec<&str> = newer.split('.').collect();
    let another_epoch = newer.replacen(parts[1], "0123456789abcdef", 1);
    let beyond = newer.replacen(&format!(".{}.", parts[2]), ".999999.", 1);
    let gone = async |cursor: &str| {
        let answer = core.get(&format!("/internal/events?after={cursor}")).await;
        answer.refused(410, "gone_cursor");
        let oldest = text(&answer.body["error"], "oldest").to_owned();
        page(&core, &oldest, "").await;
        oldest
    };
    for cursor in [&foreign, &another_epoch, &beyond] {
        let oldest = gone(cursor).await;
        assert_eq!(types(&all(&core, &oldest, 10).await).len(), 3, "the whole log is there");
    }
    let commit: u64 = parts[2].parse().expect("a number");
    sqlite(hub.folder().path(), &format!("DELETE FROM hub_commits WHERE commit_no <= {commit}"));
    let oldest = gone(&old).await;
    for cursor in [&oldest, &newer] {
        let events = all(&core, cursor, 10).await;
        assert_eq!(events.last().map(|event| event["data"]["message"]["content"].clone()), Some(json!("two")));
    }
}

#[tokio::test]
async fn a_page_of_five_hundred_events_is_whole_and_in_order() {
    let hub = Hub::start().await;
    let (core, alice) = (hub.core(), hub.person(42));
    let start = now(&core).await;
    let mut laptop = alice.connect().await;
    for number in 0..260 {
        laptop.sends_to(&hub.person(100 + number % 250), &number.to_string()).await;
    }
    let page = page(&core, &start, "&limit=500").await;
    let events = array(&page, "events");
    assert_eq!((events.len(), &page["has_more"]), (500, &json!(true)));
    let sent = events.iter().filter(|event| event["type"] == "message.created");
    let texts: Vec<u64> =
        sent.map(|event| text(&event["data"]["message"], "content").parse().expect("a number")).collect();
    assert!(texts.is_sorted(), "{texts:?}");
    assert_eq!(number(&events[1]["data"]["message"], "seq"), 1);
}
