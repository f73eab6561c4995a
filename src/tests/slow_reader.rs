//! A hundred clients (long: three hundred) that stop reading: each is closed with 4002, memory stays bounded, the others do not notice, and
//! what was missed is there when they come back. And strangers who do not read what they asked for over HTTP.

mod costs;
mod gone;
mod memory;
mod strangers;

use std::time::{Duration, Instant};

use crate::support::person::{number, text};
use crate::support::raw::{self, Raw};
use crate::support::{Hub, Person, in_time, until, until_within, usual_or_long};
use chat_loadtest::client::{Client, Received};
use chat_loadtest::usage;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

const DEVICES: usize = 10;
/// A message's text: 4,000 characters of four bytes each.
const TEXT: &str = "🙂";

/// A device that does not read any more, and its cursor.
struct Asleep {
    client: Client,
    person: Person,
    cursor: String,
}

/// Wakes up: reads on until the connection ends, and returns how it ended.
async fn wakes(asleep: &mut Asleep) -> (u16, String) {
    loop {
        match asleep.client.next().await {
            Received::Text(frame) => {
                let frame: Value = serde_json::from_str(&frame).expect("a frame");
                if let Some(cursor) = frame["cursor"].as_str() {
                    cursor.clone_into(&mut asleep.cursor);
                }
            }
            Received::Closed(code, reason) => return (code, reason),
            Received::Disconnected => return (1006, "gone".to_owned()),
        }
    }
}

#[tokio::test]
async fn slow_readers_are_closed_and_come_back_without_loss() {
    let people = usual_or_long(10, 30);
    let sleepers = people * DEVICES as u64;
    let mut hub = Hub::start().await;
    let author = hub.person(1);
    let mut laptop = author.connect().await;
    let readers: Vec<Person> = (100..100 + people).map(|id| hub.person(id)).collect();
    let mut asleep = Vec::new();
    for person in &readers {
        laptop.sends_to(person, "good night").await;
        for _ in 0..DEVICES {
            let mut device = person.connect_with(|door| door.receive_buffer = Some(8 * 1024)).await;
            device.settles().await;
            asleep.push(Asleep { client: device.client, person: person.clone(), cursor: device.cursor });
        }
    }
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut alices, mut bobs) = (alice.connect().await, bob.connect().await);
    let before = usage::resident_kb(hub.server().pid()).expect("the hub runs");

    let content = TEXT.repeat(4_000);
    let mut slowest = Duration::ZERO;
    let mut rounds = 0;
    // A reader is closed after ten seconds, however fast the hub is.
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    while overflows(&author).await < sleepers {
        // More than waits for them anywhere, and not so much that a cursor would be reset.
        for person in readers.iter().filter(|_| rounds < 50) {
            for _ in 0..10 {
                laptop.sends_to(person, &content).await;
            }
        }
        // The others go on talking meanwhile.
        let began = Instant::now();
        alices.sends_to(&bob, &format!("still here {rounds}")).await;
        bobs.receives(&format!("still here {rounds}")).await;
        slowest = slowest.max(began.elapsed());
        rounds += 1;
        beat.tick().await;
        assert!(rounds < 300, "{} of {sleepers} were closed after {rounds} rounds", overflows(&author).await);
    }
    assert!(slowest < Duration::from_secs(2), "the others noticed: {slowest:?}");
    let after = usage::resident_kb(hub.server().pid()).expect("the hub runs");
    // 1 MiB for each of them at the most, and as much again for everything else.
    let grown = after.saturating_sub(before);
    assert!(u64::from(grown) < 2 * 1024 * sleepers, "grown by {grown} KB");

    for sleeper in &mut asleep {
        let (code, reason) = in_time("the end of a slow reader", wakes(sleeper)).await;
        assert_eq!((code, reason.is_empty()), (4002, false), "user {}", sleeper.person.id);
    }
    for sleeper in asleep.iter().step_by(DEVICES / 2) {
        let stored = sleeper.person.history_with(&author).await.len() as u64;
        let mut device = sleeper.person.resumes(&sleeper.cursor).await;
        let told = device.catches_up().await;
        let newest = told.iter().filter(|frame| frame["type"] == "new_message").map(|frame| number(frame, "seq")).max();
        assert_eq!(newest, Some(stored), "user {} has caught up", sleeper.person.id);
        let places: Vec<u64> = told
            .iter()
            .filter(|frame| text(frame, "type") == "new_message")
            .map(|frame| number(frame, "seq"))
            .collect();
        assert!(places.windows(2).all(|pair| pair[1] == pair[0] + 1), "a gap: {places:?}");
    }
}

