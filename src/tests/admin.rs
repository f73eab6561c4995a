//! What the marketplace's staff does: PROTOCOL 6.6.

pub(crate) mod audit;
mod machine;

use std::time::Duration;

use chat_loadtest::token;
use reqwest::Method;
use serde_json::{Value, json};

use crate::images::form::Form;
use crate::support::person::{answer, array, number, text};
use crate::support::{Hub, Person, until};

/// A GIF of one pixel.
const PIXEL: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// A time that is far enough.
pub(super) const FAR: &str = "2100-01-01T00:00:00.000Z";

/// Starts a hub whose staff may restrict users.
pub(super) async fn hub() -> Hub {
    Hub::set(&[("CHAT_ADMIN", "write")]).await
}

pub(super) async fn suspend(staff: &Person, user: u64) -> Value {
    let body = json!({"until": FAR, "reason": "reported for spam"});
    staff.post(&format!("/admin/users/{user}/suspend"), &body).await.is(200)
}

pub(super) async fn restore(staff: &Person, user: u64) -> Value {
    staff.post(&format!("/admin/users/{user}/restore"), &json!({"reason": "a mistake"})).await.is(200)
}

#[tokio::test]
async fn only_staff_may_look_and_restrict() {
    let hub = hub().await;
    let operations = [
        (Method::GET, "/admin/users/7"),
        (Method::POST, "/admin/users/7/suspend"),
        (Method::POST, "/admin/users/7/restore"),
        (Method::POST, "/admin/users/7/end-sessions"),
        (Method::GET, "/admin/threads/1?reason=x"),
        (Method::GET, "/admin/audit"),
        (Method::GET, "/admin/state"),
        (Method::GET, "/admin/state/stream"),
    ];
    for (method, path) in operations {
        for person in [hub.person(42), hub.core()] {
            answer(person.ask(method.clone(), path).json(&json!({}))).await.refused(403, "forbidden");
        }
        answer(hub.staff().request(method, path).json(&json!({}))).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn staff_sees_how_the_node_stands_once_and_once_a_second() {
    let mut hub = Hub::set(&[("CHAT_NODE_NAME", "kampala"), ("CHAT_EDIT_WINDOW", "7m")]).await;
    let (staff, alice) = (hub.staff(), hub.person(42));
    alice.connect().await.sends_to(&hub.person(7), "hello").await;
    let stored = |state: &Value| state["metrics"]["chat_messages_stored_total"] == 1.0;
    let state = until("the metrics", || async { Some(staff.get("/admin/state").await.is(200)).filter(&stored) }).await;
    assert_eq!((&state["node"], &state["admin"], &state["trouble"]), (&json!("kampala"), &json!("read"), &Value::Null));
    assert_eq!(state["settings"]["CHAT_EDIT_WINDOW"], "7m");
    assert!(!state.to_string().contains(hub.secret()), "a secret is told");
    assert!(number(&state, "commit") >= number(&state, "released"), "{state}");
    let mut stream = staff.ask(Method::GET, "/admin/state/stream").send().await.expect("a stream");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    for _ in 0..2 {
        let mut event = Vec::new();
        while !event.ends_with(b"\n\n") {
            let chunk = crate::support::in_time("an event", stream.chunk()).await.expect("the stream goes on");
            event.extend_from_slice(&chunk.expect("the stream goes on"));
        }
        let data = event.strip_prefix(b"data: ").expect("data");
        let state: Value = serde_json::from_slice(data.trim_ascii_end()).expect("JSON");
        assert_eq!(state["node"], "kampala");
    }
    // A stream keeps no node from its end.
    hub.asks_to_end().await;
    assert!(hub.ends(crate::support::DEADLINE).await.success());
}

#[tokio::test]
async fn the_admin_view_is_served_unless_it_is_off_and_to_no_user() {
    let hub = Hub::set(&[("CHAT_BASE_PATH", "/api")]).await;
    let staff = hub.staff();
    let page = answer(staff.request(Method::GET, "/admin")).await;
    assert_eq!((page.status, page.headers["content-type"].to_str().expect("text")), (200, "text/html; charset=utf-8"));
    let policy = page.headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    staff.get("/admin").await.is(200);
    let named = page.text.split('"').filter(|text| text.starts_with("admin/assets/"));
    let assets: Vec<String> = named.map(|path| format!("/{path}")).collect();
    assert_eq!(assets.len(), 3, "a script, a style sheet and an icon: {}", page.text);
    for path in &assets {
        answer(staff.request(Method::GET, path)).await.is(200);
    }
    for path in ["/", "/service-worker.js", "/page/icon.svg", "/admin/index.html", "/v1/admin/index.html"] {
        assert_eq!(answer(staff.request(Method::GET, path)).await.status, 404, "the page itself is off: {path}");
    }
    for person in [hub.person(42), hub.core()] {
        person.get("/admin").await.refused(403, "forbidden");
    }
    let closed = Hub::set(&[("CHAT_ADMIN", "off")]).await;
    for path in ["/admin"].into_iter().chain(assets.iter().map(String::as_str)) {
        assert_eq!(answer(closed.staff().request(Method::GET, path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_hub_lets_its_staff_look_unless_it_is_told_otherwise() {
    let usual = Hub::start().await;
    let staff = usual.staff();
    staff.get("/admin/users/7").await.is(200);
    staff.get("/admin/audit").await.is(200);
    for act in ["suspend", "restore", "end-sessions"] {
        let body = json!({"until": FAR, "reason": "spam"});
        let refused = staff.post(&format!("/admin/users/7/{act}"), &body).await;
        refused.refused(403, "forbidden");
        assert!(refused.text.contains("CHAT_ADMIN=write"), "{}", refused.text);
    }
    staff.get("/admin/webhooks").await.is(200);

    let closed = Hub::set(&[("CHAT_ADMIN", "off")]).await;
    for path in ["/admin/users/7", "/admin/audit", "/admin/threads/1?reason=x"] {
        closed.staff().get(path).await.refused(404, "not_found");
        closed.person(42).get(path).await.refused(403, "forbidden");
    }
    closed.staff().get("/admin/webhooks").await.is(200);
}

#[tokio::test]
async fn a_suspended_user_sends_nothing_by_any_way_until_restored() {
    let mut hub = hub().await;
    let (staff, alice, bob) = (hub.staff(), hub.person(42), hub.person(7));
    let (mut laptop, mut desk) = (alice.connect().await, bob.connect().await);
    let before = laptop.sends_to(&bob, "before").await;
    desk.receives("before").await;
    let restriction = suspend(&staff, 42).await;
    assert_eq!((&restriction["user_id"], &restriction["suspended_until"]), (&json!(42), &json!(FAR)));

    let send = |key: &str| json!({"type": "message_send", "receiver_id": 7, "temp_id": key, "content": "spam"});
    let error = laptop.is_refused(send("s-1"), "suspended").await;
    assert_eq!((&error["until"], &error["temporary"], &error["temp_id"]), (&json!(FAR), &json!(false), &json!("s-1")));
    let edit = json!({"type": "message_edit", "message_id": before["message_id"], "content": "spam"});
    laptop.is_refused(edit, "suspended").await;
    let refused = alice.post("/chat/send", &json!({"receiver_id": 8, "content": "spam"})).await;
    refused.refused(403, "suspended");
    assert_eq!(refused.body["error"]["until"], FAR);
    let path = format!("/chat/messages/{}", before["message_id"]);
    alice.patch(&path, &json!({"content": "spam"})).await.refused(403, "suspended");
    Form::default().file(PIXEL).upload_by(&alice).await.refused(403, "suspended");
    Form::default().field("receiver_id", "7").file(PIXEL).send_by(&alice).await.refused(403, "suspended");

    // What the user has written stays the user's: reading, receiving and deleting go on.
    desk.sends_to(&alice, "can you hear me?").await;
    laptop.receives("can you hear me?").await;
    assert_eq!(alice.history_with(&bob).await.len(), 2);
    hub.kill().await;
    hub.restart().await;
    alice.post("/chat/send", &json!({"receiver_id": 7, "content": "spam"})).await.refused(403, "suspended");
    alice.delete(&path).await.is(204);

    let restriction = restore(&staff, 42).await;
    assert_eq!(restriction["suspended_until"], Value::Null);
    alice.post("/chat/send", &json!({"receiver_id": 7, "content": "sorry"})).await.is(201);
    assert_eq!(bob.history_with(&alice).await.len(), 3, "nothing of it was stored");
}

#[tokio::test]
async fn what_is_no_suspension_is_refused() {
    let hub = hub().await;
    let staff = hub.staff();
    for body in [
        json!({}),
        json!({"until": FAR}),
        json!({"reason": "spam"}),
        json!({"until": FAR, "reason": " "}),
        json!({"until": FAR, "reason": "x".repeat(501)}),
        json!({"until": "2020-01-01T00:00:00Z", "reason": "spam"}),
        json!({"until": "tomorrow", "reason": "spam"}),
    ] {
        staff.post("/admin/users/7/suspend", &body).await.refused(400, "bad_request");
    }
    staff.post("/admin/users/0/suspend", &json!({"until": FAR, "reason": "spam"})).await.refused(400, "bad_request");
    let shown = staff.get("/admin/users/7").await.is(200);
    assert_eq!(shown["restriction"], Value::Null);
}

#[tokio::test]
async fn ended_sessions_are_closed_and_their_tokens_are_good_no_more() {
    let mut hub = hub().await;
    let (staff, alice, bob) = (hub.staff(), hub.person(42), hub.person(7));
    let (mut laptop, mut phone, mut desk) = (alice.connect().await, alice.listens().await, bob.connect().await);
    let ticket = alice.ticket().await;
    let ended = staff.post("/admin/users/42/end-sessions", &json!({"reason": "a stolen phone"})).await.is(200);
    assert!(text(&ended, "sessions_ended_at").ends_with('Z'), "{ended}");
    for device in [&mut laptop, &mut phone] {
        device.is_closed_with(4505).await;
    }
    let refused_everywhere = async |alice: &Person| {
        alice.get("/chat/threads").await.refused(401, "unauthorized");
        let bearer = format!("Bearer {}", alice.token);
        alice.knocks("/chat", &[("authorization", &bearer)]).await.refused(401, "unauthorized");
        alice.knocks(&format!("/chat?ticket={ticket}"), &[]).await.refused(401, "unauthorized");
    };
    refused_everywhere(&alice).await;
    desk.sends_to(&hub.person(8), "another user goes on").await;
    hub.kill().await;
    hub.restart().await;
    refused_everywhere(&alice).await;
    // Tokens say whole seconds: one of the next second is good.
    until("a token that was issued since", || async {
        let fresh = token::mint(hub.secret(), 42, Duration::from_secs(60)).expect("a token");
        (hub.person_with(42, &fresh).get("/chat/threads").await.status == 200).then_some(())
    })
    .await;
    bob.get("/chat/threads").await.is(200);
}

/// The core's token has to name a user, whichever one; the library for PHP names user 1, who may be a seller.
#[tokio::test]
async fn ended_sessions_of_a_user_leave_the_core_its_token() {
    let hub = hub().await;
    let (staff, core) = (hub.staff(), hub.core());
    staff.post("/admin/users/1/end-sessions", &json!({"reason": "a stolen phone"})).await.is(200);
    let told = json!({"user_id": 7, "type": "order", "title": "Order 17 is paid", "body": "Ship it by Friday."});
    core.post("/internal/notifications", &told).await.is(202);
    core.get("/internal/events").await.is(200);
}

#[tokio::test]
async fn staff_sees_a_user_without_a_word_that_the_user_wrote() {
    let hub = hub().await;
    let (staff, core, alice, bob) = (hub.staff(), hub.core(), hub.person(42), hub.person(7));
    let profile = json!({"user_id": 42, "name": "Alice", "locale": "fr", "email": "alice@shop.example"});
    core.put("/internal/profiles", &json!({"profiles": [profile]})).await.is(200);
    let mut laptop = alice.connect().await;
    let sent = laptop.sends_to(&bob, "a secret between us").await;
    let shown = staff.get("/admin/users/42").await.is(200);
    assert_eq!((&shown["online"], &shown["connections"]), (&json!(true), &json!(1)));
    assert_eq!(
        (&shown["profile"]["name"], &shown["profile"]["email"]),
        (&json!("Alice"), &json!("alice@shop.example"))
    );
    assert_eq!((&shown["threads"][0]["id"], &shown["threads"][0]["other_user_id"]), (&sent["thread_id"], &json!(7)));
    assert!(!shown.to_string().contains("a secret"), "{shown}");
    let unknown = staff.get("/admin/users/12345").await.is(200);
    assert_eq!(
        (&unknown["profile"], &unknown["online"], &unknown["threads"]),
        (&Value::Null, &json!(false), &json!([]))
    );
}

#[tokio::test]
async fn staff_reads_a_conversation_with_a_reason_alone() {
    let hub = hub().await;
    let (staff, alice, bob) = (hub.staff(), hub.person(42), hub.person(7));
    let mut laptop = alice.connect().await;
    for text in ["one", "two", "three"] {
        laptop.sends_to(&bob, text).await;
    }
    let thread = number(&alice.thread_with(&bob).await, "id");
    for query in ["", "?reason=", "?reason=%20"] {
        staff.get(&format!("/admin/threads/{thread}{query}")).await.refused(400, "bad_request");
    }
    let read = staff.get(&format!("/admin/threads/{thread}?reason=report+12&limit=2")).await.is(200);
    assert_eq!((&read["user_ids"], &read["has_more"]), (&json!([7, 42]), &json!(true)));
    let contents = |page: &Value| array(page, "messages").iter().map(|one| one["content"].clone()).collect::<Vec<_>>();
    assert_eq!(contents(&read), ["two", "three"]);
    let before = number(&read["messages"][0], "seq");
    let older = staff.get(&format!("/admin/threads/{thread}?reason=report+12&before_seq={before}")).await.is(200);
    assert_eq!((contents(&older), &older["has_more"]), (vec![json!("one")], &json!(false)));
    staff.get("/admin/threads/999?reason=report+12").await.refused(404, "not_found");
    assert_eq!(number(&alice.thread_with(&bob).await, "other_read_seq"), 0, "the staff reads for no member");
}
