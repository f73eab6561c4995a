//! Malformed input of every kind: a clear error each, never a panic, never a 500.

mod support;

#[path = "bad_input/requests.rs"]
mod requests;

use chat_loadtest::client::Credentials;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};
use support::device::of_type;
use support::person::answer;
use support::{Device, Hub, usual_or_long};
use tokio_tungstenite::tungstenite::Message;

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
async fn texts_are_counted_in_characters_and_come_back_as_they_were() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    for content in [
        "🙂".repeat(4_000),
        "שלום עולם".to_owned(),
        "\u{202e}abc\u{202c}".to_owned(),
        " padded ".to_owned(),
        "\u{1F468}\u{200D}\u{1F469}".to_owned(),
        "line\r\nline\t\"quoted\" \\ /".to_owned(),
        "\u{feff}bom".to_owned(),
        "\u{fffd}\u{ffff}".to_owned(),
    ] {
        laptop.sends_to(&bob, &content).await;
        desk.receives(&content).await;
    }
    let history = bob.history_with(&alice).await;
    for (content, code) in [
        ("🙂".repeat(4_001), "text_too_long"),
        (String::new(), "empty_message"),
        (" \t\r\n\u{a0}\u{2003}\u{3000}".to_owned(), "empty_message"),
        ("a\u{0}b".to_owned(), "bad_request"),
    ] {
        let send = json!({"type": "message_send", "temp_id": "x", "receiver_id": 7, "content": content});
        assert_eq!(laptop.is_refused(send.clone(), code).await["temp_id"], "x");
        alice.post("/chat/send", &send).await.refused(400, code);
        let edit = json!({"type": "message_edit", "message_id": history[0]["id"], "content": content});
        laptop.is_refused(edit, code).await;
        alice
            .patch(&format!("/chat/messages/{}", history[0]["id"]), &json!({"content": content}))
            .await
            .refused(400, code);
    }
}

