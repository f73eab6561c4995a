//! Messages of the marketplace itself (PROTOCOL 6.3).

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::person::{answer, array, number, text};
use crate::support::scene::{Scene, away};
use crate::support::{Answer, Hub};

/// Has the core write to Alice and Bob.
async fn writes(hub: &Hub, key: &str, said: Value) -> Answer {
    let body = json!({"user_a": 42, "user_b": 7, "text": said, "dedupe_key": key});
    hub.core().post("/internal/messages", &body).await
}

/// The same with texts in JSON whose order counts: `json!` sorts the keys.
async fn writes_in_order(hub: &Hub, key: &str, texts: &str) -> Answer {
    let body = format!(r#"{{"user_a": 42, "user_b": 7, "text": {texts}, "dedupe_key": "{key}"}}"#);
    answer(hub.core().ask(Method::POST, "/internal/messages").header(CONTENT_TYPE, "application/json").body(body)).await
}

#[tokio::test]
async fn the_marketplace_writes_to_both_and_makes_their_thread() {
    let mut scene = Scene::open().await;
    let stored = writes(&scene.hub, "order-17-paid", json!("Order 17 is paid")).await.is(201);
    let message = &stored["message"];
    assert_eq!(
        (&message["kind"], &message["sender_id"], &message["temp_id"]),
        (&json!("system"), &Value::Null, &Value::Null)
    );
    for device in scene.devices() {
        let other = if device.user == 42 { 7 } else { 42 };
        assert_eq!(device.expect("new_thread").await["other_user_id"], other);
        let told = device.receives("Order 17 is paid").await;
        assert_eq!((&told["kind"], &told["sender_id"], &told["seq"]), (&json!("system"), &Value::Null, &json!(1)));
        device.expect_where("nav_counts", |frame| frame["payload"] == json!({"notifications": 1, "messages": 1})).await;
    }
    for (one, other) in [(&scene.alice, &scene.bob), (&scene.bob, &scene.alice)] {
        let thread = one.thread_with(other).await;
        assert_eq!((&thread["unread"], &thread["last_message"]["kind"]), (&json!(1), &json!("system")));
        let bell = one.get("/notifications").await.is(200);
        assert_eq!(array(&bell, "notifications")[0]["body"], "Order 17 is paid");
    }
    // Users go on in the same thread.
    let ack = scene.laptop.sends_to(&scene.bob, "thanks").await;
    assert_eq!((&ack["thread_id"], number(&ack, "seq")), (&message["thread_id"], 2));
    assert_eq!(scene.desk.receives("thanks").await["kind"], "text");
}

#[tokio::test]
async fn each_member_is_told_their_language_everywhere() {
    let scene = Scene::open().await;
    let profiles = json!({"profiles": [{"user_id": 42, "name": "Alice", "locale": "fr-CD"}, {"user_id": 7, "name": "Bob", "locale": "ar"}]});
    scene.hub.core().put("/internal/profiles", &profiles).await.is(200);
    let (_, alices) = away(&scene.hub.person(8), &scene.alice).await;
    let (_, bobs) = away(&scene.hub.person(8), &scene.bob).await;
    let mut scene = scene;
    let texts = json!({"sw": "Imelipwa", "fr": "Payé", "en": "Paid"});
    let stored = writes(&scene.hub, "k", texts).await.is(201);
    assert_eq!(stored["message"]["content"], "Paid");
    for (person, device, told, cursor, other) in [
        (&scene.alice, &mut scene.phone, "Payé", &alices, &scene.bob),
        (&scene.bob, &mut scene.desk, "Paid", &bobs, &scene.alice),
    ] {
        device.expect_where("new_message", |frame| frame["content"] == told && frame["kind"] == "system").await;
        assert_eq!(text(&person.history_with(other).await[0], "content"), told, "history");
        assert_eq!(text(&person.thread_with(other).await["last_message"], "content"), told, "inbox");
        let bell = person.get("/notifications?limit=1").await.is(200);
        assert_eq!(array(&bell, "notifications")[0]["body"], told, "notification");
        let mut back = person.resumes(cursor).await;
        let missed = back.catches_up().await;
        assert!(missed.iter().any(|frame| frame["kind"] == "system" && frame["content"] == told), "replay: {missed:?}");
        let synced = person.get(&format!("/chat/sync?cursor={cursor}")).await.is(200);
        assert!(array(&synced, "events").iter().any(|event| event["content"] == told), "sync: {synced}");
    }
    // Neither English nor a language of theirs: the first.
    let first = writes_in_order(&scene.hub, "k2", r#"{"sw": "Imetumwa", "pt": "Enviado"}"#).await.is(201);
    assert_eq!(first["message"]["content"], "Imetumwa");
}

#[tokio::test]
async fn the_same_key_is_the_same_message_and_another_text_a_conflict() {
    let mut scene = Scene::open().await;
    let first = writes(&scene.hub, "k", json!({"en": "Paid", "fr": "Payé"})).await.is(201);
    scene.desk.receives("Paid").await;
    assert_eq!(writes(&scene.hub, "k", json!({"en": "Paid", "fr": "Payé"})).await.is(200), first);
    for other in [r#""Shipped""#, r#"{"en": "Paid"}"#, r#"{"fr": "Payé", "en": "Paid"}"#] {
        writes_in_order(&scene.hub, "k", other).await.refused(409, "conflict");
    }
    scene.desk.heard_nothing_of(&["new_message"]).await;
    // The key is this thread's, and no user's.
    let body = json!({"user_a": 42, "user_b": 8, "text": "Shipped", "dedupe_key": "k"});
    scene.hub.core().post("/internal/messages", &body).await.is(201);
    scene.laptop.sends(json!({"temp_id": "k", "receiver_id": 7, "content": "mine"})).await;
}

#[tokio::test]
async fn users_neither_edit_nor_delete_what_the_marketplace_wrote() {
    let mut scene = Scene::open().await;
    let stored = writes(&scene.hub, "k", json!("Paid")).await.is(201);
    let id = number(&stored["message"], "id");
    for who in [&scene.alice, &scene.bob] {
        who.patch(&format!("/chat/messages/{id}"), &json!({"content": "x"})).await.refused(403, "not_author");
        who.delete(&format!("/chat/messages/{id}")).await.refused(403, "not_author");
    }
    scene.hub.person(666).delete(&format!("/chat/messages/{id}")).await.refused(404, "not_found");
    scene.laptop.is_refused(json!({"type": "message_edit", "message_id": id, "content": "x"}), "not_author").await;
    scene.laptop.is_refused(json!({"type": "message_delete", "message_id": id}), "not_author").await;
    // It can be answered.
    scene.laptop.sends(json!({"temp_id": "r", "receiver_id": 7, "content": "thanks", "reply_to": id})).await;
    assert_eq!(scene.alice.history_with(&scene.bob).await[0]["content"], "Paid");
}

#[tokio::test]
async fn a_system_message_shows_a_card() {
    let mut scene = Scene::open().await;
    let order =
        json!({"kind": "order", "id": "17", "version": 1, "title": "Order 17", "url": "https://shop.example/o/17"});
    let body =
        json!({"user_a": 42, "user_b": 7, "text": "Paid", "card": {"kind": "order", "id": "17"}, "dedupe_key": "k"});
    scene.hub.core().post("/internal/messages", &body).await.refused(404, "not_found");
    scene.hub.core().put("/internal/cards", &json!({"cards": [order]})).await.is(200);
    scene.hub.core().post("/internal/messages", &body).await.is(201);
    assert_eq!(scene.desk.receives("Paid").await["card"]["title"], "Order 17");
    let mut other = body.clone();
    other.as_object_mut().expect("an object").remove("card");
    scene.hub.core().post("/internal/messages", &other).await.refused(409, "conflict");
    scene.hub.core().post("/internal/messages", &body).await.is(200);
}

#[tokio::test]
async fn only_the_core_writes_for_the_marketplace_and_what_it_writes_is_checked() {
    let hub = Hub::start().await;
    let body = |field: &str, value: Value| {
        let mut body = json!({"user_a": 42, "user_b": 7, "text": "Paid", "dedupe_key": "k"});
        body[field] = value;
        body
    };
    for who in [hub.person(42), hub.staff()] {
        who.post("/internal/messages", &body("later", json!(1))).await.refused(403, "forbidden");
    }
    answer(hub.person(42).request(Method::POST, "/internal/messages")).await.refused(401, "unauthorized");
    for (field, value, code) in [
        ("user_a", json!(7), "self_message"),
        ("user_a", json!(0), "bad_request"),
        ("text", json!(" "), "empty_message"),
        ("text", json!({}), "empty_message"),
        ("text", json!({"en": "Paid", "fr": "\u{200b}"}), "empty_message"),
        ("text", json!("x".repeat(4_001)), "text_too_long"),
        ("text", json!({"english": "Paid"}), "bad_request"),
        ("text", json!("a\0"), "bad_request"),
        ("text", Value::Null, "bad_request"),
        ("card", json!({"kind": "user", "id": "1"}), "bad_request"),
        ("dedupe_key", json!(""), "bad_request"),
        ("dedupe_key", json!("x".repeat(129)), "bad_request"),
        ("dedupe_key", Value::Null, "bad_request"),
    ] {
        hub.core().post("/internal/messages", &body(field, value)).await.refused(400, code);
    }
    assert!(array(&hub.person(42).get("/chat/threads").await.is(200), "threads").is_empty());
}

#[tokio::test]
async fn a_system_message_that_races_a_users_first_one_is_in_the_same_thread() {
    let hub = Hub::start().await;
    let race = (0..30_u64).map(|number| {
        let (one, other) = (hub.person(1_000 + 2 * number), hub.person(1_001 + 2 * number));
        let core = hub.core();
        async move {
            let body = json!({"user_a": one.id, "user_b": other.id, "text": "Paid", "dedupe_key": "k"});
            let sent = json!({"receiver_id": other.id, "temp_id": "k", "content": "hello"});
            let (system, user) = tokio::join!(core.post("/internal/messages", &body), one.post("/chat/send", &sent));
            let (system, user) = (system.is(201), user.is(201));
            assert_eq!(system["message"]["thread_id"], user["message"]["thread_id"]);
            let places: Vec<u64> = other.history_with(&one).await.iter().map(number_of).collect();
            assert_eq!(places, [1, 2]);
            assert_eq!(array(&other.get("/chat/threads").await.is(200), "threads").len(), 1);
        }
    });
    join_all(race).await;
}

fn number_of(message: &Value) -> u64 {
    number(message, "seq")
}
