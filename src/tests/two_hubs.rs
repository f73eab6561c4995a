//! Two hub processes on one MariaDB or PostgreSQL, without anything between them: every promise of PROTOCOL 3.3 and 3.4 holds, by polling.
//!
//! Runs with `CHAT_TEST_MARIADB=1`, which needs `mariadb-server`, and with `CHAT_TEST_POSTGRES=1`, which needs `postgresql`.

mod clocks;
mod gathering;
mod lost_answer;
mod one_name;
mod paused;
mod pictures;
mod put_back;
mod secrets;
mod suspended;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::person::{number, text};
use crate::support::{DEADLINE, Device, Hub, Person};
use chat_loadtest::client::{Client, Credentials, Received};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Notify;

on_each_server!(
    both_sides_of_fifty_threads_send_at_once_through_different_hubs,
    one_key_sent_through_both_hubs_at_once_is_one_message,
    everything_durable_crosses_over_and_any_hub_resumes_any_cursor,
    a_ticket_is_used_up_on_every_hub,
    a_card_put_through_both_hubs_at_once_stays_in_its_highest_version,
    a_database_that_dies_under_load_loses_nothing_that_was_acknowledged,
);

const THREADS: u64 = 50;
const EACH: usize = 40;
const IN_FLIGHT: usize = 4;

/// Two hubs on one database.
struct Pair {
    left: Hub,
    right: Hub,
    database: Server,
}

impl Pair {
    async fn start(database: Server) -> Self {
        let url = database.database("chat");
        let node = |name: &'static str| {
            let url = url.clone();
            async move { Hub::set(&[("DATABASE_URL", &url), ("CHAT_NODE_NAME", name)]).await }
        };
        Self { left: node("left").await, right: node("right").await, database }
    }
}

/// What one side of a thread has been told.
#[derive(Default)]
struct Side {
    acked: BTreeMap<String, u64>,
    heard: Vec<(u64, String)>,
}

/// Sends its share into the thread, and listens until the other side's share has come, too.
async fn speaks(mut client: Client, me: u64, to: u64) -> Side {
    let (mut side, mut sent) = (Side::default(), 0);
    while side.acked.len() < EACH || side.heard.len() < EACH {
        while sent < EACH && sent - side.acked.len() < IN_FLIGHT {
            let key = format!("{me}-{sent}");
            let frame = json!({"type": "message_send", "temp_id": key, "receiver_id": to, "content": key});
            client.send(frame.to_string()).await.expect("the hub reads");
            sent += 1;
        }
        let Received::Text(frame) = client.next().await else { panic!("user {me} was disconnected") };
        let frame: Value = serde_json::from_str(&frame).expect("a frame");
        match text(&frame, "type") {
            "message_ack" => {
                assert_eq!(frame["duplicate"], false, "{frame}");
                side.acked.insert(text(&frame, "temp_id").to_owned(), number(&frame, "seq"));
            }
            "new_message" => side.heard.push((number(&frame, "seq"), text(&frame, "temp_id").to_owned())),
            "error" => panic!("user {me}: {frame}"),
            _ => {}
        }
    }
    side
}

