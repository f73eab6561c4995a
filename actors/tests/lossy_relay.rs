//! Two nodes on one database, with a relay between them that loses and delays: only latency suffers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::{Device, World, user};
use chat_actors::Hub;
use chat_actors::protocol::{ErrorCode, Socket};
use chat_actors::relay::{Bus, Carrier, Faults, Key, Options};
use chat_database::ids::MessageId;
use chat_testkit::waiting::passes;
use serde_json::json;

/// So rarely that a test which passes has not waited for it.
const NEVER: Duration = Duration::from_secs(3_600);

fn relay(bus: &Bus) -> Options {
    Options { carrier: Carrier::Lossy(bus.clone()), key: Some(Key::derive(b"a secret of the tests")) }
}

/// Two hubs on one database, joined by a bus.
async fn two_hubs(bus: &Bus, poll: Duration) -> (World, Hub) {
    let world = World::with(|options| {
        options.relay = relay(bus);
        options.commit_poll_interval = poll;
    })
    .await;
    let joins = |options: &mut chat_actors::hub::Options| {
        options.relay = relay(bus);
        options.commit_poll_interval = poll;
    };
    let other = world.another_hub_with("two", joins).await;
    (world, other)
}

#[tokio::test]
async fn whatever_happens_at_one_node_is_heard_at_the_other_without_a_poll() {
    let bus = Bus::new(1, Faults::default());
    let (world, other) = two_hubs(&bus, NEVER).await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&other, 7).await;
    let mut bell = Device::open(&other, 7, None, Socket::Notifications);
    bell.hears("auth_ok").await;

    alice.sends(7, "a-1", "hello").await;
    let ack = alice.hears("message_ack").await;
    assert_eq!(bob.hears("new_thread").await["other_user_id"], 42);
    assert_eq!(bob.hears("new_message").await["content"], "hello");
    assert_eq!(bob.hears("nav_counts").await["payload"], json!({"notifications": 1, "messages": 1}));
    assert_eq!(bell.hears("notification").await["payload"]["body"], "hello");

    let (id, thread) = (ack["message_id"].clone(), ack["thread_id"].clone());
    bob.says(json!({"type": "message_delivered", "thread_id": thread, "up_to": 1})).await;
    assert_eq!(alice.hears("messages_delivered").await["up_to"], 1);
    bob.says(json!({"type": "message_seen", "thread_id": thread})).await;
    assert_eq!(alice.hears("messages_seen").await["up_to"], 1);

    let message = MessageId::new(id.as_u64().expect("an id")).expect("an id");
    world.hub.edit(user(42), message, "hello!".to_owned()).await.expect("edited");
    assert_eq!(bob.hears("message_updated").await["content"], "hello!");
    world.hub.delete(user(42), message).await.expect("deleted");
    assert_eq!(bob.hears("message_deleted").await["id"], id);

    bob.sends(42, "b-1", "still there?").await;
    assert_eq!(alice.hears("new_message").await["content"], "still there?");
    // The first ones are of the beginning of the thread.
    while alice.hears("nav_counts").await["payload"]["messages"] != 1 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_relay_loses_and_delays_both_sides_have_the_whole_thread() {
    let long = std::env::var("CHAT_TEST_LONG").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    let lasts = Duration::from_secs(if long { 600 } else { 20 });
    let relays = [(1, 1, 20), (2, 10, 50), (3, 50, 500), (4, 100, 0), (5, 0, 500)];
    let all = relays.map(|(seed, lost_percent, delay)| {
        tokio::spawn(talks(seed, Faults { lost_percent, delay: Duration::from_millis(delay) }, lasts))
    });
    for talks in all {
        talks.await.expect("no panic");
    }
}

/// Lets users of two hubs talk for a time, ten pairs at once, over a relay with faults.
async fn talks(seed: u64, faults: Faults, lasts: Duration) {
    let bus = Bus::new(seed, faults);
    let (world, other) = two_hubs(&bus, Duration::from_millis(100)).await;
    let began = Instant::now();
    for round in 0.. {
        let pairs = (0..10_u64).map(|n| {
            let (hub_a, hub_b) = (world.hub.clone(), other.clone());
            tokio::spawn(async move {
                let a = 100 + 2 * (10 * round + n);
                let b = a + 1;
                let one = tokio::spawn(talk(hub_a, a, b, round == 0));
                let two = tokio::spawn(talk(hub_b, b, a, round == 0));
                (one.await.expect("no panic"), two.await.expect("no panic"))
            })
        });
        for pair in pairs.collect::<Vec<_>>() {
            let (one, two) = pair.await.expect("no panic");
            assert_eq!(one, two, "the same history on both sides, with {faults:?}");
        }
        if began.elapsed() > lasts {
            break;
        }
    }
}

/// How many messages each side sends.
const EACH: usize = 60;

/// What a message says at its last change, by its place.
type Thread = BTreeMap<u64, (u64, String)>;

/// Edits a message as clients do, which try again what was refused for a moment: ten hubs write to five files here, and on a busy
/// machine one of them may wait for a file's lock in vain.
async fn edits(hub: &Hub, me: u64, id: MessageId, text: &str) {
    while let Err(refused) = hub.edit(user(me), id, text.to_owned()).await {
        assert_eq!(refused.code, ErrorCode::Unavailable, "{refused:?}");
        passes(Duration::from_millis(100)).await;
    }
}

/// Sends and hears until the whole thread is known, with the edits of every tenth message of both sides. `first`: no connection
/// has ended on these hubs, so nothing is told twice.
async fn talk(hub: Hub, me: u64, other: u64, first: bool) -> Vec<String> {
    let mut device = Device::connect(&hub, me).await;
    let began = Instant::now();
    let (mut thread, mut sent, mut acked) = (Thread::new(), 0, 0);
    let edited = |thread: &Thread| thread.values().filter(|(_, text)| text.contains("edited")).count();
    while thread.len() < 2 * EACH || edited(&thread) < 2 * EACH / 10 {
        while sent < EACH && sent - acked < 4 {
            let key = format!("{me}-{sent}");
            device.sends(other, &key, &key).await;
            sent += 1;
        }
        let frame = device.next().await;
        let number = |name: &str| frame[name].as_u64().expect("a number");
        let text = |name: &str| frame[name].as_str().expect("a text").to_owned();
        match frame["type"].as_str() {
            Some("message_ack") => {
                let known = thread.insert(number("seq"), (number("rev"), text("temp_id")));
                assert_eq!(known, None, "each message once");
                acked += 1;
                if acked % 10 == 0 {
                    let id = MessageId::new(number("message_id")).expect("an id");
                    edits(&hub, me, id, &format!("{me} edited {acked}")).await;
                }
            }
            Some("new_message") => {
                let told = (number("rev"), text("content"));
                match thread.get(&number("seq")) {
                    // Shortly after a connection begins the hub may repeat a change (docs/PROTOCOL.md 3.4): it does when another
                    // one has just ended.
                    Some(known) => assert!(
                        !first && told.0 <= known.0,
                        "told again {:?} after the connection began, and it may be new: {told:?} after {known:?}",
                        began.elapsed()
                    ),
                    None => drop(thread.insert(number("seq"), told)),
                }
            }
            Some("message_updated") => {
                let known = thread.get_mut(&number("seq")).expect("a message is told before its change");
                if known.0 <= number("rev") {
                    *known = (number("rev"), text("content"));
                }
            }
            _ => {}
        }
    }
    thread.into_values().map(|(_, text)| text).collect()
}
