//! Unread totals and notifications: PROTOCOL 4.

use crate::support::Hub;
use crate::support::person::{array, text};
use crate::support::scene::Scene;
use serde_json::{Value, json};

#[tokio::test]
async fn counts_follow_the_greeting() {
    let hub = Hub::start().await;
    let mut laptop = hub.person(42).connect().await;
    let counts = laptop.next_frame("nav_counts").await;
    assert_eq!(counts["type"], "nav_counts");
    assert_eq!(counts["payload"], json!({"notifications": 0, "messages": 0}));
}

#[tokio::test]
async fn counts_change_at_most_four_times_a_second_and_end_right() {
    let (mut scene, first) = Scene::begun().await;
    let began = std::time::Instant::now();
    for number in 0..40 {
        scene.laptop.sends_to(&scene.bob, &format!("message {number}")).await;
    }
    let done = |frame: &Value| frame["payload"]["messages"] == 41;
    let mut heard = 0;
    loop {
        let counts = scene.desk.expect("nav_counts").await;
        heard += 1;
        if done(&counts) {
            assert_eq!(counts["payload"]["notifications"], 1, "an unread thread is one notification");
            break;
        }
    }
    let allowed = began.elapsed().as_secs_f64() * 4.0 + 2.0;
    assert!(f64::from(heard) <= allowed, "{heard} counts where {allowed} are allowed");
    scene.desk.says(json!({"type": "message_seen", "thread_id": first["thread_id"]})).await;
    let zero = |frame: &Value| frame["payload"] == json!({"notifications": 0, "messages": 0});
    scene.desk.expect_where("nav_counts", zero).await;
    scene.tablet.expect_where("nav_counts", zero).await;
}

#[tokio::test]
async fn an_unread_thread_is_one_notification() {
    let (mut scene, first) = Scene::begun().await;
    let mut bell = scene.bob.listens().await;
    scene.tablet.says(json!({"type": "subscribe", "channels": ["notifications"]})).await;
    assert_eq!(scene.tablet.expect("subscribed").await["channels"], json!(["notifications"]));
    scene.laptop.sends_to(&scene.bob, "Hello?").await;
    for device in [&mut bell, &mut scene.tablet] {
        let notification = device.expect_where("notification", |frame| frame["payload"]["count"] == 2).await;
        let payload = &notification["payload"];
        assert_eq!((text(payload, "type"), &payload["related_id"]), ("chat", &first["thread_id"]));
        assert_eq!((text(payload, "body"), &payload["is_read"]), ("Hello?", &Value::Bool(false)));
        assert_eq!(payload["user_id"], 7);
    }
    scene.desk.heard_nothing_of(&["notification"]).await;
    scene.desk.says(json!({"type": "message_seen", "thread_id": first["thread_id"]})).await;
    for device in [&mut bell, &mut scene.tablet] {
        assert!(device.expect("notification_read").await["id"].is_u64());
    }
    let unread = scene.bob.get("/notifications?unread=true").await.is(200);
    assert_eq!(array(&unread, "notifications").len(), 0, "{unread}");
}

#[tokio::test]
async fn the_marketplace_notifies_and_a_repeat_is_dropped() {
    let (scene, _) = Scene::begun().await;
    let mut bell = scene.bob.listens().await;
    assert_eq!(bell.expect("nav_counts").await["payload"], json!({"notifications": 1, "messages": 1}));
    let order = json!({"user_ids": [7, 42], "type": "order", "title": "Shipped", "body": "On its way", "related_id": 12, "dedupe_key": "o-12"});
    assert_eq!(scene.hub.core().post("/internal/notifications", &order).await.is(202), json!({"created": 2}));
    // That of the first message may have been under way while the bell connected.
    let told = bell.expect_where("notification", |frame| frame["payload"]["type"] == "order").await;
    let payload = &told["payload"];
    assert_eq!((text(payload, "title"), text(payload, "body")), ("Shipped", "On its way"));
    assert_eq!((&payload["related_id"], &payload["is_read"]), (&json!(12), &Value::Bool(false)));
    assert_eq!(scene.hub.core().post("/internal/notifications", &order).await.is(202), json!({"created": 0}));
    bell.says(json!({"type": "notification_read", "id": payload["id"]})).await;
    assert_eq!(bell.expect("notification_read").await["id"], payload["id"]);
    bell.says(json!({"type": "notifications_read_all"})).await;
    assert_eq!(bell.expect("notification_read").await["all"], true);
    scene.bob.delete(&format!("/notifications/{}", payload["id"])).await.is(204);
    assert_eq!(bell.expect("notification_deleted").await["id"], payload["id"]);
    bell.heard_nothing_of(&["notification"]).await;
}