async fn both_sides_of_fifty_threads_send_at_once_through_different_hubs(database: Server) {
    let hubs = Pair::start(database).await;
    // All of them listen before the first one speaks: what comes while a device settles is the device's, not its client's.
    let mut connected = Vec::new();
    for thread in 0..THREADS {
        let (one, two) = (1_000 + thread * 2, 1_001 + thread * 2);
        for (hub, me, to) in [(&hubs.left, one, two), (&hubs.right, two, one)] {
            let mut device = hub.person(me).connect().await;
            device.settles().await;
            connected.push((device.client, me, to));
        }
    }
    let speaking: Vec<_> = connected.into_iter().map(|(client, me, to)| tokio::spawn(speaks(client, me, to))).collect();
    let sides = tokio::time::timeout(Duration::from_secs(60), join_all(speaking))
        .await
        .expect("all clients have received everything");
    let sides: Vec<Side> = sides.into_iter().map(|side| side.expect("the side lives")).collect();
    for (thread, sides) in (0..THREADS).zip(sides.chunks(2)) {
        let (one, two) = (hubs.left.person(1_000 + thread * 2), hubs.right.person(1_001 + thread * 2));
        let history = one.history_with(&two).await;
        assert_eq!(history, two.history_with(&one).await, "two hubs, two histories");
        let places: Vec<u64> = history.iter().map(|message| number(message, "seq")).collect();
        assert_eq!(places, (1..=2 * EACH as u64).collect::<Vec<_>>(), "thread {thread} is not dense");
        let stored: BTreeMap<String, u64> =
            history.iter().map(|message| (text(message, "temp_id").to_owned(), number(message, "seq"))).collect();
        assert_eq!(stored.len(), 2 * EACH, "thread {thread} holds a key twice");
        for (side, me, other) in [(&sides[0], one.id, two.id), (&sides[1], two.id, one.id)] {
            assert!(side.acked.iter().all(|(key, seq)| stored[key] == *seq), "user {me}: acks differ from history");
            let order: Vec<u64> = (0..EACH).map(|sent| stored[&format!("{me}-{sent}")]).collect();
            assert!(order.is_sorted(), "user {me}: numbered in another order than sent");
            let told: Vec<(u64, String)> =
                (0..EACH).map(|sent| format!("{other}-{sent}")).map(|key| (stored[&key], key)).collect();
            assert_eq!(side.heard, told, "user {me} was told something else");
        }
    }
    drop(hubs);
}

async fn one_key_sent_through_both_hubs_at_once_is_one_message(database: Server) {
    let hubs = Pair::start(database).await;
    let bob = hubs.left.person(7);
    let mut desk = bob.connect().await;
    let (mut here, mut there) = (hubs.left.person(42).connect().await, hubs.right.person(42).connect().await);
    for round in 0..50 {
        let send = json!({"temp_id": format!("both-{round}"), "receiver_id": 7, "content": format!("round {round}")});
        let (one, two) = tokio::join!(here.sends(send.clone()), there.sends(send));
        for field in ["message_id", "thread_id", "seq", "rev", "created_at"] {
            assert_eq!(one[field], two[field], "round {round}: {one} and {two}");
        }
        assert_ne!(one["duplicate"], two["duplicate"], "round {round}: exactly one was the first");
        desk.receives(&format!("round {round}")).await;
    }
    assert_eq!(bob.history_with(&hubs.right.person(42)).await.len(), 50);
}

