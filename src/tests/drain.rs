//! SIGTERM: every connection is closed with 4001 within the deadline, every ack holds, the exit code is 0.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::person::{number, text};
use crate::support::raw::Raw;
use crate::support::{Hub, in_time, usual_or_long};
use chat_loadtest::client::{Client, Received};
use chat_loadtest::server::Signal;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// An author who sends until the line is closed: what was acknowledged, and how it ended.
struct Work {
    to: u64,
    acked: BTreeMap<String, u64>,
    errors: Vec<Value>,
    end: (u16, String),
}

async fn works(mut client: Client, to: u64) -> Work {
    let mut work = Work { to, acked: BTreeMap::new(), errors: Vec::new(), end: (0, String::new()) };
    let (mut next, mut waiting, mut writable) = (0, 0, true);
    loop {
        while writable && waiting < 4 {
            let frame =
                json!({"type": "message_send", "temp_id": format!("d{next}"), "receiver_id": to, "content": "x"});
            writable = client.send(frame.to_string()).await.is_ok();
            next += 1;
            waiting += 1;
        }
        match client.next().await {
            Received::Text(frame) => {
                let frame: Value = serde_json::from_str(&frame).expect("a frame");
                match text(&frame, "type") {
                    "message_ack" => {
                        work.acked.insert(text(&frame, "temp_id").to_owned(), number(&frame, "seq"));
                        waiting -= 1;
                    }
                    "error" => {
                        work.errors.push(frame);
                        writable = false;
                    }
                    _ => {}
                }
            }
            Received::Closed(code, reason) => work.end = (code, reason),
            Received::Disconnected if work.end.0 == 0 => work.end = (1006, "gone".to_owned()),
            Received::Disconnected => {}
        }
        if work.end.0 != 0 {
            return work;
        }
    }
}

#[tokio::test]
async fn every_connection_is_sent_away_and_every_ack_was_honest() {
    let (idlers, authors) = usual_or_long((900, 100), (3_700, 300));
    let mut hub = Hub::start().await;
    let mut idle = Vec::new();
    for id in 10_000..10_000 + idlers {
        idle.push(hub.person(id).connect().await);
    }
    let mut working = Vec::new();
    for id in 0..authors {
        let mut device = hub.person(1_000 + id).connect().await;
        device.settles().await;
        working.push(tokio::spawn(works(device.client, 5_000 + id)));
    }
    let watcher = hub.person(1);
    // All clients are sending.
    crate::support::until("the first messages", || async {
        let inbox = hub.person(5_000).get("/chat/threads").await.is(200);
        inbox["threads"].as_array().is_some_and(|threads| !threads.is_empty()).then_some(())
    })
    .await;

    let began = Instant::now();
    hub.asks_to_end().await;
    let leaving = join_all(idle.iter_mut().map(|device| device.ends()));
    let idle = tokio::time::timeout(Duration::from_secs(20), leaving).await.expect("every idle client is closed");
    let done = in_time("every author is sent away", join_all(working)).await;
    let status = hub.ends(Duration::from_secs(22)).await;
    assert_eq!(status.code(), Some(0), "it ended with {status}");
    assert!(began.elapsed() < Duration::from_secs(21), "it took {:?}", began.elapsed());

    let works: Vec<Work> = done.into_iter().map(|work| work.expect("the author lives")).collect();
    let ends = idle.iter().chain(works.iter().map(|work| &work.end));
    let mut delays = Vec::new();
    for (code, reason) in ends {
        assert_eq!(*code, 4001, "closed with {reason:?}");
        delays.push(reason.parse::<u64>().unwrap_or_else(|_| panic!("{reason:?} is no delay in ms")));
    }
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 100, "a spread of delays, not {} of them", delays.len());
    for work in &works {
        for error in &work.errors {
            assert_eq!((text(error, "code"), &error["temporary"]), ("shutting_down", &json!(true)), "{error}");
        }
    }

    hub.restart().await;
    for (id, work) in (0..authors).zip(&works) {
        let history = hub.person(work.to).history_with(&hub.person(1_000 + id)).await;
        for (key, seq) in &work.acked {
            let stored = &history[usize::try_from(*seq - 1).expect("a place")];
            assert_eq!(stored["temp_id"], key.as_str(), "acknowledged at {seq}, but stored there is {stored}");
        }
    }
    let acked: usize = works.iter().map(|work| work.acked.len()).sum();
    assert!(acked > 100, "{acked} acks are no load");
    drop(watcher);
}