/// Returns how many connections were too slow so far.
async fn overflows(person: &Person) -> u64 {
    let metrics = crate::support::person::answer(person.request(reqwest::Method::GET, "/metrics")).await;
    let line = metrics.text.lines().find(|line| line.starts_with("chat_outbox_overflows"));
    let count = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default();
    // A count of connections.
    count as u64
}

#[tokio::test]
async fn sends_of_a_client_that_does_not_read_push_back_on_it_alone() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut flood = alice.connect_with(|door| door.receive_buffer = Some(8 * 1024)).await;
    let mut desk = bob.connect().await;
    // Alice sends without reading her acks: either she is pushed back on, or closed; Bob hears all that was stored.
    let text = "x".repeat(1_000);
    let mut said = 0;
    for number in 0..3_000 {
        let frame = json!({"type": "message_send", "temp_id": format!("f{number}"), "receiver_id": 7, "content": text});
        let sending = tokio::time::timeout(Duration::from_secs(2), flood.client.send(frame.to_string())).await;
        match sending {
            Ok(Ok(())) => said += 1,
            Ok(Err(_)) | Err(_) => break,
        }
    }
    assert!(said >= 16, "only {said} frames were taken");
    drop(flood);
    let mut carol = hub.person(8).connect().await;
    carol.sends_to(&bob, "the end").await;
    desk.expect_where("new_message", |frame| frame["content"] == "the end").await;
    let history = bob.history_with(&alice).await;
    assert!(history.len() as u64 <= said + 1, "{} stored of {said}", history.len());
}

/// How long an answer that is not read may keep its connection's place: the hub's 20 s, and some time for this machine.
const UNREAD: Duration = Duration::from_secs(60);

/// Opens a connection that keeps hardly anything of what it does not read, and asks.
async fn holds(hub: &Hub, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4 << 10).expect("a small buffer");
    let mut socket = socket.connect(hub.address()).await.expect("the hub listens");
    socket.write_all(request.as_bytes()).await.expect("written");
    socket
}

async fn asks(hub: &Hub, path: &str) -> Option<Raw> {
    raw::ask(hub.address(), format!("GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n")).await
}

/// 260 strangers with 300 requests each held a hub for ever.
#[tokio::test]
async fn answers_that_no_client_reads_hold_no_place_for_ever_and_health_answers_meanwhile() {
    let hub = Hub::set(&[("CHAT_MAX_CONNECTIONS", "10"), ("CHAT_MAX_HTTP_CONNECTIONS", "20")]).await;
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: hub\r\n\r\n".repeat(300);
    let began = Instant::now();
    let mut strangers = Vec::new();
    for _ in 0..32 {
        strangers.push(holds(&hub, &requests).await);
    }
    until("all places to be taken", async || {
        let answer = asks(&hub, "/nothing").await?;
        (answer.status == 503).then(|| assert_eq!(answer.code(), "overloaded"))
    })
    .await;
    // More of them than there are places in reserve, and they say nothing.
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(holds(&hub, "").await);
    }
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(asks(&hub, path).await.expect("an answer").status, 200, "{path}");
    }
    let refused = asks(&hub, "/openapi.json").await.expect("an answer");
    assert_eq!((refused.status, refused.header("connection")), (503, "close"));
    assert!(!refused.header("retry-after").is_empty() && refused.header("x-content-type-options") == "nosniff");
    // One that takes a place as it is free: the hub may have given the next connection none yet, when the last one has just left.
    let alice = hub.person(42);
    let mut laptop = until_within(UNREAD, "a place is free", async || alice.opens(|_| {}).await.ok()).await;
    assert!(began.elapsed() > Duration::from_secs(10), "a slow network is not given up at once: {:?}", began.elapsed());
    laptop.is_greeted().await;
    let freed = async || asks(&hub, "/nothing").await.filter(|answer| answer.status == 404).map(drop);
    until_within(UNREAD, "other places are free", freed).await;
    // A WebSocket that says nothing and hears nothing is not such a connection.
    laptop.settles().await;
}
