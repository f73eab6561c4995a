//! REST for everything in PROTOCOL 6.

mod pages;
mod rates;

use crate::support::Hub;
use crate::support::person::{answer, array, number, text};
use crate::support::scene::Scene;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_sent_by_rest_is_told_on_every_socket() {
    let mut scene = Scene::open().await;
    let send = json!({"receiver_id": 7, "content": "by REST", "temp_id": "r-1", "extra_data": {"product_id": 5}});
    let sent = scene.alice.post("/chat/send", &send).await.is(201);
    assert_eq!(sent["duplicate"], false);
    for device in [&mut scene.laptop, &mut scene.phone, &mut scene.desk, &mut scene.tablet] {
        let told = device.receives("by REST").await;
        for (name, value) in sent["message"].as_object().expect("a message") {
            assert_eq!(&told[name], value, "{name}");
        }
    }
    let again = scene.alice.post("/chat/send", &send).await.is(200);
    assert_eq!((&again["duplicate"], &again["message"]), (&json!(true), &sent["message"]));
    // The header is the same key.
    let keyed = json!({"receiver_id": 7, "content": "keyed"});
    let with_key = |key: &'static str| {
        answer(scene.alice.ask(Method::POST, "/chat/send").header("idempotency-key", key).json(&keyed))
    };
    let first = with_key("h-1").await.is(201);
    assert_eq!(first["message"]["temp_id"], "h-1");
    assert_eq!(with_key("h-1").await.is(200)["message"]["id"], first["message"]["id"]);
    let conflict = json!({"receiver_id": 7, "content": "another", "temp_id": "r-1"});
    scene.alice.post("/chat/send", &conflict).await.refused(409, "temp_id_conflict");
}

#[tokio::test]
async fn history_is_read_in_pages_in_every_direction() {
    let (mut scene, first) = Scene::begun().await;
    let thread = number(&first, "thread_id");
    for seq in 2..=10 {
        scene.laptop.sends_to(&scene.bob, &format!("message {seq}")).await;
    }
    let bob = &scene.bob;
    let page = async |query: &str| {
        let page = bob.get(&format!("/chat/messages?{query}")).await.is(200);
        let seqs: Vec<u64> = array(&page, "messages").iter().map(|message| number(message, "seq")).collect();
        assert_eq!(page["thread_id"], thread, "{query}");
        (seqs, page["has_more"] == true, number(&page, "rev"))
    };
    let by = format!("thread_id={thread}");
    assert_eq!(page(&by).await, ((1..=10).collect(), false, 10));
    assert_eq!(page("with=42").await, ((1..=10).collect(), false, 10));
    assert_eq!(page(&format!("{by}&limit=3")).await, (vec![8, 9, 10], true, 10));
    assert_eq!(page(&format!("{by}&before_seq=8&limit=3")).await, (vec![5, 6, 7], true, 10));
    assert_eq!(page(&format!("{by}&before_seq=3&limit=3")).await, (vec![1, 2], false, 10));
    assert_eq!(page(&format!("{by}&after_seq=8&limit=3")).await, (vec![9, 10], false, 10));
    assert_eq!(page(&format!("{by}&after_seq=2&limit=3")).await, (vec![3, 4, 5], true, 10));
    assert_eq!(page(&format!("{by}&after_seq=10")).await, (vec![], false, 10));
    let empty = bob.get("/chat/messages?with=999").await.is(200);
    assert_eq!((&empty["thread_id"], &empty["messages"]), (&Value::Null, &json!([])));
    for wrong in [
        "",
        "thread_id=0",
        "thread_id=x",
        "with=42&limit=0",
        "with=42&limit=201",
        "with=42&before_seq=2&after_seq=1",
        "with=-1",
    ] {
        bob.get(&format!("/chat/messages?{wrong}")).await.refused(400, "bad_request");
    }
}

