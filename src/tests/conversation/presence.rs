//! `last_seen`: when a user's last connection ended, even if the hub was restarted or killed meanwhile.

use std::time::Duration;

use chat_database::time::Timestamp;
use serde_json::Value;

use crate::support::person::array;
use crate::support::scene::Scene;
use crate::support::{Hub, Person, until};

/// Returns when a user was last seen, as REST says it to a counterpart; both places must agree.
async fn last_seen(asker: &Person, of: &Person) -> Option<Timestamp> {
    let mut seen = told(asker, of).await;
    loop {
        let in_the_inbox = time(&asker.thread_with(of).await["other_last_seen"]);
        // The hub may write a newer one between two questions.
        let again = told(asker, of).await;
        if again == seen {
            assert_eq!(in_the_inbox, seen);
            return seen;
        }
        seen = again;
    }
}

async fn told(asker: &Person, of: &Person) -> Option<Timestamp> {
    let presence = asker.get(&format!("/chat/presence?user_ids={}", of.id)).await.is(200);
    time(&array(&presence, "users")[0]["last_seen"])
}

fn time(value: &Value) -> Option<Timestamp> {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// It was the time at which the hub had waited for long enough.
#[tokio::test]
async fn a_user_was_last_seen_when_their_last_connection_went() {
    let (scene, _) = Scene::begun_on(Hub::set(&[("CHAT_OFFLINE_AFTER", "2s")]).await).await;
    let Scene { hub: _hub, alice, bob, mut laptop, phone: _phone, desk, tablet } = scene;
    desk.leaves().await;
    let before = Timestamp::now();
    tablet.leaves().await;
    let after = Timestamp::now();
    let offline = laptop.expect_late("user_offline").await;
    let seen = time(&offline["last_seen"]).expect("a time");
    assert!(before <= seen && seen <= after, "{seen:?} is not between {before:?} and {after:?}");
    assert_eq!(last_seen(&alice, &bob).await, Some(seen), "both readers get the same time");
}

/// A phone loses its network: the hub finds out after two pings, and it was there until the last sign of life.
#[tokio::test]
async fn a_user_whose_line_is_dead_was_last_seen_at_the_last_sign_of_life() {
    let hub = Hub::set(&[("CHAT_HEARTBEAT", "1s"), ("CHAT_OFFLINE_AFTER", "100ms")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "Still there?").await;
    let before = Timestamp::now();
    let mut phone = bob.connect().await;
    phone.settles().await;
    let after = Timestamp::now();
    // From now on nothing is read, and no ping is answered.
    let offline = laptop.expect_late("user_offline").await;
    let seen = time(&offline["last_seen"]).expect("a time");
    assert!(before <= seen && seen <= after, "{seen:?} is not between {before:?} and {after:?}");
    assert_eq!(last_seen(&alice, &bob).await, Some(seen));
    drop(phone);
}

/// After it, users who had been online had no `last_seen`, or an older one.
#[tokio::test]
async fn a_user_online_when_the_hub_ends_was_last_seen_then() {
    let (mut scene, _) = Scene::begun().await;
    let before = Timestamp::now();
    scene.hub.asks_to_end().await;
    for device in scene.devices() {
        device.is_closed_with(4001).await;
    }
    scene.hub.ends(Duration::from_secs(22)).await;
    let after = Timestamp::now();
    scene.hub.restart().await;
    for (asker, of) in [(&scene.alice, &scene.bob), (&scene.bob, &scene.alice)] {
        let seen = last_seen(asker, of).await.expect("a time");
        assert!(before <= seen && seen <= after, "{seen:?} is not between {before:?} and {after:?}");
    }
}

#[tokio::test]
async fn a_hub_that_is_killed_knows_who_was_online_a_few_heartbeats_before() {
    let mut hub = Hub::set(&[("CHAT_HEARTBEAT", "500ms")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let before = Timestamp::now();
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "Still there?").await;
    // It goes on answering pings.
    let laptop = tokio::spawn(async move { laptop.ends().await });
    let noted = until("a note of Alice", || async { last_seen(&bob, &alice).await }).await;
    assert!(before <= noted && noted <= Timestamp::now(), "{noted:?}");
    let later = until("another one", || async { last_seen(&bob, &alice).await.filter(|seen| *seen > noted) }).await;
    hub.kill().await;
    laptop.await.expect("it is cut");
    hub.restart().await;
    let seen = last_seen(&bob, &alice).await.expect("a time");
    assert!(later <= seen && seen <= Timestamp::now(), "{seen:?}, and {later:?} was known");
}
