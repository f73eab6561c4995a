//! Two people talk: through the actors, without sockets.

use crate::support::{Device, World};
use chat_actors::protocol::Socket;
use chat_testkit::waiting::until;
use serde_json::json;

#[tokio::test]
async fn a_message_is_acked_to_its_sender_and_goes_to_all_other_connections() {
    let world = World::new().await;
    let mut phone = Device::connect(&world.hub, 42).await;
    let mut laptop = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;

    phone.sends(7, "c-1", "Still available?").await;
    assert_eq!(phone.hears("new_thread").await["other_user_id"], 7);
    let ack = phone.hears("message_ack").await;
    assert_eq!(
        (&ack["temp_id"], &ack["seq"], &ack["rev"], &ack["duplicate"]),
        (&json!("c-1"), &json!(1), &json!(1), &json!(false))
    );
    for device in [&mut laptop, &mut bob] {
        let message = device.hears("new_message").await;
        assert_eq!(message["id"], ack["message_id"]);
        assert_eq!((&message["content"], &message["sender_id"]), (&json!("Still available?"), &json!(42)));
    }
    assert_eq!(bob.hears("nav_counts").await["payload"], json!({"notifications": 1, "messages": 1}));

    phone.sends(7, "c-1", "Still available?").await;
    let again = phone.hears("message_ack").await;
    assert_eq!(
        (&again["duplicate"], &again["message_id"], again.get("cursor")),
        (&json!(true), &ack["message_id"], None)
    );

    bob.says(json!({"type": "message_seen", "thread_id": ack["thread_id"]})).await;
    for device in [&mut phone, &mut laptop] {
        let seen = device.hears("messages_seen").await;
        assert_eq!((&seen["seen_by"], &seen["up_to"]), (&json!(7), &json!(1)));
    }
    assert_eq!(bob.hears("nav_counts").await["payload"], json!({"notifications": 0, "messages": 0}));
}

#[tokio::test]
async fn a_client_that_comes_back_with_a_cursor_hears_what_was_missed_and_then_what_is_live() {
    let world = World::new().await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::open(&world.hub, 7, None, Socket::Chat);
    let cursor = bob.hears("auth_ok").await["cursor"].as_str().expect("a cursor").to_owned();
    drop(bob);

    for n in 1..=20 {
        alice.sends(7, &format!("k{n}"), &format!("message {n}")).await;
        alice.hears("message_ack").await;
    }
    let (mut bob, replayed, _) = Device::resume(&world.hub, 7, &cursor).await;
    let seqs: Vec<_> =
        replayed.iter().filter(|frame| frame["type"] == "new_message").map(|frame| frame["seq"].clone()).collect();
    assert_eq!(seqs, (1..=20).map(|n| json!(n)).collect::<Vec<_>>());

    alice.sends(7, "live", "and now").await;
    assert_eq!(bob.hears("new_message").await["seq"], 21);
}

#[tokio::test]
async fn typing_is_told_until_the_writer_stops_sends_or_leaves() {
    let world = World::new().await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;
    alice.sends(7, "c-1", "hello").await;
    let thread = alice.hears("message_ack").await["thread_id"].clone();

    let typing = json!({"type": "typing", "thread_id": thread});
    alice.says(typing.clone()).await;
    assert_eq!(bob.hears("typing").await["from"], 42);
    alice.says(json!({"type": "stop_typing", "to": 7})).await;
    bob.hears("stop_typing").await;

    alice.says(typing.clone()).await;
    bob.hears("typing").await;
    alice.sends(7, "c-2", "said").await;
    bob.hears("stop_typing").await;

    alice.says(typing).await;
    bob.hears("typing").await;
    drop(alice);
    bob.hears("stop_typing").await;
}

/// The thread once stopped while storage was slow, and the outcome had no receiver.
#[tokio::test]
async fn an_idle_thread_sleeps_and_wakes_with_its_history() {
    let world = World::with(|options| options.thread_idle = std::time::Duration::from_millis(5)).await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;
    for n in 1..=5 {
        alice.sends(7, &format!("k{n}"), "hello").await;
        assert_eq!(alice.hears("message_ack").await["seq"], n);
        assert_eq!(bob.hears("new_message").await["seq"], n);
        until("the thread sleeps", async || (world.hub.threads_awake() == 0).then_some(())).await;
    }
}
