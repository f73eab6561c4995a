//! Connections that go while the hub has much to say to them: what was theirs is free again.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::support::person::answer;
use crate::support::scene::away;
use crate::support::{Device, Hub, Person, until, until_within};

/// As many connections as a user may have.
const DEVICES: usize = 10;

/// A hub that finds a silent line within seconds, a user who has missed megabytes, and a cursor from before that.
async fn backlog() -> (Hub, Person, Person, String) {
    let hub = Hub::set(&[("CHAT_HEARTBEAT", "1s"), ("CHAT_OFFLINE_AFTER", "1s"), ("CHAT_RATE_LIMIT", "off")]).await;
    let (author, reader) = (hub.person(1), hub.person(2));
    let (mut desk, cursor) = away(&author, &reader).await;
    let text = "🙂".repeat(4_000);
    for _ in 0..600 {
        desk.sends_to(&reader, &text).await;
    }
    let core = hub.core();
    for number in 0..300 {
        let note =
            json!({"user_id": 2, "type": "order", "title": format!("Order {number}"), "body": "x".repeat(4_000)});
        core.post("/internal/notifications", &note).await.is(202);
    }
    (hub, author, reader, cursor)
}

/// Opens as many sockets as there may be; none of them reads. `path` is the socket's, with the base path.
async fn opens_all(reader: &Person, path: &str, cursor: Option<&str>) -> Vec<Device> {
    let mut devices = Vec::new();
    for _ in 0..DEVICES {
        let device = reader.opens(|door| {
            door.path = path.to_owned();
            door.cursor = cursor.map(str::to_owned);
            door.receive_buffer = Some(4 * 1024);
        });
        devices.push(device.await.expect("a socket"));
    }
    devices
}

async fn connections(person: &Person) -> u64 {
    let metrics = answer(person.request(reqwest::Method::GET, "/metrics")).await;
    let line = metrics.text.lines().find(|line| line.starts_with("chat_connections "));
    line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).map_or(0, |count| count as u64)
}

async fn all_are_served(author: &Person) {
    until("all have a session", || async { (connections(author).await == DEVICES as u64).then_some(()) }).await;
}

/// Holds that nothing is left of a user's connections: no place is taken, and they are offline.
async fn nothing_is_left(author: &Person, reader: &Person, how: &str) {
    // A client that takes nothing has ten seconds.
    let gone = async || (connections(author).await == 0).then_some(());
    until_within(Duration::from_secs(30), &format!("{how}: no connection is left"), gone).await;
    reader.connect().await.leaves().await;
    let offline = || async {
        let presence = author.get("/chat/presence?user_ids=2").await.is(200);
        (presence["users"][0]["online"] == false).then_some(())
    };
    until(&format!("{how}: the reader is offline"), offline).await;
}

#[tokio::test]
async fn a_socket_that_goes_in_the_middle_of_a_replay_leaves_nothing_behind() {
    let (_hub, author, reader, cursor) = backlog().await;
    for path in ["/chat", "/notifications"] {
        for (how, reset) in [("closed", false), ("reset", true)] {
            let devices = opens_all(&reader, path, Some(&cursor)).await;
            all_are_served(&author).await;
            if reset {
                devices.iter().for_each(|device| device.client.stream().set_zero_linger().expect("a socket"));
            }
            drop(devices);
            nothing_is_left(&author, &reader, &format!("{path}, {how}")).await;
        }
        // It says that it has no more to say, and stays.
        let mut devices = opens_all(&reader, path, Some(&cursor)).await;
        all_are_served(&author).await;
        for device in &mut devices {
            device.client.stream_mut().shutdown().await.expect("half of it is shut");
        }
        nothing_is_left(&author, &reader, &format!("{path}, half closed")).await;
        drop(devices);
    }
}

#[tokio::test]
async fn a_line_that_dies_in_the_middle_of_a_replay_is_found_by_the_heartbeat() {
    let (_hub, author, reader, cursor) = backlog().await;
    let devices = opens_all(&reader, "/chat", Some(&cursor)).await;
    all_are_served(&author).await;
    // Nothing is read, so no ping is answered.
    nothing_is_left(&author, &reader, "dead").await;
    drop(devices);
}

#[tokio::test]
async fn a_socket_that_goes_in_the_middle_of_a_sync_leaves_nothing_behind() {
    let (_hub, author, reader, cursor) = backlog().await;
    let mut devices = opens_all(&reader, "/chat", None).await;
    for device in &mut devices {
        device.is_greeted().await;
        // More frames than may be in flight: nothing is read any more, so that it is writing that finds the end.
        for _ in 0..20 {
            device.says(json!({"type": "sync", "cursor": cursor})).await;
        }
    }
    all_are_served(&author).await;
    drop(devices);
    nothing_is_left(&author, &reader, "in the middle of a sync").await;

    let mut devices = opens_all(&reader, "/chat", None).await;
    for device in &mut devices {
        device.is_greeted().await;
        for _ in 0..20 {
            device.says(json!({"type": "sync", "cursor": cursor})).await;
        }
    }
    all_are_served(&author).await;
    nothing_is_left(&author, &reader, "dead in the middle of a sync").await;
    drop(devices);
}
