//! Two people with two devices each: everything that PROTOCOL 3 lets them say and hear.

mod clock;
mod limits;
mod presence;
mod typing;

use std::collections::BTreeSet;

use crate::support::Hub;
use crate::support::contract::all_types;
use crate::support::person::{number, text};
use crate::support::scene::Scene;
use serde_json::{Value, json};

#[tokio::test]
async fn a_greeting_says_who_and_where_and_what_is_allowed() {
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "20")]).await;
    let greeting = hub.person(42).connect().await.greeting;
    assert_eq!(greeting["user_id"], 42);
    assert_eq!((greeting["resumed"].as_bool(), greeting["reset"].as_bool()), (Some(false), Some(false)));
    let limits = &greeting["limits"];
    for (name, limit) in
        [("frame_bytes", 65_536.0), ("text_chars", 4_000.0), ("images", 10.0), ("in_flight", 16.0), ("rate", 20.0)]
    {
        assert_eq!(limits[name].as_f64(), Some(limit), "{name} in {limits}");
    }
    assert_eq!(greeting["heartbeat_ms"], 25_000);
}

#[tokio::test]
async fn a_message_is_acknowledged_to_its_device_and_told_to_all_others() {
    let mut scene = Scene::open().await;
    let ack = scene.laptop.sends_to(&scene.bob, "Still available?").await;
    assert_eq!((number(&ack, "seq"), number(&ack, "rev"), &ack["duplicate"]), (1, 1, &Value::Bool(false)));
    for device in [&mut scene.phone, &mut scene.desk, &mut scene.tablet] {
        let message = device.receives("Still available?").await;
        assert_eq!(message["id"], ack["message_id"]);
        assert_eq!(message["thread_id"], ack["thread_id"]);
        assert_eq!(message["sender_id"], 42);
        assert_eq!(message["temp_id"], ack["temp_id"]);
        assert_eq!(message["created_at"], ack["created_at"]);
        assert_eq!((number(&message, "seq"), number(&message, "rev")), (1, 1));
        assert_eq!((&message["deleted"], &message["edited_at"]), (&Value::Bool(false), &Value::Null));
    }
    scene.laptop.heard_nothing_of(&["new_message"]).await;
}

#[tokio::test]
async fn a_thread_is_announced_to_both_sides_before_its_first_message() {
    let mut scene = Scene::open().await;
    scene.laptop.says(json!({"type": "message_send", "temp_id": "a", "receiver_id": 7, "content": "hi"})).await;
    let (alice, bob) = (scene.alice.id, scene.bob.id);
    for (device, other, message) in [
        (&mut scene.laptop, bob, "message_ack"),
        (&mut scene.phone, bob, "new_message"),
        (&mut scene.desk, alice, "new_message"),
        (&mut scene.tablet, alice, "new_message"),
    ] {
        let first =
            device.expect_that("new_thread", |frame| frame["type"] == "new_thread" || frame["type"] == message).await;
        assert_eq!(first["type"], "new_thread", "{message} came first");
        assert_eq!(first["other_user_id"], other);
        assert_eq!(device.expect(message).await["thread_id"], first["thread_id"]);
    }
    // The second message announces nothing.
    scene.laptop.sends_to(&scene.bob, "again").await;
    scene.desk.receives("again").await;
    scene.desk.heard_nothing_of(&["new_thread"]).await;
}

#[tokio::test]
async fn an_answer_goes_to_the_same_thread_whichever_way_it_is_addressed() {
    let (mut scene, first) = Scene::begun().await;
    let thread = number(&first, "thread_id");
    let by_thread = scene.desk.sends_in(thread, "Yes").await;
    let by_person = scene.desk.sends_to(&scene.alice, "It is").await;
    let both = json!({"temp_id": "both", "thread_id": thread.to_string(), "receiver_id": "42", "content": "Really"});
    let by_both = scene.desk.sends(both).await;
    for (ack, seq) in [(&by_thread, 2), (&by_person, 3), (&by_both, 4)] {
        assert_eq!((number(ack, "thread_id"), number(ack, "seq")), (thread, seq));
    }
    for content in ["Yes", "It is", "Really"] {
        scene.laptop.receives(content).await;
    }
    let elsewhere =
        json!({"type": "message_send", "temp_id": "x", "thread_id": thread, "receiver_id": 9, "content": "no"});
    let error = scene.desk.is_refused(elsewhere, "bad_request").await;
    assert_eq!(error["temp_id"], "x");
}

#[tokio::test]
async fn a_message_may_answer_another_and_name_a_product() {
    let (mut scene, first) = Scene::begun().await;
    let send = json!({"temp_id": "r", "receiver_id": 42, "content": "Yes", "reply_to": first["message_id"], "extra_data": {"product_id": 5}});
    scene.desk.sends(send).await;
    let message = scene.phone.receives("Yes").await;
    assert_eq!(message["reply_to"], first["message_id"]);
    assert_eq!(message["extra_data"], json!({"product_id": 5}));
}

