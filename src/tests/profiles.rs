//! Profiles: what the marketplace's core says of users, and who hears of it (PROTOCOL 6.3).

use serde_json::{Value, json};

use crate::support::person::{answer, array, text};
use crate::support::scene::Scene;
use crate::support::{Device, Hub};

/// Alice's profile with everything that a profile may hold.
fn alices() -> Value {
    json!({
        "user_id": 42, "name": "Alice Amani", "avatar_url": "https://shop.example/42.webp", "locale": "fr-CD",
        "timezone": "Africa/Kinshasa", "verified": true, "role": "seller", "email": "alice@shop.example",
        "contactable": ["whatsapp", "email"],
    })
}

/// Has the core put profiles; returns how many changed.
async fn puts(hub: &Hub, profiles: Value) -> Value {
    hub.core().put("/internal/profiles", &json!({"profiles": profiles})).await.is(200)["changed"].clone()
}

/// Waits for the next word of a user's profile.
async fn hears_of(device: &mut Device, user: u64) -> Value {
    device.expect_where("profile_updated", |frame| frame["user_id"] == user).await
}

#[tokio::test]
async fn people_who_share_a_thread_hear_of_a_new_profile_and_find_it_in_their_inbox() {
    let (mut scene, _) = Scene::begun().await;
    let mut strangers = scene.hub.person(8).connect().await;
    assert_eq!(scene.bob.thread_with(&scene.alice).await["other"], Value::Null);
    assert_eq!(puts(&scene.hub, json!([alices()])).await, 1);
    let seen = json!({"name": "Alice Amani", "avatar_url": "https://shop.example/42.webp", "verified": true, "role": "seller"});
    for device in [&mut scene.desk, &mut scene.tablet] {
        let mut told = hears_of(device, 42).await;
        for field in ["type", "user_id"] {
            told.as_object_mut().expect("an object").remove(field);
        }
        assert_eq!(told, seen);
    }
    let thread = scene.bob.thread_with(&scene.alice).await;
    assert_eq!(thread["other"], seen);
    let alone = scene.bob.get(&format!("/chat/threads/{}", thread["id"])).await.is(200);
    assert_eq!(alone["other"], seen);
    // One word later everything that was to be told has been.
    puts(&scene.hub, json!([{"user_id": 42, "name": "Alice"}])).await;
    hears_of(&mut scene.desk, 42).await;
    strangers.heard_nothing_of(&["profile_updated"]).await;
    let bare = scene.bob.thread_with(&scene.alice).await;
    assert_eq!(bare["other"], json!({"name": "Alice", "avatar_url": null, "verified": false, "role": null}));
}

#[tokio::test]
async fn a_profile_that_says_the_same_or_changes_what_is_not_seen_is_no_news() {
    let (mut scene, _) = Scene::begun().await;
    assert_eq!(puts(&scene.hub, json!([alices()])).await, 1);
    hears_of(&mut scene.desk, 42).await;
    assert_eq!(puts(&scene.hub, json!([alices()])).await, 0);
    let mut moved = alices();
    (moved["email"], moved["locale"]) = (json!("other@shop.example"), json!("sw"));
    assert_eq!(puts(&scene.hub, json!([moved, {"user_id": 9, "name": "Ninth"}])).await, 2);
    moved["name"] = json!("Alice the Second");
    assert_eq!(puts(&scene.hub, json!([moved])).await, 1);
    assert_eq!(text(&hears_of(&mut scene.desk, 42).await, "name"), "Alice the Second");
}

#[tokio::test]
async fn profiles_are_read_by_those_who_share_a_thread_and_never_say_how_one_is_reached() {
    let (scene, _) = Scene::begun().await;
    let bobs = json!({"user_id": 7, "name": "Bob"});
    puts(&scene.hub, json!([alices(), bobs, {"user_id": 9, "name": "Ninth"}])).await;
    let shown = json!({
        "user_id": 42, "name": "Alice Amani", "avatar_url": "https://shop.example/42.webp", "locale": "fr-CD",
        "timezone": "Africa/Kinshasa", "verified": true, "role": "seller",
    });
    let read = scene.bob.get("/chat/profiles?ids=42,7,9,1000").await.is(200);
    let profiles = array(&read, "profiles");
    assert_eq!(profiles.len(), 2, "{read}");
    assert_eq!((&profiles[0]["name"], &profiles[1]), (&json!("Bob"), &shown));
    let stranger = scene.hub.person(666).get("/chat/profiles?ids=42,7,666").await.is(200);
    assert_eq!(stranger, json!({"profiles": [], "has_more": false}));
    scene.bob.get("/chat/profiles").await.refused(400, "bad_request");
    scene.bob.get("/chat/profiles?ids=x").await.refused(400, "bad_request");
    answer(scene.bob.request(reqwest::Method::GET, "/chat/profiles?ids=42")).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn only_the_core_puts_profiles() {
    let hub = Hub::start().await;
    let body = json!({"profiles": [alices()]});
    for who in [hub.person(42), hub.staff()] {
        who.put("/internal/profiles", &body).await.refused(403, "forbidden");
    }
    answer(hub.person(42).request(reqwest::Method::PUT, "/internal/profiles").json(&body))
        .await
        .refused(401, "unauthorized");
    let mine = hub.person(42).get("/chat/profiles?ids=42").await.is(200);
    assert_eq!(mine, json!({"profiles": [], "has_more": false}));
}

#[tokio::test]
async fn a_thousand_profiles_with_a_bad_one_are_refused_whole() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    let mut profiles: Vec<Value> = (1..=1_000)
        .map(|id| json!({"user_id": id, "name": format!("User number {id}"), "avatar_url": format!("https://shop.example/{id}.webp"), "email": format!("user.{id}@shop.example")}))
        .collect();
    profiles[876]["timezone"] = json!("Africa/Goma");
    let refused = hub.core().put("/internal/profiles", &json!({"profiles": profiles})).await;
    refused.refused(400, "bad_request");
    let message = text(&refused.body["error"], "message");
    assert_eq!(message, r#"profiles[876] "877": timezone "Africa/Goma" is no time zone of the IANA database"#);
    let none = json!({"profiles": [], "has_more": false});
    assert_eq!(alice.get("/chat/profiles?ids=42").await.is(200), none, "nothing is half done");

    profiles[876]["timezone"] = json!("Africa/Lubumbashi");
    assert_eq!(puts(&hub, json!(profiles)).await, 1_000);
    assert_eq!(puts(&hub, json!(profiles)).await, 0);
    assert_eq!(alice.get("/chat/profiles?ids=42").await.is(200)["profiles"][0]["name"], "User number 42");
    profiles.push(json!({"user_id": 1_001, "name": "one too many"}));
    hub.core().put("/internal/profiles", &json!({"profiles": profiles})).await.refused(400, "bad_request");
    assert_eq!(puts(&hub, json!([])).await, 0);
}

#[tokio::test]
async fn a_url_is_https_outside_development() {
    let hub = Hub::start().await;
    let with = |url: &str| json!({"profiles": [{"user_id": 7, "name": "Bob", "avatar_url": url}]});
    for bad in ["http://shop.example/7.webp", "javascript:alert(1)", "/7.webp", "https://"] {
        let refused = hub.core().put("/internal/profiles", &with(bad)).await;
        refused.refused(400, "bad_request");
        let message = text(&refused.body["error"], "message");
        assert!(message.starts_with("profiles[0] \"7\": avatar_url "), "{message}");
    }
    hub.core().put("/internal/profiles", &with("https://shop.example/7.webp")).await.is(200);
}
