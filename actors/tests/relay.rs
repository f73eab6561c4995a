//! Two nodes on one database, with a bus between them that loses and delays what it carries.

use std::time::Duration;

use chat_actors::hub::Options;
use chat_actors::relay::{self, Bus, Carrier, Faults, Key};
use chat_testkit::waiting::until;

use crate::support::{Device, World};

/// Joins a node to a bus, and has it poll so seldom that only the bus can be in time.
fn joined(bus: &Bus, poll: Duration) -> impl FnOnce(&mut Options) {
    let relay = relay::Options { carrier: Carrier::Lossy(bus.clone()), key: Some(Key::derive(b"the same everywhere")) };
    move |options| {
        options.relay = relay;
        options.commit_poll_interval = poll;
    }
}

async fn talk(bus: &Bus, poll: Duration) {
    let world = World::with(joined(bus, poll)).await;
    let other = world.another_hub_with("two", joined(bus, poll)).await;
    let mut alice = Device::connect(&world.hub, 42).await;
    let mut bob = Device::connect(&other, 7).await;
    for n in 0..20 {
        alice.sends(7, &format!("a-{n}"), &format!("ping {n}")).await;
        assert_eq!(bob.hears("new_message").await["content"], format!("ping {n}"));
        bob.sends(42, &format!("b-{n}"), &format!("pong {n}")).await;
        assert_eq!(alice.hears("new_message").await["content"], format!("pong {n}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_stores_is_heard_at_the_other_long_before_it_polls() {
    talk(&Bus::new(1, Faults::default()), Duration::from_secs(600)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_bus_loses_is_found_in_the_database() {
    let all = [10, 50, 100].map(|lost_percent| {
        let faults = Faults { lost_percent, delay: Duration::from_millis(5) };
        tokio::spawn(async move { talk(&Bus::new(7, faults), Duration::from_millis(20)).await })
    });
    for talk in all {
        talk.await.expect("no panic");
    }
}

#[tokio::test]
async fn a_node_is_ready_and_says_whether_its_relay_is_up() {
    let alone = World::new().await;
    assert_eq!(alone.hub.ready().await.expect("ready").relay, None);
    let joined = World::with(joined(&Bus::new(1, Faults::default()), Duration::from_secs(1))).await;
    until("the relay is up", async || (joined.hub.ready().await.expect("ready").relay == Some(true)).then_some(()))
        .await;
}
