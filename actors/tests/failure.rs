//! One failure, one victim: an actor panics, and no other user notices more than they must.

use std::time::Duration;

use crate::support::{Device, World, user};
use chat_actors::hub::Victim;
use chat_actors::protocol::CloseCode;
use chat_database::ids::Pair;
use serde_json::json;
use tokio::time::timeout;

#[tokio::test]
async fn a_panic_in_a_session_costs_its_connection_alone() {
    let world = World::new().await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut other = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;

    alice.session.fail();
    assert_eq!(alice.ends().await.code, CloseCode::Internal);

    bob.sends(42, "b-1", "are you there?").await;
    bob.hears("message_ack").await;
    other.hears("new_message").await;
}

#[tokio::test]
async fn a_panic_in_a_thread_costs_nothing_that_was_acked() {
    let world = World::new().await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;
    let pair = Pair::new(user(42), user(7)).expect("two people");
    let mut seen = Vec::new();
    for round in 0..20 {
        for n in 0..4 {
            alice.sends(7, &format!("k{round}-{n}"), "hello").await;
        }
        world.hub.fail(Victim::Thread(pair));
        let mut answered = 0;
        while answered < 4 {
            let frame = alice.next().await;
            match frame["type"].as_str() {
                Some("message_ack") => answered += 1,
                Some("error") => {
                    assert_eq!((&frame["code"], &frame["temporary"]), (&json!("internal"), &json!(true)));
                    let temp_id = frame["temp_id"].as_str().expect("the frame's key").to_owned();
                    alice.sends(7, &temp_id, "hello").await;
                }
                _ => {}
            }
        }
    }
    while seen.len() < 80 {
        let message = bob.hears("new_message").await;
        let seq = message["seq"].as_u64().expect("a place");
        if seen.last().is_none_or(|last| seq > *last) {
            seen.push(seq);
        }
    }
    assert_eq!(seen, (1..=80).collect::<Vec<_>>(), "dense and in order, whatever was told twice");
}

#[tokio::test]
async fn a_panic_in_storage_is_a_temporary_error_and_a_new_start() {
    let world = World::new().await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;
    for round in 0..10 {
        world.hub.fail(Victim::Storage);
        let key = format!("k{round}");
        loop {
            alice.sends(7, &key, "hello").await;
            let answer = loop {
                let frame = alice.next().await;
                if frame["type"] == "message_ack" || frame["type"] == "error" {
                    break frame;
                }
            };
            if answer["type"] == "message_ack" {
                break;
            }
            assert_eq!(answer["temporary"], true);
        }
    }
    let mut seqs = Vec::new();
    while seqs.len() < 10 {
        seqs.push(bob.hears("new_message").await["seq"].as_u64().expect("a place"));
        seqs.dedup();
    }
    assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
}

/// How long SQLite waits for another transaction.
const GIVES_UP: Duration = Duration::from_secs(5);

/// The successor's transaction waited for the predecessor's on the thread that the predecessor needed, until SQLite gave up.
#[tokio::test]
async fn storage_that_panics_while_its_commit_reads_does_not_hold_its_successor_up() {
    let world = World::new().await;
    let mut alice = Device::connect(&world.hub, 42).await;
    for round in 0..30 {
        // A thread that is new to storage is read inside of the transaction; the panic comes a little later each time.
        alice.sends(1_000 + round, &format!("new{round}"), "hello").await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        world.hub.fail(Victim::Storage);
        let key = format!("next{round}");
        loop {
            alice.sends(2_000 + round, &key, "hello").await;
            let answer = loop {
                let soon = timeout(GIVES_UP, alice.next()).await;
                let frame = soon.expect("an answer before SQLite gives up waiting");
                if frame["temp_id"] == key && (frame["type"] == "message_ack" || frame["type"] == "error") {
                    break frame;
                }
            };
            if answer["type"] == "message_ack" {
                break;
            }
            assert_eq!(answer["temporary"], true);
        }
    }
}

#[tokio::test]
async fn a_panic_in_a_stream_is_told_from_the_database() {
    let world = World::new().await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&world.hub, 7).await;
    world.hub.fail(Victim::Stream(user(7)));
    alice.sends(7, "c-1", "hello").await;
    alice.hears("message_ack").await;
    assert_eq!(bob.hears("nav_counts").await["payload"]["messages"], 1);
}