#[tokio::test]
async fn a_gap_is_closed_by_rev() {
    let (mut scene, first) = Scene::begun().await;
    let thread = number(&first, "thread_id");
    let mut ids = vec![first["message_id"].clone()];
    for seq in 2..=5 {
        ids.push(scene.laptop.sends_to(&scene.bob, &format!("message {seq}")).await["message_id"].clone());
    }
    // rev 6: the second is edited; 7: the first is deleted; 8: the second is edited again.
    scene.alice.patch(&format!("/chat/messages/{}", ids[1]), &json!({"content": "once"})).await.is(200);
    scene.alice.delete(&format!("/chat/messages/{}", ids[0])).await.is(204);
    let edited = scene.alice.patch(&format!("/chat/messages/{}", ids[1]), &json!({"content": "twice"})).await.is(200);
    assert_eq!((text(&edited, "content"), number(&edited, "rev"), number(&edited, "seq")), ("twice", 8, 2));
    let page = scene.bob.get(&format!("/chat/messages?thread_id={thread}&after_rev=4")).await.is(200);
    let revs: Vec<(u64, u64)> =
        array(&page, "messages").iter().map(|message| (number(message, "rev"), number(message, "seq"))).collect();
    assert_eq!(revs, vec![(5, 5), (7, 1), (8, 2)]);
    assert_eq!((number(&page, "rev"), &page["has_more"]), (8, &json!(false)));
    // Page by page: `rev` says how far the gap is closed.
    let (mut rev, mut seen) = (0, Vec::new());
    loop {
        let page = scene.bob.get(&format!("/chat/messages?thread_id={thread}&after_rev={rev}&limit=2")).await.is(200);
        seen.extend(array(&page, "messages").iter().map(|message| number(message, "rev")));
        rev = number(&page, "rev");
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((seen, rev), (vec![3, 4, 5, 7, 8], 8));
}

#[tokio::test]
async fn who_says_for_whom_it_asks_is_answered_for_no_other() {
    let (scene, _) = Scene::begun().await;
    let me = scene.bob.id.to_string();
    for path in ["/chat/threads", "/chat/unread", "/notifications"] {
        let asked = |user: &str| answer(scene.bob.ask(Method::GET, path).header("Chat-User", user.to_owned()));
        asked(&me).await.is(200);
        for other in ["42", "0", "", "x"] {
            asked(other).await.refused(400, "sender_mismatch");
        }
    }
}

#[tokio::test]
async fn the_inbox_shows_each_thread_as_its_reader_sees_it() {
    let (mut scene, first) = Scene::begun().await;
    let thread = number(&first, "thread_id");
    let carol = scene.hub.person(8);
    carol.connect().await.sends_to(&scene.bob, "hello Bob").await;
    scene.laptop.sends_to(&scene.bob, "second").await;
    let inbox = scene.bob.get("/chat/threads").await.is(200);
    let threads = array(&inbox, "threads");
    let others: Vec<u64> = threads.iter().map(|thread| number(thread, "other_user_id")).collect();
    assert_eq!(others, vec![42, 8], "newest first");
    let newest = &threads[0];
    assert_eq!(
        (number(newest, "id"), number(newest, "unread"), number(newest, "last_seq"), number(newest, "rev")),
        (thread, 2, 2, 2)
    );
    assert_eq!((&newest["other_online"], text(&newest["last_message"], "content")), (&json!(true), "second"));
    for (name, value) in [("read_seq", 0), ("other_read_seq", 0), ("other_delivered_seq", 0)] {
        assert_eq!(number(newest, name), value, "{name}");
    }
    for thread in threads {
        let alone = scene.bob.get(&format!("/chat/threads/{}", number(thread, "id"))).await.is(200);
        assert_eq!(&alone, thread, "a thread by its id is what the inbox shows");
    }
    scene.bob.get("/chat/threads/x").await.refused(400, "bad_request");
    scene.bob.get("/chat/threads/9007199254740991").await.refused(404, "not_found");

    let page = scene.bob.get("/chat/threads?limit=1").await.is(200);
    assert_eq!(array(&page, "threads").len(), 1);
    let next = text(&page, "next");
    let rest = scene.bob.get(&format!("/chat/threads?limit=1&before={next}")).await.is(200);
    assert_eq!(number(&array(&rest, "threads")[0], "other_user_id"), 8);

    let read = scene.bob.post(&format!("/chat/threads/{thread}/read"), &json!({"up_to": 1})).await.is(200);
    assert_eq!(read, json!({"read_seq": 1, "unread": 1}));
    assert_eq!(scene.laptop.expect("messages_seen").await["up_to"], 1);
    let unread = scene.bob.get("/chat/unread").await.is(200);
    assert_eq!(unread, json!({"messages": 2, "notifications": 2, "by_user": {"42": 1, "8": 1}}));
    let read = scene.bob.post(&format!("/chat/threads/{thread}/read"), &json!({})).await.is(200);
    assert_eq!(read, json!({"read_seq": 2, "unread": 0}));
    let left = scene.bob.get("/chat/threads?unread=true").await.is(200);
    assert_eq!(
        array(&left, "threads").iter().map(|thread| number(thread, "other_user_id")).collect::<Vec<_>>(),
        vec![8]
    );
}

#[tokio::test]
async fn presence_is_told_to_counterparts() {
    let (scene, _) = Scene::begun().await;
    let presence = scene.bob.get("/chat/presence?user_ids=42,8,7").await.is(200);
    let users = array(&presence, "users");
    let alice = users.iter().find(|user| user["user_id"] == 42).expect("Alice");
    assert_eq!(alice["online"], true);
    assert!(alice.get("last_seen").is_some());
    assert!(users.iter().all(|user| user["user_id"] != 8), "a stranger: {presence}");
}

#[tokio::test]
async fn notifications_are_listed_read_and_deleted() {
    let hub = Hub::start().await;
    let bob = hub.person(7);
    for number in 1..=5 {
        let notice = json!({"user_ids": [7], "type": "order", "title": format!("Order {number}"), "body": "b", "related_id": number});
        hub.core().post("/internal/notifications", &notice).await.is(202);
    }
    let page = bob.get("/notifications?limit=2").await.is(200);
    let titles = |page: &Value| {
        array(page, "notifications").iter().map(|each| text(each, "title").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&page), ["Order 5", "Order 4"]);
    let rest = bob.get(&format!("/notifications?limit=3&before={}", text(&page, "next"))).await.is(200);
    assert_eq!(titles(&rest), ["Order 3", "Order 2", "Order 1"]);
    let first = number(&page["notifications"][0], "id");
    bob.post(&format!("/notifications/{first}/read"), &json!({})).await.is(204);
    bob.post(&format!("/notifications/{first}/read"), &json!({})).await.is(204);
    assert_eq!(array(&bob.get("/notifications?unread=true").await.is(200), "notifications").len(), 4);
    bob.delete(&format!("/notifications/{first}")).await.is(204);
    bob.delete(&format!("/notifications/{first}")).await.refused(404, "not_found");
    bob.post("/notifications/read-all", &json!({})).await.is(204);
    assert_eq!(bob.get("/chat/unread").await.is(200)["notifications"], 0);
    for wrong in [
        json!({}),
        json!({"user_id": 7}),
        json!({"user_id": 0, "type": "t", "title": "t", "body": "b"}),
        json!({"user_ids": vec![7; 1_001], "type": "t", "title": "t", "body": "b"}),
    ] {
        hub.core().post("/internal/notifications", &wrong).await.refused(400, "bad_request");
    }
}

#[tokio::test]
async fn health_metrics_and_documents_need_no_token() {
    let hub = Hub::start().await;
    let alice = hub.person(42);
    let _socket = alice.connect().await;
    let open = async |path: &str| answer(alice.request(Method::GET, path)).await;
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(open(path).await.status, 200, "{path}");
    }
    let metrics = open("/metrics").await;
    assert!(metrics.status == 200 && metrics.text.contains("# TYPE chat_"), "{}", metrics.text);
    let counted = r#"chat_http_requests_total{method="GET",route="/health/live",status="200"}"#;
    assert!(metrics.text.contains(counted), "{}", metrics.text);
    // Written down at most once a second: who asks again at once hears the same, who asks later hears what came since.
    let (mut same, counted) = (false, |text: &str| {
        text.lines()
            .find(|line| line.starts_with("chat_http_requests_total{method=\"GET\",route=\"/health/live\""))
            .map(str::to_owned)
    });
    for _ in 0..20 {
        let began = std::time::Instant::now();
        let first = open("/metrics").await.text;
        open("/health/live").await;
        let second = open("/metrics").await.text;
        // The first may have been written a second ago.
        same |= first == second;
        if same && began.elapsed() < std::time::Duration::from_secs(1) {
            break;
        }
    }
    assert!(same, "it is written anew for each who asks");
    let before = counted(&open("/metrics").await.text);
    crate::support::until("the count to move", async || {
        open("/health/live").await;
        (counted(&open("/metrics").await.text) != before).then_some(())
    })
    .await;
    let openapi = open("/openapi.json").await.is(200);
    for path in [
        "/chat/send",
        "/chat/messages",
        "/chat/threads",
        "/chat/sync",
        "/chat/ticket",
        "/notifications",
        "/internal/notifications",
    ] {
        assert!(openapi["paths"].get(path).is_some(), "{path} is not in /openapi.json");
    }
    let asyncapi = open("/asyncapi.json").await.is(200);
    assert!(asyncapi["channels"].get("chat").is_some() && asyncapi["channels"].get("notifications").is_some());
    open("/nothing/here").await.refused(404, "not_found");
}

#[tokio::test]
async fn everything_stands_under_the_base_path() {
    let hub = Hub::set(&[("CHAT_BASE_PATH", "/api")]).await;
    let alice = hub.person(42);
    alice.connect().await.settles().await;
    alice.listens().await.expect("nav_counts").await;
    alice.get("/chat/threads").await.is(200);
}
