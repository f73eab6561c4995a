//! Limits belong to people: one bucket for each user and kind, over all connections and REST, and kept over reconnects.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::fresh_key;
use crate::support::person::{answer, number};
use crate::support::scene::Scene;
use crate::support::{Device, Hub, Person, passes};

/// A rate that nothing comes back by while a test runs, and how long one waits for the next.
const ONE_IN_TEN_MINUTES: &str = "0.0016";
const TEN_MINUTES: u64 = 625_000;

/// Holds that an answer says when to come again: within what a token takes.
fn comes_again(error: &Value, within: u64) {
    let wait = number(error, "retry_after_ms");
    assert!((1..=within).contains(&wait) && error["temporary"] == true, "{error}");
}

/// Says something on a socket that must be refused for its rate.
async fn is_too_fast(device: &mut Device, frame: Value) -> Value {
    let error = device.is_refused(frame, "rate_limited").await;
    comes_again(&error, TEN_MINUTES);
    error
}

/// Asks something of REST that must be refused for its rate.
async fn asks_too_fast(person: &Person, method: Method, path: &str) {
    let said = answer(person.ask(method, path).json(&json!({"content": "too fast"}))).await;
    said.refused(429, "rate_limited");
    comes_again(&said.body["error"], TEN_MINUTES);
    let seconds: u64 = said.headers["retry-after"].to_str().expect("a text").parse().expect("a number");
    assert_eq!(seconds, number(&said.body["error"], "retry_after_ms").div_ceil(1_000));
}

/// 3,015 edits a second went through REST, which had no limit.
#[tokio::test]
async fn edits_and_deletions_share_one_limit_on_every_door() {
    let (mut scene, first) =
        Scene::begun_on(Hub::set(&[("CHAT_EDIT_RATE", ONE_IN_TEN_MINUTES), ("CHAT_EDIT_BURST", "4")]).await).await;
    let id = first["message_id"].clone();
    let mine = format!("/chat/messages/{id}");
    let edit = |text: &str| json!({"type": "message_edit", "message_id": id, "content": text});
    scene.laptop.says(edit("by the laptop")).await;
    scene.phone.says(edit("by the phone")).await;
    scene.desk.expect("message_updated").await;
    scene.desk.expect("message_updated").await;
    scene.alice.patch(&mine, &json!({"content": "by REST"})).await.is(200);
    let other = scene.laptop.sends_to(&scene.bob, "deleted at once").await["message_id"].clone();
    scene.alice.delete(&format!("/chat/messages/{other}")).await.is(204);

    let error = is_too_fast(&mut scene.laptop, edit("too fast")).await;
    assert_eq!(error["message_id"], id);
    is_too_fast(&mut scene.phone, json!({"type": "message_delete", "message_id": id})).await;
    asks_too_fast(&scene.alice, Method::PATCH, &mine).await;
    asks_too_fast(&scene.alice, Method::DELETE, &mine).await;
    scene.phone.leaves().await;
    let mut again = scene.alice.connect().await;
    is_too_fast(&mut again, edit("after a reconnect")).await;
    // Other kinds, and other people, are not concerned.
    scene.laptop.sends_to(&scene.bob, "a message").await;
    let bobs = scene.desk.sends_to(&scene.alice, "mine").await["message_id"].clone();
    scene.bob.patch(&format!("/chat/messages/{bobs}"), &json!({"content": "mine, edited"})).await.is(200);
}

/// Ten connections had 600 typing frames a minute, and each reconnect 60 more.
#[tokio::test]
async fn typing_has_one_limit_for_all_connections_of_a_user() {
    let (mut scene, first) = Scene::begun_on(Hub::set(&[("CHAT_TYPING_PER_MINUTE", "4")]).await).await;
    let thread = &first["thread_id"];
    let typing = json!({"type": "typing", "thread_id": thread});
    for device in [&mut scene.laptop, &mut scene.phone] {
        for _ in 0..2 {
            device.says(typing.clone()).await;
            scene.desk.expect("typing").await;
        }
    }
    let error = scene.laptop.is_refused(typing.clone(), "rate_limited").await;
    comes_again(&error, 15_000);
    assert_eq!(&error["thread_id"], thread);
    scene.phone.leaves().await;
    let mut again = scene.alice.connect().await;
    comes_again(&again.is_refused(typing.clone(), "rate_limited").await, 15_000);
    scene.desk.says(typing).await;
    again.expect("typing").await;
}

