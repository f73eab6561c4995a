//! SIGTERM while requests are under way: each is finished, or told that the node is shutting down.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::form::{Form, content_type};
use super::picture::{jpeg, picture, small};
use crate::support::{Hub, Person, in_time, until};

/// Waits until so many requests upload, or have been answered.
async fn are_under_way(person: &Person, uploads: usize, answered: &AtomicUsize) {
    until("uploads are under way", || async {
        let metrics = person.get("/metrics").await;
        let count = metrics.text.lines().find_map(|line| line.strip_prefix("chat_uploads ")?.parse::<f64>().ok());
        count.is_some_and(|count| count as usize + answered.load(Relaxed) >= uploads).then_some(())
    })
    .await;
}

#[tokio::test]
async fn forms_that_are_under_way_are_finished_within_the_drain() {
    let settings = [
        ("CHAT_IMAGE_WORKERS", "1"),
        ("CHAT_MAX_UPLOADS", "48"),
        ("CHAT_UPLOAD_RATE", "off"),
        ("CHAT_RATE_LIMIT", "off"),
    ];
    let mut hub = Hub::set(&settings).await;
    let file = jpeg(&picture(800, 600).into(), None);
    let (people, watcher): (Vec<Person>, Person) = ((0..12).map(|id| hub.person(100 + id)).collect(), hub.person(1));
    let answered = &AtomicUsize::new(0);
    let sending = people.iter().flat_map(|person| {
        let file = &file;
        (0..4).map(move |number| async move {
            let form = Form::default().field("receiver_id", "7").field("temp_id", &format!("f{number}")).file(file);
            let answer = form.send_by(person).await;
            answered.fetch_add(1, Relaxed);
            answer
        })
    });
    let all = join_all(sending);
    let ended = async {
        // A connection whose request has not arrived yet is closed by the drain without an answer: all have arrived.
        are_under_way(&watcher, 48, answered).await;
        hub.asks_to_end().await;
    };
    let (answers, ()) = tokio::join!(all, ended);
    let status = hub.ends(Duration::from_secs(22)).await;
    assert_eq!(status.code(), Some(0));
    let mut stored = 0;
    for answer in &answers {
        match answer.status {
            201 => stored += 1,
            _ => answer.refused(503, "shutting_down"),
        }
    }
    assert!(stored >= 8, "only {stored} of {} were finished", answers.len());

    hub.restart().await;
    let mut kept = 0;
    for person in &people {
        kept += hub.person(7).history_with(person).await.len();
    }
    assert_eq!(kept, stored, "what was answered is what is stored");
}

#[tokio::test]
async fn a_request_that_outlasts_the_drain_is_told_so() {
    let mut hub = Hub::set(&[("CHAT_DRAIN_SECONDS", "2")]).await;
    let person = hub.person(42);
    let body = Form::default().file(&small()).bytes();
    let mut socket = TcpStream::connect(hub.address()).await.expect("a connection");
    let head = format!(
        "POST /chat/upload HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        person.token,
        content_type(),
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("written");
    // The rest never comes.
    socket.write_all(&body[..body.len() / 2]).await.expect("written");
    are_under_way(&person, 1, &AtomicUsize::new(0)).await;
    hub.asks_to_end().await;
    let mut answer = String::new();
    in_time("an answer", socket.read_to_string(&mut answer)).await.expect("a whole answer");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nretry-after: "), "{head}");
    assert!(head.contains("\r\nx-content-type-options: nosniff"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&body["error"]["code"], &body["error"]["temporary"]), (&"shutting_down".into(), &true.into()));
    let status = hub.ends(Duration::from_secs(4)).await;
    assert_eq!(status.code(), Some(0));
}
