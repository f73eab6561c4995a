//! The line to the database breaks when a COMMIT passes: before it arrives, or before its answer comes back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::device::of_type;
use crate::support::person::{number, text};
use crate::support::{DEADLINE, Device, Hub, until};
use chat_testkit::commit_proxy::{Cut, Proxy};
use chat_testkit::on_each_server;
use chat_testkit::server::Server;

on_each_server!(
    a_commit_whose_answer_is_lost_stands_and_is_told_once,
    a_commit_of_unknown_fate_is_not_acknowledged_and_yet_told_when_it_stands,
);

const ROUNDS: usize = 9;
const AT_ONCE: usize = 8;

/// One hub's line to the database can be cut; the other one's cannot.
struct Cuttable {
    left: Hub,
    right: Hub,
    proxy: Proxy,
    _database: Server,
}

impl Cuttable {
    async fn start(database: Server) -> Self {
        let url = database.database("chat");
        let proxy = Proxy::to(database.port()).await;
        let through = database.url_through(proxy.port(), "chat");
        let left = Hub::set(&[("DATABASE_URL", &through), ("CHAT_NODE_NAME", "left")]).await;
        let right = Hub::set(&[("DATABASE_URL", &url), ("CHAT_NODE_NAME", "right")]).await;
        Self { left, right, proxy, _database: database }
    }
}

fn message(key: &str) -> Value {
    json!({"temp_id": key, "receiver_id": 7, "content": key})
}

/// Waits for the answer to a key.
async fn answer(device: &mut Device, key: &str) -> Value {
    let answers = |frame: &Value| frame["temp_id"] == key && matches!(text(frame, "type"), "message_ack" | "error");
    device.expect_that("an answer", answers).await
}

/// Says it again until it is stored, as a client may after a temporary error; returns its id and its place.
async fn is_stored(device: &mut Device, key: &str) -> (u64, u64) {
    loop {
        let said = answer(device, key).await;
        if said["type"] == "message_ack" {
            return (number(&said, "message_id"), number(&said, "seq"));
        }
        assert_eq!(said["temporary"], true, "{said}");
        device.says(of_type(message(key), "message_send")).await;
    }
}

/// Waits until a device has heard of as many messages, and of no more; returns their ids and places.
async fn has_heard(device: &mut Device, count: usize) -> Vec<(u64, u64)> {
    let (began, mut told) = (std::time::Instant::now(), Vec::new());
    while told.len() < count && began.elapsed() < DEADLINE {
        let frames = device.settles().await;
        let messages = frames.iter().filter(|frame| frame["type"] == "new_message");
        told.extend(messages.map(|frame| (number(frame, "id"), number(frame, "seq"))));
    }
    told
}

async fn a_commit_whose_answer_is_lost_stands_and_is_told_once(database: Server) {
    let hubs = Cuttable::start(database).await;
    let mut laptop = hubs.left.person(42).connect().await;
    let mut devices = [hubs.left.person(7).connect().await, hubs.right.person(7).connect().await];
    for device in &mut devices {
        device.settles().await;
    }
    let cursor = devices[0].cursor.clone();
    let mut acked = BTreeMap::new();
    for round in 0..ROUNDS {
        hubs.proxy.cut_at_next([Cut::AfterCommit, Cut::BeforeCommit, Cut::AfterCommit][round % 3]);
        let keys: Vec<String> = (0..AT_ONCE).map(|place| format!("{round}-{place}")).collect();
        for key in &keys {
            laptop.says(of_type(message(key), "message_send")).await;
        }
        for key in keys {
            let stored = is_stored(&mut laptop, &key).await;
            acked.insert(key, stored);
        }
        assert!(hubs.proxy.has_cut(), "the proxy saw no COMMIT in round {round}");
    }
    let history = hubs.right.person(7).history_with(&hubs.left.person(42)).await;
    let stored: Vec<(u64, u64)> =
        history.iter().map(|message| (number(message, "id"), number(message, "seq"))).collect();
    let by_key: BTreeMap<String, (u64, u64)> =
        history.iter().map(|message| text(message, "temp_id").to_owned()).zip(stored.iter().copied()).collect();
    assert_eq!(by_key, acked, "acknowledged and stored differ");
    assert_eq!(stored.iter().map(|(_, seq)| *seq).collect::<Vec<_>>(), (1..=acked.len() as u64).collect::<Vec<_>>());
    for device in &mut devices {
        assert_eq!(has_heard(device, stored.len()).await, stored, "heard and stored differ");
    }
    let mut back = hubs.right.person(7).resumes(&cursor).await;
    let missed = back.catches_up().await;
    let missed = missed.iter().filter(|frame| frame["type"] == "new_message");
    assert_eq!(missed.map(|frame| (number(frame, "id"), number(frame, "seq"))).collect::<Vec<_>>(), stored);
}

async fn a_commit_of_unknown_fate_is_not_acknowledged_and_yet_told_when_it_stands(database: Server) {
    let mut hubs = Cuttable::start(database).await;
    hubs.left.expects_errors();
    let alice = hubs.left.person(42);
    let mut laptop = alice.connect().await;
    let mut devices = [hubs.left.person(7).connect().await, hubs.right.person(7).connect().await];
    laptop.sends_to(&hubs.left.person(7), "first").await;
    for device in &mut devices {
        device.receives("first").await;
    }
    hubs.proxy.cut_at_next(Cut::AfterCommitForGood);
    laptop.says(of_type(message("limbo"), "message_send")).await;
    let said = answer(&mut laptop, "limbo").await;
    assert_eq!((&said["type"], &said["temporary"]), (&json!("error"), &json!(true)), "{said}");
    // The other hub sees that it stands; this one as soon as it can read again.
    devices[1].receives("limbo").await;
    hubs.proxy.let_through();
    until("the hub recovers by itself", || async { (alice.get("/health/ready").await.status == 200).then_some(()) })
        .await;
    devices[0].receives("limbo").await;
    laptop.says(of_type(message("limbo"), "message_send")).await;
    let again = answer(&mut laptop, "limbo").await;
    assert_eq!((&again["type"], &again["duplicate"], &again["seq"]), (&json!("message_ack"), &json!(true), &json!(2)));
    laptop.sends_to(&hubs.left.person(7), "last").await;
    for device in &mut devices {
        device.receives("last").await;
    }
}
