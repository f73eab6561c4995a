//! What is held for clients that do not read is bounded, whatever they have asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::Message;

use crate::support::person::number;
use crate::support::scene::away;
use crate::support::{Device, Hub, Person, in_time, until};

const MESSAGES: usize = 900;

/// A hub where a user has missed 15 MB, and a cursor from before that.
async fn backlog() -> (Hub, Person, Person, String) {
    let hub = Hub::set(&[("CHAT_HEARTBEAT", "4s"), ("CHAT_RATE_LIMIT", "off"), ("CHAT_WORKERS", "1")]).await;
    let (author, reader) = (hub.person(1), hub.person(2));
    let (mut desk, cursor) = away(&author, &reader).await;
    let text = "🙂".repeat(4_000);
    for _ in 0..MESSAGES {
        desk.sends_to(&reader, &text).await;
    }
    (hub, author, reader, cursor)
}

/// Returns the memory that is the hub's own, in KB: what it has mapped of the database's file is the system's.
fn resident(hub: &mut Hub) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", hub.server().pid())).expect("the hub runs");
    let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.split_whitespace().next()?.parse().ok());
    own.expect("a number")
}

/// Watches the hub's memory until something has happened; returns the most that it had, in KB.
async fn most_while(hub: &mut Hub, event: impl Future<Output = ()>) -> u64 {
    tokio::pin!(event);
    let mut most = resident(hub);
    let mut look = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            () = &mut event => return most,
            _ = look.tick() => most = most.max(resident(hub)),
        }
    }
}

/// One that only says that it is alive was kept for ever, with all that it had missed.
#[tokio::test]
async fn sockets_that_resume_and_never_read_cost_little_and_are_closed() {
    let (mut hub, author, reader, cursor) = backlog().await;
    let before = resident(&mut hub);
    let devices: Vec<Device> = async {
        let mut devices = Vec::new();
        for _ in 0..10 {
            let device = reader.opens(|door| {
                door.cursor = Some(cursor.clone());
                door.receive_buffer = Some(4 * 1024);
            });
            devices.push(device.await.expect("a socket"));
        }
        devices
    }
    .await;
    let living = async {
        let mut devices = devices;
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        loop {
            for device in &mut devices {
                // It is closed at last.
                drop(device.client.send_message(Message::Pong(Vec::new().into())).await);
            }
            beat.tick().await;
            let metrics = author.get("/metrics").await.text;
            if metrics.lines().any(|line| line == "chat_connections 0") {
                break;
            }
        }
    };
    let watched = async { tokio::time::timeout(Duration::from_secs(60), living).await.expect("they are closed") };
    let most = most_while(&mut hub, watched).await;
    let grown = most.saturating_sub(before);
    assert!(grown < 60 * 1024, "grown by {grown} KB for ten sockets");
    let metrics = author.get("/metrics").await.text;
    assert!(metrics.contains("chat_closes_total{code=\"4002\"} 10"), "too slow, all of them:\n{metrics}");
    // Nothing is lost by it.
    let missed = reader.resumes(&cursor).await.catches_up().await;
    let messages = missed.iter().filter(|frame| frame["type"] == "new_message");
    // One may be repeated.
    let messages: BTreeSet<u64> = messages.map(|frame| number(frame, "seq")).collect();
    assert_eq!(messages.len(), MESSAGES);
}

#[tokio::test]
async fn answers_that_are_not_read_cost_little_and_hold_up_their_reader_alone() {
    let (mut hub, author, reader, cursor) = backlog().await;
    let before = resident(&mut hub);
    let mut sockets = Vec::new();
    for number in 0..60 {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a socket");
        let mut stream = socket.connect(hub.address()).await.expect("a connection");
        let path = match number % 3 {
            0 => format!("/chat/sync?cursor={cursor}&limit=1000"),
            1 => "/chat/messages?with=1&limit=200".to_owned(),
            _ => "/chat/messages?with=1&after_rev=1&limit=200".to_owned(),
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\n\r\n", reader.token);
        stream.write_all(request.as_bytes()).await.expect("written");
        sockets.push(stream);
    }
    let refused = async {
        until("those beyond the few are refused", || async {
            let metrics = author.get("/metrics").await.text;
            let count = metrics.lines().find_map(|line| line.strip_prefix("chat_errors_total{code=\"rate_limited\"} "));
            count.and_then(|count| count.parse::<f64>().ok()).is_some_and(|count| count >= 50.0).then_some(())
        })
        .await;
    };
    let most = most_while(&mut hub, refused).await;
    let grown = most.saturating_sub(before);
    assert!(grown < 80 * 1024, "grown by {grown} KB for sixty answers");
    // Others are served meanwhile, and the reader is again when they have gone.
    let page = author.get("/chat/messages?with=2&limit=200").await.is(200);
    assert_eq!(page["has_more"], json!(true));
    drop(sockets);
    until("the reader is served", || async { (reader.get("/chat/unread").await.status == 200).then_some(()) }).await;
    in_time("a page", async { reader.get("/chat/messages?with=1").await.is(200) }).await;
}
