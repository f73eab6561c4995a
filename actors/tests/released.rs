//! What a new connection hears again: only what is still being delivered.

use std::time::{Duration, Instant};

use crate::support::{Device, World, user};
use chat_actors::Hub;
use chat_actors::protocol::Socket;
use chat_testkit::waiting::until;
use serde_json::Value;

/// The least time between two notifications of a user.
const PACE: Duration = Duration::from_millis(250);

/// Returns whether everything that was stored is released, as a new connection is told.
async fn all_is_released(hub: &Hub, who: u64) -> bool {
    let mut device = Device::open(hub, who, None, Socket::Chat);
    let auth_ok = device.hears("auth_ok").await;
    let mut cursor = auth_ok["cursor"].as_str().expect("a cursor").split('.').skip(2);
    cursor.next() == cursor.next()
}

/// A listener of notifications gets at most four a second, and what waits for that keeps its commit from being released: no
/// cursor runs ahead of it. When the listener had gone, the commit waited on, and every connection that came meanwhile heard
/// again what had been stored since.
#[tokio::test]
async fn a_commit_waits_for_no_listener_who_has_gone() {
    // A slow machine may need several tries to be faster than the pace.
    for round in 0..5 {
        let world = World::with(|options| options.connections_per_user = 1).await;
        let mut alice = Device::connect(&world.hub, 42).await;
        let mut bob = Device::open(&world.hub, 7, None, Socket::Notifications);
        bob.hears("auth_ok").await;
        alice.sends(7, "a-1", "goes at once").await;
        bob.hears("notification").await;
        let since = Instant::now();
        alice.sends(7, "a-2", "waits").await;
        while alice.hears("message_ack").await["temp_id"] != "a-2" {}
        assert!(since.elapsed() > PACE || !all_is_released(&world.hub, 100).await, "it waits for its pace");
        drop(bob);
        until("her connection has ended", async || world.hub.may_connect(user(7)).ok()).await;
        let mut who = 101;
        while !all_is_released(&world.hub, who).await {
            who += 1;
        }
        if since.elapsed() < PACE - Duration::from_millis(20) {
            return;
        }
        assert!(round < 4, "released after {:?}, when the pace was over", since.elapsed());
    }
}

/// A stream that panics loses its part of a commit. It is read again at once, not at the next poll.
#[tokio::test]
async fn what_a_panic_has_lost_is_delivered_at_once() {
    let world = World::with(|options| options.commit_poll_interval = Duration::from_secs(3_600)).await;
    let pair = chat_database::ids::Pair::new(user(42), user(7)).expect("two users");
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;
    let mut heard = std::collections::BTreeSet::new();
    for n in 0..50 {
        alice.sends(7, &format!("a-{n}"), "hello").await;
        world.hub.fail(chat_actors::hub::Victim::Thread(pair));
        // The author gets a temporary error, or the acknowledgement.
        loop {
            let frame: Value = alice.next().await;
            match frame["type"].as_str() {
                Some("message_ack") => break,
                Some("error") => alice.sends(7, &format!("a-{n}"), "hello").await,
                _ => {}
            }
        }
    }
    while heard.len() < 50 {
        heard.insert(bob.hears("new_message").await["seq"].as_u64());
    }
    let mut who = 101;
    while !all_is_released(&world.hub, who).await {
        who += 1;
    }
}
