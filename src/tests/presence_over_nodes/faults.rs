//! What clients are told of presence when a hub is killed, stopped or restarted, and when NATS or the database is away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Friends, Nodes, acquaints, has, is_of, is_online, wanted};
use crate::support::{Device, passes, until};

/// Waits for so long, and returns of whom a device was told meanwhile that they have gone.
async fn gone_within(device: &mut Device, span: Duration) -> Vec<Value> {
    passes(span).await;
    let mut told = device.settles().await;
    told.retain(|frame| frame["type"] == "user_offline");
    told
}

/// F1: offline is told ten to twenty seconds after the death, and not of a user who has come back elsewhere.
#[tokio::test]
async fn of_a_killed_hubs_users_those_who_stay_away_have_gone_and_no_sooner_than_after_ten_seconds() {
    if !wanted("of_a_killed_hubs_users_those_who_stay_away_have_gone_and_no_sooner_than_after_ten_seconds") {
        return;
    }
    let mut nodes = Nodes::start(&["one", "two", "three"]).await;
    let [one, two, three] = &nodes.hubs[..] else { panic!("three hubs") };
    let (alice, carol, bob, dave) = (one.person(42), one.person(43), two.person(7), three.person(8));
    let (mut desk, mut laptop) = (alice.connect().await, carol.connect().await);
    let (mut tablet, mut phone) = (bob.connect().await, dave.connect().await);
    acquaints(&mut desk, &mut tablet, &bob).await;
    acquaints(&mut laptop, &mut tablet, &bob).await;
    acquaints(&mut desk, &mut phone, &dave).await;
    for hub in [two, three] {
        has(hub, "chat_presence_remote", 3).await;
    }
    nodes.hubs[0].kill().await;
    let killed = Instant::now();
    let back = nodes.hubs[2].person(43);
    let mut laptop = back.connect().await;
    tablet.settles().await;
    for device in [&mut tablet, &mut phone] {
        let is_offline = |frame: &Value| frame["type"] == "user_offline";
        let offline = device.expect_within(Duration::from_secs(25), "user_offline", is_offline).await;
        let after = killed.elapsed();
        assert_eq!(offline["user_id"], 42);
        assert!((10..=20).contains(&after.as_secs()), "told after {after:?}");
    }
    assert!(!is_online(&bob, &alice).await && is_online(&bob, &carol).await);
    let gone = gone_within(&mut tablet, Duration::from_secs(2)).await;
    assert!(gone.is_empty(), "{gone:?}");
    laptop.settles().await;
}

/// F1: the hub is started again at once, and its users come back to it.
#[tokio::test]
async fn of_a_hub_that_is_killed_and_started_again_no_user_has_gone_who_comes_back() {
    let friends = Friends::meet("of_a_hub_that_is_killed_and_started_again_no_user_has_gone_who_comes_back").await;
    let Some(Friends { mut nodes, alice, bob, mut tablet, .. }) = friends else { return };
    nodes.hubs[0].kill().await;
    nodes.hubs[0].restart().await;
    let desk = alice.connect().await;
    let gone = gone_within(&mut tablet, Duration::from_secs(14)).await;
    assert!(gone.is_empty(), "{gone:?}");
    assert!(is_online(&bob, &alice).await);
    desk.leaves().await;
    let is_offline = |frame: &Value| frame["type"] == "user_offline";
    tablet.expect_within(Duration::from_secs(15), "user_offline", is_offline).await;
}

/// F4, F6: no user flaps, and once NATS is back each learns what has happened meanwhile.
#[tokio::test]
async fn while_nats_is_away_no_user_has_gone_and_then_what_was_missed_is_told() {
    let friends = Friends::meet("while_nats_is_away_no_user_has_gone_and_then_what_was_missed_is_told").await;
    let Some(Friends { mut nodes, alice, bob, mut desk, mut tablet, .. }) = friends else { return };
    let carol = nodes.hubs[0].person(43);
    let mut laptop = carol.connect().await;
    acquaints(&mut laptop, &mut tablet, &bob).await;
    has(&nodes.hubs[1], "chat_presence_remote", 2).await;
    tablet.settles().await;
    nodes.nats.kill();
    laptop.leaves().await;
    let gone = gone_within(&mut tablet, Duration::from_secs(16)).await;
    assert!(gone.is_empty(), "{gone:?}");
    assert!(is_online(&bob, &alice).await);
    nodes.nats.restart();
    assert_eq!(tablet.expect_where("user_offline", |_| true).await["user_id"], 43);
    assert!(is_online(&bob, &alice).await && !is_online(&bob, &carol).await);
    has(&nodes.hubs[1], "chat_presence_remote", 1).await;
    desk.settles().await;
}