#[tokio::test]
async fn receipts_share_one_limit_on_every_door() {
    let settings = [("CHAT_RECEIPT_RATE", ONE_IN_TEN_MINUTES), ("CHAT_RECEIPT_BURST", "4")];
    let (mut scene, first) = Scene::begun_on(Hub::set(&settings).await).await;
    let thread = &first["thread_id"];
    let delivered = json!({"type": "message_delivered", "thread_id": thread, "up_to": 1});
    let seen = json!({"type": "message_seen", "thread_id": thread});
    let (read, all) = (format!("/chat/threads/{thread}/read"), "/notifications/read-all");
    scene.desk.says(delivered.clone()).await;
    scene.tablet.says(seen.clone()).await;
    scene.bob.post(&read, &json!({})).await.is(200);
    scene.bob.post(all, &json!({})).await.is(204);
    scene.laptop.expect("messages_seen").await;

    for device in [&mut scene.desk, &mut scene.tablet] {
        for frame in [&delivered, &seen] {
            assert_eq!(&is_too_fast(device, frame.clone()).await["thread_id"], thread);
        }
        is_too_fast(device, json!({"type": "notification_read", "id": 1})).await;
        is_too_fast(device, json!({"type": "notifications_read_all"})).await;
    }
    for (method, path) in [
        (Method::POST, read.as_str()),
        (Method::POST, all),
        (Method::POST, "/notifications/1/read"),
        (Method::DELETE, "/notifications/1"),
    ] {
        asks_too_fast(&scene.bob, method, path).await;
    }
    scene.desk.leaves().await;
    let mut again = scene.bob.connect().await;
    is_too_fast(&mut again, seen).await;
}

#[tokio::test]
async fn queries_share_one_limit_on_every_door() {
    let settings = [("CHAT_QUERY_RATE", ONE_IN_TEN_MINUTES), ("CHAT_QUERY_BURST", "12")];
    let (mut scene, first) = Scene::begun_on(Hub::set(&settings).await).await;
    let thread = format!("/chat/threads/{}", first["thread_id"]);
    let rest = [
        "/chat/threads",
        thread.as_str(),
        "/chat/messages?with=7",
        "/chat/unread",
        "/chat/sync",
        "/chat/presence?user_ids=7",
        "/notifications",
    ];
    let cursor = scene.laptop.cursor.clone();
    let frames = [
        (json!({"type": "nav_counts"}), "nav_counts"),
        (json!({"type": "who_is_online"}), "online_users"),
        (json!({"type": "subscribe", "channels": ["notifications"]}), "subscribed"),
        (json!({"type": "sync", "cursor": cursor}), "synced"),
    ];
    scene.laptop.takes_all();
    for (frame, answer) in &frames {
        scene.laptop.says(frame.clone()).await;
        scene.laptop.expect(answer).await;
    }
    for path in rest {
        scene.alice.get(path).await.is(200);
    }
    scene.alice.ticket().await;

    for path in rest {
        asks_too_fast(&scene.alice, Method::GET, path).await;
    }
    asks_too_fast(&scene.alice, Method::POST, "/chat/ticket").await;
    scene.phone.leaves().await;
    let mut again = scene.alice.connect().await;
    for device in [&mut scene.laptop, &mut again] {
        for (frame, _) in &frames {
            is_too_fast(device, frame.clone()).await;
        }
        is_too_fast(device, json!({"type": "auth", "token": scene.alice.token})).await;
    }
    scene.bob.get("/chat/threads").await.is(200);
}

/// A flood of anything is answered, and ended as a flood of messages is.
#[tokio::test]
async fn a_client_that_goes_on_after_two_hundred_refusals_of_any_kind_is_closed() {
    let (mut scene, first) = Scene::begun_on(Hub::set(&[("CHAT_TYPING_PER_MINUTE", "1")]).await).await;
    let frame = json!({"type": "typing", "thread_id": first["thread_id"]}).to_string();
    for _ in 0..300 {
        // It may be closed by then.
        let _ = scene.laptop.client.send(frame.clone()).await;
    }
    scene.laptop.is_closed_with(4503).await;
    scene.phone.sends_to(&scene.bob, "the other one is not concerned").await;
}

/// Sends to a user over a socket; returns `message_ack` or `error`.
async fn asks_to_send(device: &mut Device, to: u64) -> Value {
    let key = fresh_key();
    device.says(json!({"type": "message_send", "temp_id": key, "receiver_id": to, "content": "hello"})).await;
    device.expect_where_any(&["message_ack", "error"], |frame| frame["temp_id"] == key.as_str()).await
}

