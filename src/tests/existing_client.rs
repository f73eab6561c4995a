//! Softadastra's existing web client, as it is today: what it does goes on to work, and each of its unsafe habits is refused.

use crate::support::Hub;
use crate::support::device::of_type;
use crate::support::person::{number, text};
use chat_loadtest::client::Credentials;
use chat_loadtest::token;
use serde_json::{Value, json};

#[tokio::test]
async fn its_session_works_as_it_always_did() {
    let hub = Hub::set(&[("CHAT_BASE_PATH", "/api")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let mut receiver = bob.connect_with(|door| "/api/ws/chat".clone_into(&mut door.path)).await;
    let ticket = alice.ticket().await;
    let mut sender = alice
        .connect_with(|door| {
            "/api/ws/chat".clone_into(&mut door.path);
            door.credentials = Credentials::Ticket(ticket);
        })
        .await;
    sender.expect("nav_counts").await;

    // It says who it is in every frame, and writes ids as strings.
    let send = json!({
        "type": "message_send", "sender_id": "42", "receiver_id": "7", "temp_id": "temp_1732273200000", "content": "Still available?",
        "extra_data": {"product_id": "5"}, "image_urls": [], "client_version": "2.4",
    });
    sender.says(send).await;
    let ack = sender.expect("message_ack").await;
    assert_eq!(text(&ack, "temp_id"), "temp_1732273200000");
    let message = receiver.receives("Still available?").await;
    assert_eq!((&message["id"], &message["sender_id"]), (&ack["message_id"], &json!(42)));
    assert_eq!(message["extra_data"], json!({"product_id": 5}));
    receiver.expect_where("nav_counts", |frame| frame["payload"]["messages"] == 1).await;

    let thread = number(&ack, "thread_id");
    receiver.says(json!({"type": "typing", "from": 7, "to": "42"})).await;
    assert_eq!(sender.expect("typing").await["from"], 7);
    receiver.says(json!({"type": "message_seen", "thread_id": thread.to_string(), "user_id": "7"})).await;
    let seen = sender.expect("messages_seen").await;
    assert_eq!((number(&seen, "seen_by"), number(&seen, "up_to")), (7, 1));
    receiver.expect_where("nav_counts", |frame| frame["payload"]["messages"] == 0).await;
    sender.says(json!({"type": "nav_counts", "user_id": 42})).await;
    sender.expect("nav_counts").await;
    sender.says(json!({"type": "who_is_online"})).await;
    assert_eq!(sender.expect("online_users").await["users"], json!([7]));
    // The alias, and a message without a key.
    sender.says(json!({"type": "message", "receiver_id": 7, "content": "Hello?", "temp_id": "t2"})).await;
    sender.is_acked("t2").await;
    receiver.receives("Hello?").await;
}

#[tokio::test]
async fn a_bare_user_id_is_no_authentication() {
    let hub = Hub::start().await;
    for claim in
        [json!({"type": "auth", "user_id": 42}), json!({"type": "auth", "userId": "42"}), json!({"type": "auth"})]
    {
        let mut stranger =
            hub.person(42).opens(|door| door.credentials = Credentials::FirstFrame).await.expect("a socket");
        stranger.says(claim.clone()).await;
        assert_eq!(stranger.expect("error").await["code"], "unauthorized", "{claim}");
        stranger.is_closed_with(4500).await;
    }
}

#[tokio::test]
async fn nothing_is_heard_before_authentication() {
    let hub = Hub::start().await;
    for first in [
        json!({"type": "message_send", "sender_id": 42, "receiver_id": 7, "content": "x", "temp_id": "x"}),
        json!({"type": "nav_counts"}),
    ] {
        let mut stranger =
            hub.person(42).opens(|door| door.credentials = Credentials::FirstFrame).await.expect("a socket");
        stranger.says(first.clone()).await;
        assert_eq!(stranger.expect("error").await["code"], "unauthorized", "{first}");
        stranger.is_closed_with(4500).await;
    }
    assert_eq!(hub.person(7).history_with(&hub.person(42)).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_user_never_writes_in_another_name() {
    let hub = Hub::start().await;
    let (mallory, alice, bob) = (hub.person(666), hub.person(42), hub.person(7));
    let (mut evil, mut victim) = (mallory.connect().await, bob.connect().await);
    for field in ["sender_id", "from", "user_id"] {
        for frame in [
            json!({"type": "message_send", "temp_id": "x", "receiver_id": 7, "content": "send money"}),
            json!({"type": "message", "temp_id": "x", "receiver_id": 7, "content": "send money"}),
            json!({"type": "typing", "to": 7}),
            json!({"type": "nav_counts"}),
            json!({"type": "who_is_online"}),
        ] {
            let mut frame = of_type(frame, "");
            frame[field] = json!(42);
            evil.is_refused(frame, "sender_mismatch").await;
        }
    }
    evil.settles().await;
    victim.heard_nothing_of(&["new_message", "new_thread", "typing", "user_online"]).await;
    for reader in [&alice, &mallory] {
        assert_eq!(bob.history_with(reader).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_user_never_hears_of_the_presence_of_strangers() {
    let hub = Hub::start().await;
    let (mallory, alice) = (hub.person(666), hub.person(42));
    let mut spy = mallory.connect().await;
    spy.says(json!({"type": "subscribe", "channels": ["presence"]})).await;
    spy.expect("subscribed").await;
    let mut device = alice.connect().await;
    device.settles().await;
    spy.says(json!({"type": "who_is_online", "user_ids": [42, "42", 7]})).await;
    assert_eq!(spy.expect("online_users").await["users"], json!([]));
    let presence = mallory.get("/chat/presence?user_ids=42,7").await.is(200);
    assert_eq!(presence, json!({"users": []}));
    spy.says(json!({"type": "typing", "to": 42})).await;
    spy.settles().await;
    device.heard_nothing_of(&["typing", "user_online"]).await;
    spy.heard_nothing_of(&["user_online", "user_offline"]).await;
}

#[tokio::test]
async fn a_ticket_opens_one_connection_also_after_a_restart() {
    let mut hub = Hub::start().await;
    let alice = hub.person(42);
    let ticket = alice.ticket().await;
    let path = format!("/chat?ticket={ticket}");
    assert_eq!(alice.knocks(&path, &[]).await.status, 101);
    alice.knocks(&path, &[]).await.refused(401, "ticket_used");
    hub.kill().await;
    hub.restart().await;
    alice.knocks(&path, &[]).await.refused(401, "ticket_used");
    // The core mints tickets of the same form.
    let own = token::ticket(hub.secret(), 42, std::time::Duration::from_secs(60)).expect("a ticket");
    let mut device = alice.connect_with(|door| door.credentials = Credentials::Ticket(own)).await;
    device.settles().await;
}

/// The client knows neither profiles nor cards nor messages without an author: it meets new fields and frames, which it ignores.
#[tokio::test]
async fn it_goes_on_in_the_middle_of_what_it_does_not_know() {
    let hub = Hub::set(&[("CHAT_BASE_PATH", "/api")]).await;
    let (alice, bob) = (hub.person(42), hub.person(7));
    let door = |door: &mut chat_loadtest::client::ConnectOptions| "/api/ws/chat".clone_into(&mut door.path);
    let (mut sender, mut receiver) = (alice.connect_with(door).await, bob.connect_with(door).await);
    let send = |key: &str, content: &str| json!({"type": "message", "sender_id": "42", "receiver_id": "7", "temp_id": key, "content": content, "extra_data": {"product_id": "5"}});
    sender.sends(send("t1", "Still available?")).await;
    receiver.receives("Still available?").await;
    let core = hub.core();
    core.put("/internal/profiles", &json!({"profiles": [{"user_id": 42, "name": "Alice"}]})).await.is(200);
    let lamp =
        json!({"kind": "product", "id": "5", "version": 1, "title": "A lamp", "url": "https://shop.example/p/5"});
    core.put("/internal/cards", &json!({"cards": [lamp]})).await.is(200);
    let paid = json!({"user_a": 42, "user_b": 7, "text": {"fr": "Payé", "en": "Paid"}, "dedupe_key": "k"});
    let stored = core.post("/internal/messages", &paid).await.is(201);
    receiver.receives("Paid").await;

    // What it has always read is there, and as it was.
    sender.sends(send("t2", "I take it")).await;
    let message = receiver.receives("I take it").await;
    assert_eq!((&message["sender_id"], &message["extra_data"]), (&json!(42), &json!({"product_id": 5})));
    let sold = json!({"kind": "product", "id": "5", "version": 2, "title": "Sold", "url": "https://shop.example/p/5"});
    core.put("/internal/cards", &json!({"cards": [sold]})).await.is(200);
    // What it does not know has come between.
    for frame in ["profile_updated", "card_updated"] {
        receiver.expect(frame).await;
    }
    let thread = number(&stored["message"], "thread_id");
    receiver.says(json!({"type": "message_seen", "thread_id": thread.to_string(), "user_id": "7"})).await;
    assert_eq!(number(&sender.expect("messages_seen").await, "up_to"), 3);
    receiver.expect_where("nav_counts", |frame| frame["payload"]["messages"] == 0).await;
    let history = bob.history_with(&alice).await;
    let contents: Vec<&str> = history.iter().map(|message| text(message, "content")).collect();
    assert_eq!(contents, ["Still available?", "Paid", "I take it"]);
}