/// F8: NATS carries what no table keeps, and the row of a node that can write none makes it no dead one.
#[tokio::test]
async fn while_the_database_is_away_typing_crosses_and_no_user_has_gone() {
    let friends = Friends::meet("while_the_database_is_away_typing_crosses_and_no_user_has_gone").await;
    let Some(Friends { mut nodes, alice, bob, mut desk, mut tablet, thread }) = friends else { return };
    for hub in &mut nodes.hubs {
        hub.expects_errors();
    }
    // Whose thread it is, a connection asks the database once.
    for has_database in [true, false] {
        if !has_database {
            nodes.database.kill();
        }
        for kind in ["typing", "stop_typing"] {
            desk.says(json!({"type": kind, "thread_id": thread})).await;
            assert_eq!(tablet.expect(kind).await["from"], 42);
            tablet.says(json!({"type": kind, "thread_id": thread})).await;
            assert_eq!(desk.expect(kind).await["from"], 7);
        }
    }
    // The rows of both nodes become as old as those of dead ones, and what a death is told after has passed.
    for (device, span) in [(&mut desk, 16), (&mut tablet, 0)] {
        let gone = gone_within(device, Duration::from_secs(span)).await;
        assert!(gone.is_empty(), "{gone:?}");
    }
    desk.says(json!({"type": "typing", "thread_id": thread})).await;
    tablet.expect("typing").await;
    // Who leaves meanwhile has gone, and the others are told once it can be written down when.
    desk.leaves().await;
    tablet.expect("stop_typing").await;
    nodes.database.restart();
    for person in [&alice, &bob] {
        let ready = async || (person.get("/health/ready").await.status == 200).then_some(());
        until("the hub is ready again", ready).await;
    }
    let offline =
        tablet.expect_within(Duration::from_secs(25), "user_offline", |frame| frame["type"] == "user_offline");
    let offline = offline.await;
    assert!(offline["user_id"] == 42 && offline["last_seen"].is_string(), "{offline}");
    // An announcement that waited for the database may say what was so before it was away: her return comes after it.
    tablet.settles().await;
    let mut desk = alice.connect().await;
    tablet.expect_where("user_online", is_of(&alice)).await;
    assert!(is_online(&bob, &alice).await);
    desk.settles().await;
}

/// F3: a rolling restart.
#[tokio::test]
async fn of_a_hub_that_ends_in_order_no_user_has_gone_who_comes_back_elsewhere() {
    let friends = Friends::meet("of_a_hub_that_ends_in_order_no_user_has_gone_who_comes_back_elsewhere").await;
    let Some(Friends { mut nodes, mut desk, mut tablet, .. }) = friends else { return };
    nodes.hubs[0].asks_to_end().await;
    desk.is_closed_with(4001).await;
    nodes.hubs[0].ends(Duration::from_secs(22)).await;
    // Later than a departure is told otherwise: hubs tell clients to come back within half a minute.
    let gone = gone_within(&mut tablet, Duration::from_secs(14)).await;
    assert!(gone.is_empty(), "{gone:?}");
    let mut desk = nodes.hubs[1].person(42).connect().await;
    let gone = gone_within(&mut tablet, Duration::from_secs(1)).await;
    assert!(gone.is_empty(), "{gone:?}");
    desk.settles().await;
}

/// F2: a stopped hub is dead for the others after a while, and when it goes on its users are back.
#[tokio::test]
async fn the_users_of_a_hub_that_stood_still_are_back_once_it_goes_on() {
    let friends = Friends::meet("the_users_of_a_hub_that_stood_still_are_back_once_it_goes_on").await;
    let Some(Friends { nodes, alice, bob, mut desk, mut tablet, .. }) = friends else { return };
    nodes.hubs[0].freeze().await;
    let is_offline = |frame: &Value| frame["type"] == "user_offline";
    tablet.expect_within(Duration::from_secs(25), "user_offline", is_offline).await;
    nodes.hubs[0].thaw().await;
    tablet.expect_where("user_online", is_of(&alice)).await;
    assert!(is_online(&bob, &alice).await);
    desk.settles().await;
}