#[tokio::test]
async fn every_signal_that_ends_programs_ends_the_hub_gracefully() {
    for signal in [Signal::Term, Signal::Interrupt, Signal::Quit, Signal::Hangup] {
        let mut hub = Hub::set(&[("CHAT_DRAIN_SECONDS", "4")]).await;
        let mut device = hub.person(42).connect().await;
        hub.hears(signal).await;
        if signal == Signal::Hangup {
            // A shell sends one when its terminal is closed, and the system another.
            hub.hears(signal).await;
        }
        assert!(device.is_closed_with(4001).await.parse::<u64>().is_ok(), "{signal:?}");
        assert_eq!(hub.ends(Duration::from_secs(6)).await.code(), Some(0), "{signal:?}");
        assert!(hub.log().contains("draining"), "{signal:?}");
    }
}

#[tokio::test]
async fn a_hub_that_was_started_to_outlive_its_terminal_does() {
    let hub = Hub::with(|launch| {
        let program = launch.binary.canonicalize().expect("a program").display().to_string();
        launch.binary = "/bin/sh".into();
        launch.arguments = vec!["-c".to_owned(), "trap '' HUP && exec \"$0\"".to_owned(), program];
    })
    .await;
    let mut device = hub.person(42).connect().await;
    hub.hears(Signal::Hangup).await;
    device.sends_to(&hub.person(7), "still here").await;
    assert_eq!(hub.person(42).get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn a_draining_hub_is_not_ready_and_takes_no_client() {
    let mut hub = Hub::set(&[("CHAT_DRAIN_SECONDS", "4")]).await;
    let mut device = hub.person(42).connect().await;
    hub.asks_to_end().await;
    assert!(device.is_closed_with(4001).await.parse::<u64>().is_ok());
    hub.ends(Duration::from_secs(6)).await;
    Client::connect(&hub.person(42).door()).await.expect_err("the hub has stopped listening");
}

#[tokio::test]
async fn stragglers_are_cut_at_the_deadline_and_the_exit_is_clean() {
    let mut hub = Hub::set(&[("CHAT_DRAIN_SECONDS", "2")]).await;
    // It never reads, and so never answers the close.
    let straggler = hub.person(42).opens(|door| door.receive_buffer = Some(4 * 1024)).await.expect("a socket");
    let began = Instant::now();
    hub.asks_to_end().await;
    let status = hub.ends(Duration::from_secs(4)).await;
    assert_eq!(status.code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(4));
    drop(straggler);
}

/// A proxy that has just connected is sending a request: a hub that closed its connection, or had the kernel reset it, failed that.
#[tokio::test]
async fn a_request_that_was_under_way_when_the_drain_began_is_answered() {
    let mut hub = Hub::start().await;
    // A frozen hub leaves new connections to the kernel. Later it finds them and the signal at once.
    hub.freeze().await;
    let mut lines = Vec::new();
    for _ in 0..20 {
        let mut line = TcpStream::connect(hub.address()).await.expect("the kernel takes it");
        line.write_all(b"GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n").await.expect("written");
        lines.push(line);
    }
    hub.asks_to_end().await;
    hub.thaw().await;
    for line in &mut lines {
        let answer = in_time("an answer", Raw::read(line)).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    assert!(hub.ends(Duration::from_secs(10)).await.success());
}