#[tokio::test]
async fn an_old_client_without_a_key_gets_its_own_message_back() {
    let (mut scene, first) = Scene::begun().await;
    scene.laptop.says(json!({"type": "message", "receiver_id": 7, "content": "old"})).await;
    let own = scene.laptop.receives("old").await;
    assert_eq!(number(&own, "seq"), 2);
    assert_eq!(own["thread_id"], first["thread_id"]);
    for device in [&mut scene.phone, &mut scene.desk, &mut scene.tablet] {
        device.receives("old").await;
    }
    scene.laptop.heard_nothing_of(&["message_ack", "new_message"]).await;
}

#[tokio::test]
async fn an_edit_and_a_deletion_are_told_to_both_sides() {
    let (mut scene, first) = Scene::begun().await;
    let id = &first["message_id"];
    scene.phone.says(json!({"type": "message_edit", "message_id": id, "content": "Is it still available?"})).await;
    for device in scene.devices() {
        let updated = device.expect("message_updated").await;
        assert_eq!((&updated["id"], &updated["thread_id"]), (id, &first["thread_id"]));
        assert_eq!((text(&updated, "content"), number(&updated, "rev")), ("Is it still available?", 2));
        assert!(updated["edited_at"].is_string(), "{updated}");
        // Enough for a client that has not loaded the message.
        assert_eq!((number(&updated, "seq"), number(&updated, "sender_id")), (1, 42));
    }
    scene.laptop.says(json!({"type": "message_delete", "message_id": id})).await;
    for device in scene.devices() {
        let deleted = device.expect("message_deleted").await;
        assert_eq!((&deleted["id"], number(&deleted, "rev")), (id, 3));
        assert_eq!((number(&deleted, "seq"), number(&deleted, "sender_id")), (1, 42));
    }
    let history = scene.bob.history_with(&scene.alice).await;
    assert_eq!(history.len(), 1);
    let message = &history[0];
    assert_eq!((&message["content"], &message["deleted"]), (&Value::Null, &Value::Bool(true)));
    assert_eq!((number(message, "seq"), number(message, "rev"), number(message, "sender_id")), (1, 3, 42));
    let error =
        scene.desk.is_refused(json!({"type": "message_edit", "message_id": id, "content": "x"}), "not_author").await;
    assert_eq!(&error["message_id"], id);
}

#[tokio::test]
async fn receipts_reach_the_author_and_the_readers_other_devices() {
    let (mut scene, first) = Scene::begun().await;
    let thread = &first["thread_id"];
    scene.desk.says(json!({"type": "message_delivered", "thread_id": thread, "up_to": 1})).await;
    for device in [&mut scene.laptop, &mut scene.phone] {
        let delivered = device.expect("messages_delivered").await;
        assert_eq!(
            (&delivered["thread_id"], &delivered["delivered_to"], &delivered["up_to"]),
            (thread, &json!(7), &json!(1))
        );
    }
    scene.desk.says(json!({"type": "message_seen", "thread_id": thread})).await;
    for device in [&mut scene.laptop, &mut scene.phone, &mut scene.tablet] {
        let seen = device.expect("messages_seen").await;
        assert_eq!((&seen["thread_id"], &seen["seen_by"], &seen["up_to"]), (thread, &json!(7), &json!(1)));
    }
    // A watermark that does not move sends no frame, and it cannot pass the thread's head.
    scene.desk.says(json!({"type": "message_seen", "thread_id": thread, "up_to": 99})).await;
    scene.desk.settles().await;
    scene.laptop.sends_to(&scene.bob, "next").await;
    scene.desk.receives("next").await;
    scene.laptop.heard_nothing_of(&["messages_seen"]).await;
    assert_eq!(number(&scene.bob.thread_with(&scene.alice).await, "read_seq"), 1);
}

#[tokio::test]
async fn typing_is_forwarded_and_ends_with_the_message() {
    let (mut scene, first) = Scene::begun().await;
    let thread = &first["thread_id"];
    scene.laptop.says(json!({"type": "typing", "to": 7})).await;
    for device in [&mut scene.desk, &mut scene.tablet] {
        let typing = device.expect("typing").await;
        assert_eq!((&typing["from"], &typing["thread_id"]), (&json!(42), thread));
    }
    scene.laptop.sends_to(&scene.bob, "done").await;
    scene.desk.expect("stop_typing").await;
    scene.tablet.expect("stop_typing").await;
    scene.laptop.says(json!({"type": "typing", "thread_id": thread})).await;
    scene.laptop.says(json!({"type": "stop_typing", "thread_id": thread})).await;
    scene.desk.expect("typing").await;
    scene.desk.expect("stop_typing").await;
    scene.phone.heard_nothing_of(&["typing", "stop_typing"]).await;
}

#[tokio::test]
async fn typing_ends_by_itself_after_six_seconds_and_when_the_writer_leaves() {
    let (mut scene, first) = Scene::begun().await;
    let began = std::time::Instant::now();
    scene.laptop.says(json!({"type": "typing", "thread_id": first["thread_id"]})).await;
    scene.desk.expect("typing").await;
    scene.desk.expect("stop_typing").await;
    let took = began.elapsed().as_secs_f64();
    assert!((5.5..8.0).contains(&took), "stop_typing after {took} s");
    scene.laptop.says(json!({"type": "typing", "thread_id": first["thread_id"]})).await;
    scene.desk.expect("typing").await;
    let began = std::time::Instant::now();
    scene.laptop.leaves().await;
    scene.desk.expect("stop_typing").await;
    assert!(began.elapsed().as_secs_f64() < 4.0, "the writer had left");
}