/// 1,318 strangers a minute heard from one user; the hub cannot know whether an id belongs to a user.
#[tokio::test]
async fn a_user_begins_twenty_conversations_at_once_and_one_every_three_seconds() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "1000"), ("CHAT_RATE_BURST", "1000")]).await;
    let mut laptop = hub.person(42).connect().await;
    let began = Instant::now();
    // With a second message to each before the first is stored: that is no second conversation.
    for to in 1_001..=1_030 {
        for number in 1..=2 {
            let key = format!("{to}-{number}");
            laptop.says(json!({"type": "message_send", "temp_id": key, "receiver_id": to, "content": key})).await;
        }
    }
    let mut acked = 0;
    for _ in 0..60 {
        let answer = laptop.expect_where_any(&["message_ack", "error"], |_| true).await;
        if answer["type"] == "error" {
            assert_eq!(answer["code"], "rate_limited", "{answer}");
            comes_again(&answer, 3_000);
        } else {
            acked += 1;
        }
    }
    let most = 2 * (20 + began.elapsed().as_secs() / 3);
    assert!((40..=most).contains(&acked), "{acked} messages of 60");
}

#[tokio::test]
async fn new_conversations_have_one_limit_on_every_door_and_answers_have_none() {
    let hub = Hub::set(&[("CHAT_NEW_CONVERSATIONS_PER_MINUTE", "6")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    bob.connect().await.sends_to(&alice, "Still available?").await;
    let (mut laptop, mut phone) = (alice.connect().await, alice.connect().await);
    for to in [1_001, 1_002] {
        for device in [&mut laptop, &mut phone] {
            assert_eq!(asks_to_send(device, to).await["type"], "message_ack");
            assert_eq!(asks_to_send(device, to + 1_000).await["type"], "message_ack");
        }
    }
    let by_rest = |to: u64| json!({"receiver_id": to, "content": "hello", "temp_id": format!("to {to}")});
    for to in [3_001, 3_002] {
        alice.post("/chat/send", &by_rest(to)).await.is(201);
    }

    alice.post("/chat/send", &by_rest(4_000)).await.refused(429, "rate_limited");
    for device in [&mut laptop, &mut phone] {
        assert_eq!(asks_to_send(device, 4_000).await["code"], "rate_limited");
    }
    phone.leaves().await;
    let mut again = alice.connect().await;
    let error = asks_to_send(&mut again, 4_000).await;
    assert_eq!(error["code"], "rate_limited", "after a reconnect");
    assert_eq!(hub.person(4_000).get("/chat/threads").await.is(200)["threads"], json!([]), "nothing was stored");

    // What stands can be repeated, gone on with, and answered.
    alice.post("/chat/send", &by_rest(3_001)).await.is(200);
    alice.post("/chat/send", &json!({"receiver_id": 3_001, "content": "and one more"})).await.is(201);
    laptop.sends_to(&hub.person(1_001), "and one more").await;
    laptop.sends_to(&bob, "Yes, it is").await;
    // A user who waits as long as they were told may begin one, and not two.
    comes_again(&error, 10_000);
    passes(Duration::from_millis(number(&error, "retry_after_ms"))).await;
    assert_eq!(asks_to_send(&mut again, 4_000).await["type"], "message_ack");
    assert_eq!(asks_to_send(&mut again, 4_001).await["code"], "rate_limited");
}

#[tokio::test]
async fn a_day_has_its_own_limit_of_new_conversations() {
    let hub = Hub::set(&[("CHAT_NEW_CONVERSATIONS_PER_DAY", "3")]).await;
    let alice = hub.person(42);
    let mut laptop = alice.connect().await;
    for to in 1_001..=1_003 {
        assert_eq!(asks_to_send(&mut laptop, to).await["type"], "message_ack");
    }
    let error = asks_to_send(&mut laptop, 1_004).await;
    assert_eq!(error["code"], "rate_limited");
    let eight_hours = 8 * 3_600 * 1_000;
    assert!((eight_hours - 60_000..=eight_hours).contains(&number(&error, "retry_after_ms")), "{error}");
    // The receiver of a message has not begun a conversation.
    assert_eq!(asks_to_send(&mut hub.person(1_001).connect().await, 42).await["type"], "message_ack");
}

/// After a restart no thread is known to be there; to answer in many at once is nothing new all the same.
#[tokio::test]
async fn answers_at_once_in_many_threads_that_sleep_are_no_new_conversations() {
    let mut hub = Hub::set(&[("CHAT_NEW_CONVERSATIONS_PER_MINUTE", "2")]).await;
    let alice = hub.person(42);
    for from in 1_001..=1_016 {
        hub.person(from).connect().await.sends_to(&alice, "Still available?").await;
    }
    hub.kill().await;
    hub.restart().await;
    let mut laptop = alice.connect().await;
    for to in 1_001..=1_016 {
        let key = to.to_string();
        laptop.says(json!({"type": "message_send", "temp_id": key, "receiver_id": to, "content": "Yes"})).await;
    }
    for to in 1_001..=1_016 {
        laptop.is_acked(&to.to_string()).await;
    }
    for (to, answer) in [(2_001, "message_ack"), (2_002, "message_ack"), (2_003, "error")] {
        assert_eq!(asks_to_send(&mut laptop, to).await["type"], answer, "{to}");
    }
}
