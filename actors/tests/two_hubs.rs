//! Two nodes on one database, without a relay: everything arrives, in order, once.

use crate::support::{Device, World};
use serde_json::json;

#[tokio::test]
async fn what_is_sent_through_one_node_is_heard_at_the_other() {
    let world = World::new().await;
    let other = world.another_hub("two").await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&other, 7).await;

    alice.sends(7, "a-1", "hello").await;
    let thread = alice.hears("message_ack").await["thread_id"].clone();
    assert_eq!(bob.hears("new_thread").await["other_user_id"], 42);
    assert_eq!(bob.hears("new_message").await["content"], "hello");
    assert_eq!(bob.hears("nav_counts").await["payload"]["messages"], 1);

    bob.says(json!({"type": "message_seen", "thread_id": thread})).await;
    assert_eq!(alice.hears("messages_seen").await["up_to"], 1);
}

/// A node took what another process had written under its name for its own, and never told of it.
#[tokio::test]
async fn a_second_process_under_a_nodes_name_is_another_node() {
    let world = World::new().await;
    let other = world.another_hub("one").await;
    let alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&other, 7).await;
    for (n, text) in (0..3).zip(["one", "two", "three"]) {
        alice.sends(7, &format!("a-{n}"), text).await;
        assert_eq!(bob.hears("new_message").await["content"], text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_of_a_thread_sending_at_once_through_different_nodes_see_the_same_order() {
    const EACH: usize = 100;
    let world = World::new().await;
    let other = world.another_hub("two").await;
    let mut threads = Vec::new();
    for n in 0..10_u64 {
        let (hub_a, hub_b) = (world.hub.clone(), other.clone());
        threads.push(tokio::spawn(async move {
            let (a, b) = (100 + n, 200 + n);
            let one = tokio::spawn(talk(hub_a, a, b, EACH));
            let two = tokio::spawn(talk(hub_b, b, a, EACH));
            (one.await.expect("no panic"), two.await.expect("no panic"))
        }));
    }
    for thread in threads {
        let (one, two) = thread.await.expect("no panic");
        assert_eq!(one, two, "the same history on both sides");
        assert_eq!(one.len(), 2 * EACH);
    }
}

/// Sends and hears until the whole thread is known; returns it in the order of `seq`.
async fn talk(hub: chat_actors::Hub, me: u64, other: u64, each: usize) -> Vec<(u64, String)> {
    let mut device = Device::connect(&hub, me).await;
    for n in 0..each {
        if n % 10 == 9 {
            // Both are there before either is done.
            tokio::task::yield_now().await;
        }
        device.sends(other, &format!("{me}-{n}"), "x").await;
    }
    let mut thread = Vec::new();
    let (mut told, mut acked) = (0, 0);
    while thread.len() < 2 * each {
        let frame = device.next().await;
        let key = || (frame["seq"].as_u64().expect("a place"), frame["temp_id"].as_str().expect("a key").to_owned());
        match frame["type"].as_str() {
            Some("message_ack") => {
                assert!(key().0 > acked, "acks in the order of the sends");
                acked = key().0;
                thread.push(key());
            }
            Some("new_message") => {
                assert!(key().0 > told, "messages in order, none twice: {} after {told}", key().0);
                told = key().0;
                thread.push(key());
            }
            _ => {}
        }
    }
    thread.sort();
    let places: Vec<_> = thread.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(places, (1..=2 * each as u64).collect::<Vec<_>>(), "dense");
    thread
}