async fn everything_durable_crosses_over_and_any_hub_resumes_any_cursor(database: Server) {
    let hubs = Pair::start(database).await;
    let (alice, bob) = (hubs.left.person(42), hubs.right.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let mut bell = bob.listens().await;
    let ack = laptop.sends_to(&bob, "across").await;
    desk.receives("across").await;
    assert_eq!(bell.expect("notification").await["payload"]["related_id"], ack["thread_id"]);
    desk.says(json!({"type": "message_seen", "thread_id": ack["thread_id"]})).await;
    assert_eq!(laptop.expect("messages_seen").await["up_to"], 1);
    bell.expect("notification_read").await;
    laptop.says(json!({"type": "message_edit", "message_id": ack["message_id"], "content": "changed"})).await;
    assert_eq!(desk.expect("message_updated").await["content"], "changed");
    laptop.says(json!({"type": "message_delete", "message_id": ack["message_id"]})).await;
    desk.expect("message_deleted").await;
    desk.says(json!({"type": "message_delivered", "thread_id": ack["thread_id"], "up_to": 1})).await;

    desk.settles().await;
    let cursor = desk.cursor.clone();
    desk.leaves().await;
    laptop.sends_to(&bob, "while away").await;
    let elsewhere = hubs.left.person(7);
    let mut moved: Device = elsewhere.resumes(&cursor).await;
    let missed = moved.catches_up().await;
    assert!(missed.iter().any(|frame| frame["content"] == "while away"), "{missed:?}");
}

async fn a_ticket_is_used_up_on_every_hub(database: Server) {
    let hubs = Pair::start(database).await;
    let (here, there) = (hubs.left.person(42), hubs.right.person(42));
    let ticket = here.ticket().await;
    there.connect_with(|door| door.credentials = Credentials::Ticket(ticket.clone())).await;
    here.knocks(&format!("/chat?ticket={ticket}"), &[]).await.refused(401, "ticket_used");
}

async fn a_database_that_dies_under_load_loses_nothing_that_was_acknowledged(database: Server) {
    let mut hubs = Pair::start(database).await;
    hubs.left.expects_errors();
    hubs.right.expects_errors();
    let (alice, bob) = (hubs.left.person(42), hubs.right.person(7));
    let mut acked = BTreeMap::new();
    for death in 0..3 {
        let mut laptop = alice.connect().await;
        let mut refused = 0;
        let under_load = Notify::new();
        let working = async {
            for number in 0..200 {
                if number == 20 {
                    under_load.notify_one();
                }
                let key = format!("{death}-{number}");
                match tries(&mut laptop, &bob, &key).await {
                    Some(seq) => drop(acked.insert(key, seq)),
                    None => refused += 1,
                }
                if refused > 2 {
                    break;
                }
            }
        };
        let dying = async {
            under_load.notified().await;
            hubs.database.kill();
        };
        // Each refusal takes as long as the hub waits for a connection to the database.
        let both = async { tokio::join!(working, dying) };
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("every send is answered");
        let ready = alice.get("/health/ready").await;
        assert_eq!(ready.status, 503, "ready without a database: {}", ready.text);
        alice.get("/chat/threads").await.refused(503, "unavailable");
        hubs.database.restart();
        crate::support::until("the hub recovers by itself", || async {
            (alice.get("/health/ready").await.status == 200 && bob.get("/health/ready").await.status == 200)
                .then_some(())
        })
        .await;
    }
    let stored: BTreeMap<String, u64> = bob
        .history_with(&alice)
        .await
        .iter()
        .map(|message| (text(message, "temp_id").to_owned(), number(message, "seq")))
        .collect();
    for (key, seq) in &acked {
        assert_eq!(stored.get(key), Some(seq), "acknowledged and lost: {key}");
    }
    assert!(acked.len() >= 3 * 20, "{} acks are no load", acked.len());
}

/// Sends once; returns the place, or `None` if the hub said that it cannot now.
async fn tries(device: &mut Device, to: &Person, key: &str) -> Option<u64> {
    device.says(json!({"type": "message_send", "temp_id": key, "receiver_id": to.id, "content": key})).await;
    let answers = |frame: &Value| frame["temp_id"] == key && matches!(text(frame, "type"), "message_ack" | "error");
    let began = Instant::now();
    let answer = device.expect_within(3 * DEADLINE, "an answer", answers).await;
    let took = began.elapsed();
    assert!(took < DEADLINE, "{key} was answered only after {took:?}: {answer}");
    if answer["type"] == "message_ack" {
        return Some(number(&answer, "seq"));
    }
    assert_eq!((text(&answer, "code"), &answer["temporary"]), ("unavailable", &json!(true)), "{answer}");
    None
}

async fn a_card_put_through_both_hubs_at_once_stays_in_its_highest_version(database: Server) {
    let hubs = Pair::start(database).await;
    let card = |version: u64| json!({"kind": "product", "id": "5", "version": version, "title": format!("version {version}"), "url": "https://shop.example/"});
    // One hub is told of the versions upwards, the other one downwards.
    let puts = |hub: &Hub, versions: Vec<u64>| {
        let core = hub.core();
        async move {
            for version in versions {
                core.put("/internal/cards", &json!({"cards": [card(version)]})).await.is(200);
            }
        }
    };
    tokio::join!(puts(&hubs.left, (1..=30).collect()), puts(&hubs.right, (1..=30).rev().collect()));
    for hub in [&hubs.left, &hubs.right] {
        let cards = hub.person(42).get("/chat/cards?refs=product:5").await.is(200)["cards"].clone();
        assert_eq!((&cards[0]["version"], &cards[0]["title"]), (&json!(30), &json!("version 30")));
        let again = hub.core().put("/internal/cards", &json!({"cards": [card(29)]})).await.is(200);
        assert_eq!(again, json!({"changed": 0}));
    }
}