#[tokio::test]
async fn a_text_that_shows_nothing_is_empty_and_one_that_merely_contains_such_is_not() {
    #[derive(serde::Deserialize)]
    struct Texts {
        blank: Vec<String>,
        shown: Vec<String>,
    }
    let texts: Texts = serde_json::from_str(include_str!("../../web/tests/support/texts.json")).expect("texts");
    assert!(texts.blank.len() > 30 && texts.shown.len() > 20);
    let hub = Hub::set(&[("CHAT_RATE_LIMIT", "off")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    laptop.sends_to(&bob, "to be edited").await;
    let message_id = bob.history_with(&alice).await[0]["id"].clone();
    // Each by one of the doors; `chat_actors` holds all of them to the one function that decides.
    for (n, content) in texts.blank.iter().enumerate() {
        let send = json!({"type": "message_send", "temp_id": "x", "receiver_id": 7, "content": content});
        let edit = json!({"type": "message_edit", "message_id": message_id, "content": content});
        match n % 4 {
            0 => drop(laptop.is_refused(send, "empty_message").await),
            1 => alice.post("/chat/send", &send).await.refused(400, "empty_message"),
            2 => drop(laptop.is_refused(edit, "empty_message").await),
            _ => alice.patch(&format!("/chat/messages/{message_id}"), &edit).await.refused(400, "empty_message"),
        }
    }
    let mut desk = bob.connect().await;
    for content in &texts.shown {
        laptop.sends_to(&bob, content).await;
        desk.receives(content).await;
    }
    let history = bob.history_with(&alice).await;
    assert_eq!(history[0]["content"], "to be edited");
    assert_eq!(history.len(), 1 + texts.shown.len(), "and nothing else was stored");
}

#[tokio::test]
async fn ids_of_every_wrong_kind_are_refused() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    let mut laptop = alice.connect().await;
    let wrong = [
        "0",
        "-1",
        "1.5",
        "7e-1",
        "1e16",
        "9007199254740992",
        "18446744073709551616",
        "1e400",
        "\"\"",
        "\"x\"",
        "\"-1\"",
        "\"+1\"",
        "\" 1\"",
        "\"1.0\"",
        "\"0x1\"",
        "\"١\"",
        "[]",
        "{}",
        "true",
        "[1]",
    ];
    for value in wrong {
        for frame in [
            format!(r#"{{"type":"message_send","temp_id":"t","receiver_id":{value},"content":"x"}}"#),
            format!(r#"{{"type":"message_send","temp_id":"t","thread_id":{value},"content":"x"}}"#),
            format!(r#"{{"type":"message_send","temp_id":"t","receiver_id":7,"content":"x","reply_to":{value}}}"#),
            format!(r#"{{"type":"message_edit","message_id":{value},"content":"x"}}"#),
            format!(r#"{{"type":"message_delete","message_id":{value}}}"#),
            format!(r#"{{"type":"message_seen","thread_id":{value}}}"#),
            format!(r#"{{"type":"typing","to":{value}}}"#),
            format!(r#"{{"type":"who_is_online","user_ids":[{value}]}}"#),
            format!(r#"{{"type":"notification_read","id":{value}}}"#),
        ] {
            laptop.says_raw(&frame).await;
            let error = laptop.expect("error").await;
            // 1e400 is beyond what JSON's readers take for a number: not even a frame.
            assert_eq!(error["code"], "bad_request", "{frame} was answered with {error}");
            laptop.settles().await;
        }
        let path: String = value.trim_matches('"').bytes().map(|byte| format!("%{byte:02X}")).collect();
        if !path.is_empty() {
            let answered = alice.get(&format!("/chat/messages?thread_id={path}")).await;
            answered.refused(400, "bad_request");
            let answered = alice.delete(&format!("/chat/messages/{path}")).await;
            assert!(matches!(answered.status, 400 | 404), "{value}: {}", answered.text);
        }
    }
    for id in ["7", "\"7\"", "\"07\"", "7.0", "7e0", "0.7E1"] {
        laptop.says_raw(&format!(r#"{{"type":"who_is_online","user_ids":[{id}]}}"#)).await;
        laptop.expect("online_users").await;
    }
    laptop
        .is_refused(json!({"type": "message_send", "temp_id": "s", "receiver_id": 42, "content": "me"}), "self_message")
        .await;
    laptop.is_refused(json!({"type": "message_send", "temp_id": "s", "content": "nobody"}), "bad_request").await;
}

/// PHP and Gson write whole numbers so.
#[tokio::test]
async fn ids_may_be_whole_floats_wherever_one_stands() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    let says = async |laptop: &mut Device, text: String, kind: &str| {
        laptop.says_raw(&text).await;
        laptop.expect(kind).await
    };
    let sent = r#"{"type":"message_send","sender_id":42.0,"temp_id":"f","receiver_id":7e0,"content":"x","extra_data":{"product_id":5.0}}"#;
    let ack = says(&mut laptop, sent.to_owned(), "message_ack").await;
    let (thread, message) = (&ack["thread_id"], &ack["message_id"]);
    let reply = format!(
        r#"{{"type":"message_send","from":4.2e1,"temp_id":"g","thread_id":{thread}.0,"content":"y","reply_to":{message}.0}}"#
    );
    assert_eq!(says(&mut laptop, reply, "message_ack").await["seq"], 2);
    let edit = format!(r#"{{"type":"message_edit","message_id":{message}e0,"content":"z"}}"#);
    assert_eq!(says(&mut laptop, edit, "message_updated").await["content"], "z");
    let mut desk = bob.connect().await;
    let delivered = format!(r#"{{"type":"message_delivered","thread_id":{thread}.0,"up_to":1e0}}"#);
    desk.says_raw(&delivered).await;
    assert_eq!(laptop.expect("messages_delivered").await["up_to"], 1);
    desk.says_raw(&format!(r#"{{"type":"message_seen","user_id":7.0,"thread_id":{thread}.0,"up_to":1.0}}"#)).await;
    assert_eq!(laptop.expect("messages_seen").await["up_to"], 1);
    desk.says_raw(r#"{"type":"typing","to":42.0}"#).await;
    assert_eq!(laptop.expect("typing").await["from"], 7);
    laptop.says_raw(r#"{"type":"who_is_online","user_ids":[7.0,7e0,"7"]}"#).await;
    assert_eq!(laptop.expect("online_users").await["users"], json!([7]));
    let rest = async |by: &support::Person, path: &str, body: String| {
        answer(by.ask(Method::POST, path).header("content-type", "application/json").body(body)).await
    };
    let send = r#"{"receiver_id":7.0,"user_id":42.0,"content":"by REST"}"#;
    assert_eq!(rest(&alice, "/chat/send", send.to_owned()).await.is(201)["message"]["seq"], 3);
    rest(&alice, "/chat/send", r#"{"receiver_id":7.5,"content":"no"}"#.to_owned()).await.refused(400, "bad_request");
    let read = rest(&bob, &format!("/chat/threads/{thread}/read"), r#"{"up_to":3.0}"#.to_owned()).await.is(200);
    assert_eq!(read["read_seq"], 3);
    let notice = r#"{"user_ids":[7.0,8e0],"type":"order","title":"t","body":"b","related_id":17.0}"#;
    assert_eq!(rest(&hub.core(), "/internal/notifications", notice.to_owned()).await.is(202)["created"], 2);
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
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A frame of a known type, its fields of any shape.
fn any_frame() -> impl Strategy<Value = Value> {
    let kinds = prop::sample::select(vec![
        "message_send",
        "message",
        "message_edit",
        "message_delete",
        "message_seen",
        "message_delivered",
        "typing",
        "stop_typing",
        "who_is_online",
        "nav_counts",
        "subscribe",
        "sync",
        "ping",
        "echo",
        "notification_read",
        "notifications_read_all",
        "x",
    ]);
    let names = vec![
        "temp_id",
        "receiver_id",
        "thread_id",
        "content",
        "images",
        "image_urls",
        "extra_data",
        "reply_to",
        "message_id",
        "up_to",
        "to",
        "user_ids",
        "channels",
        "cursor",
        "t",
        "data",
        "id",
        "sender_id",
    ];
    let fields = prop::collection::hash_map(prop::sample::select(names), any_json(), 0..6);
    (kinds, fields).prop_map(|(kind, fields)| {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        of_type(Value::Object(fields), kind)
    })
}

#[test]
fn no_frame_whatever_ends_more_than_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (hub, mut device) = runtime.block_on(async {
        let hub = Hub::start().await;
        let device = hub.person(42).connect().await;
        (hub, device)
    });
    let device = std::cell::RefCell::new(&mut device);
    let config = Config { cases: usual_or_long(400, 4_000), failure_persistence: None, ..Config::default() };
    let ran = TestRunner::new(config).run(&any_frame(), |frame| {
        runtime.block_on(survives(&mut device.borrow_mut(), frame));
        Ok(())
    });
    let _inside = runtime.enter();
    drop(hub);
    ran.unwrap_or_else(|error| panic!("{error}"));
}

/// Says a frame, and holds that the connection goes on, and that no error was the hub's own fault.
async fn survives(device: &mut Device, frame: Value) {
    let said = frame.to_string();
    device.says(frame).await;
    for answer in device.settles().await {
        let own_fault = answer["type"] == "error" && answer["code"] == "internal";
        assert!(!own_fault, "{said} was answered with {answer}");
    }
}

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