#[tokio::test]
async fn presence_is_for_those_who_share_a_thread() {
    let (mut scene, _) = Scene::begun().await;
    let stranger = scene.hub.person(1_000);
    let mut spy = stranger.connect().await;
    scene.desk.leaves().await;
    // One device is left: no frame is sent, and nothing changes.
    scene.laptop.says(json!({"type": "who_is_online"})).await;
    assert_eq!(scene.laptop.expect("online_users").await["users"], json!([7]));
    scene.tablet.leaves().await;
    let offline = scene.laptop.expect_late("user_offline").await;
    assert_eq!(offline["user_id"], 7);
    assert!(offline["last_seen"].is_string(), "{offline}");
    scene.laptop.says(json!({"type": "who_is_online", "user_ids": [7, 1_000, 42]})).await;
    assert_eq!(scene.laptop.expect("online_users").await["users"], json!([]));
    let _back = scene.bob.connect().await;
    assert_eq!(scene.laptop.expect("user_online").await["user_id"], 7);
    assert_eq!(scene.phone.expect("user_online").await["user_id"], 7);
    spy.says(json!({"type": "who_is_online", "user_ids": [7, 42]})).await;
    assert_eq!(spy.expect("online_users").await["users"], json!([]));
    spy.heard_nothing_of(&["user_online", "user_offline"]).await;
}

#[tokio::test]
async fn every_frame_of_the_protocol_is_heard_in_one_conversation() {
    let (mut scene, first) = Scene::begun().await;
    let thread = &first["thread_id"];
    let mut heard = BTreeSet::new();
    scene.tablet.says(json!({"type": "subscribe", "channels": ["notifications", "presence"]})).await;
    let cursor = scene.tablet.cursor.clone();
    for frame in [
        json!({"type": "typing", "thread_id": thread}),
        json!({"type": "message_edit", "message_id": first["message_id"], "content": "edited"}),
        json!({"type": "message_send", "temp_id": "k", "thread_id": thread, "content": "more"}),
        json!({"type": "message_delete", "message_id": first["message_id"]}),
    ] {
        scene.laptop.says(frame).await;
    }
    scene.tablet.expect("message_deleted").await;
    for frame in [
        json!({"type": "message_delivered", "thread_id": thread, "up_to": 2}),
        json!({"type": "message_seen", "thread_id": thread}),
        json!({"type": "who_is_online"}),
        json!({"type": "nav_counts"}),
        json!({"type": "ping", "t": 5}),
        json!({"type": "sync", "cursor": cursor}),
        json!({"type": "nothing of this name"}),
    ] {
        scene.tablet.says(frame).await;
    }
    assert_eq!(scene.tablet.expect("pong").await["t"], 5);
    scene.tablet.expect("synced").await;
    assert_eq!(scene.tablet.expect("error").await["code"], "unknown_type");
    let notice = json!({"user_id": 7, "type": "order", "title": "Shipped", "body": ""});
    scene.hub.core().post("/internal/notifications", &notice).await.is(202);
    let id =
        scene.tablet.expect_where("notification", |frame| frame["payload"]["type"] == "order").await["payload"]["id"]
            .clone();
    scene.tablet.says(json!({"type": "notification_read", "id": id})).await;
    scene.tablet.expect_where("notification_read", |frame| frame["id"] == id).await;
    scene.bob.delete(&format!("/notifications/{id}")).await.is(204);
    scene.tablet.expect("notification_deleted").await;
    scene.laptop.expect("messages_seen").await;
    let core = scene.hub.core();
    core.put("/internal/profiles", &json!({"profiles": [{"user_id": 42, "name": "Alice"}]})).await.is(200);
    scene.tablet.expect("profile_updated").await;
    let card = |version| json!({"cards": [{"kind": "product", "id": "5", "version": version, "title": "Phone", "url": "https://shop.example/5"}]});
    core.put("/internal/cards", &card(1)).await.is(200);
    let shows =
        json!({"type": "message_send", "temp_id": "c", "thread_id": thread, "card": {"kind": "product", "id": "5"}});
    scene.laptop.says(shows).await;
    scene.tablet.expect_where("new_message", |frame| frame["card"]["id"] == "5").await;
    core.put("/internal/cards", &card(2)).await.is(200);
    scene.tablet.expect("card_updated").await;
    for device in scene.devices() {
        device.settles().await;
        heard.append(&mut device.heard);
    }
    scene.desk.leaves().await;
    scene.tablet.leaves().await;
    scene.laptop.expect_late("user_offline").await;
    let _back = scene.bob.connect().await;
    scene.laptop.expect("user_online").await;
    heard.append(&mut scene.laptop.heard);
    let unheard: Vec<&str> = all_types().filter(|kind| !heard.contains(*kind)).collect();
    assert_eq!(unheard, Vec::<&str>::new(), "never heard");
}
