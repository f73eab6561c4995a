//! Malformed input of every kind: a clear error each, never a panic, never a 500.

mod closing;
mod fuzz;
mod ids;
mod requests;
mod texts;

use chat_loadtest::client::Credentials;
use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::Hub;
use crate::support::person::answer;

#[tokio::test]
async fn three_frames_in_a_row_that_are_none_end_the_connection() {
    let hub = Hub::start().await;
    let mut device = hub.person(42).connect().await;
    // Two, and then a good one: the count begins again. Other errors do not count.
    for _ in 0..3 {
        for bad in ["", "{\"type\":"] {
            device.says_raw(bad).await;
            assert_eq!(device.expect("error").await["code"], "bad_request", "{bad:?}");
        }
        device.settles().await;
    }
    for _ in 0..5 {
        device.is_refused(json!({"type": "no such"}), "unknown_type").await;
        device.is_refused(json!({"type": "message_edit"}), "bad_request").await;
    }
    for bad in ["[]", "{}", "nonsense"] {
        device.says_raw(bad).await;
    }
    device.is_closed_with(4501).await;
}

/// What was sent only to come back once filled the sender's own outbox, and closed it.
#[tokio::test]
async fn what_only_comes_back_never_closes_a_connection_that_does_not_read_it_yet() {
    let hub = Hub::start().await;
    let mut device = hub.person(42).connect_with(|door| door.receive_buffer = Some(4 * 1024)).await;
    let large = "x".repeat(60_000);
    let (mut echoes, mut pongs, mut refused) = (0, 0, 0);
    for _ in 0..60 {
        device.says(json!({"type": "echo", "data": large})).await;
        device.says(json!({"type": "ping", "t": large})).await;
        device.says(json!({"type": "subscribe", "channels": vec!["notifications"; 3_000]})).await;
    }
    while echoes + pongs + refused < 120 {
        let frame = device.next_frame("an answer to each").await;
        match frame["type"].as_str() {
            Some("echo") => echoes += 1,
            Some("pong") => pongs += 1,
            Some("error") => {
                assert_eq!((&frame["code"], &frame["temporary"]), (&"rate_limited".into(), &true.into()), "{frame}");
                refused += 1;
            }
            Some("subscribed") => assert!(frame.to_string().len() < 200, "each channel once"),
            _ => {}
        }
    }
    assert!(echoes > 0 && pongs > 0 && refused > 0, "{echoes} echoes, {pongs} pongs, {refused} refused");
    // With nothing that waits, a large one comes back.
    device.settles().await;
    device.says(json!({"type": "echo", "data": large})).await;
    device.expect_where("echo", |frame| frame["data"] == large.as_str()).await;
}

#[tokio::test]
async fn what_is_no_text_frame_of_the_right_size_ends_the_connection() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    let mut binary = alice.connect().await;
    binary.client.send_message(Message::Binary(b"{}".to_vec().into())).await.expect("sent");
    binary.is_closed_with(4501).await;
    let mut large = alice.connect().await;
    let frame = json!({"type": "echo", "data": "x".repeat(65_536)}).to_string();
    large.says_raw(&frame).await;
    large.is_closed_with(4502).await;
    // 64 KiB exactly is allowed.
    let mut exact = alice.connect().await;
    let empty = json!({"type": "echo", "data": ""}).to_string();
    exact.says(json!({"type": "echo", "data": "x".repeat(65_536 - empty.len())})).await;
    exact.expect("echo").await;
}

#[tokio::test]
async fn a_silent_stranger_is_closed_after_ten_seconds() {
    let hub = Hub::start().await;
    let began = std::time::Instant::now();
    let mut stranger = hub.person(42).opens(|door| door.credentials = Credentials::FirstFrame).await.expect("a socket");
    let (code, _) =
        tokio::time::timeout(std::time::Duration::from_secs(14), stranger.ends()).await.expect("closed in time");
    assert_eq!(code, 4500);
    assert!((9.0..13.0).contains(&began.elapsed().as_secs_f64()), "after {:?}", began.elapsed());
}

#[tokio::test]
async fn bodies_of_every_wrong_kind_are_refused() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for path in ["/chat/send", "/internal/notifications", "/chat/threads/1/read"] {
        for body in ["", "{", "nonsense", "[]", "\"x\"", "{\"content\":1}", "\u{0}", &deep, "{\"a\":\"\\ud800\"}"] {
            let by = if path.starts_with("/internal") { hub.core() } else { alice.clone() };
            let answered =
                answer(by.ask(Method::POST, path).header("content-type", "application/json").body(body.to_owned()))
                    .await;
            assert!(
                (400..500).contains(&answered.status) || path.ends_with("/read") && answered.status == 404,
                "{path} {body:.40}: {}",
                answered.status
            );
            assert!(answered.code().is_some(), "{path} {body:.40}: {}", answered.text);
        }
        let answered = answer(
            alice.ask(Method::POST, path).header("content-type", "application/json").body(vec![0xff, 0xfe, b'{']),
        )
        .await;
        assert!((400..500).contains(&answered.status), "{path}: {}", answered.status);
    }
    // Over the limit, but not so far that the hub would cut the line before all of it has come.
    let large = "x".repeat(80 << 10);
    let large =
        answer(alice.ask(Method::POST, "/chat/send").header("content-type", "application/json").body(large)).await;
    assert!((400..500).contains(&large.status) && large.code().is_some(), "{}: {}", large.status, large.text);
    let typeless = answer(alice.ask(Method::POST, "/chat/send").header("content-type", "text/plain").body("{}")).await;
    assert!((400..500).contains(&typeless.status), "{}", typeless.status);
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let answered = answer(alice.ask(method.clone(), "/chat/send")).await;
        assert_eq!(answered.status, 405, "{method} /chat/send");
    }
}

/// JSON of any shape.
#[tokio::test]
async fn what_is_no_websocket_handshake_is_refused_as_http() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    assert_eq!(alice.get("/chat").await.status, 426);
    alice.knocks("/nowhere", &[]).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_page_that_may_not_connect_can_read_why() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    for path in ["/chat", "/ws/chat", "/ws/notifications"] {
        let asked = |origin: &str| answer(alice.request(Method::GET, path).header("Origin", origin.to_owned()));
        // No browser shows a page the answer to its upgrade; this one it may read, whatever its origin.
        let refused = asked("https://evil.example").await;
        assert_eq!(refused.headers["access-control-allow-origin"], "*", "{path}");
        assert!(!refused.headers.contains_key("access-control-allow-credentials"), "{path}");
        refused.refused(403, "forbidden_origin");
        assert_eq!(asked(&format!("http://{}", hub.address())).await.status, 426, "{path}");
    }
}
