//! What comes while another node commits is in the next commit.

use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use serde_json::json;

use crate::support::device::of_type;
use crate::support::{Hub, until};

on_each_server!(what_comes_while_another_nodes_commit_is_waited_for_is_one_commit);

/// Tells whether a hub waits for the counter's lock.
fn a_hub_waits(database: &Server) -> bool {
    let waiting = if database.is_postgres() {
        "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    } else {
        "SELECT COUNT(*) FROM information_schema.processlist \
         WHERE info LIKE '%hub_state%FOR UPDATE%' AND id <> CONNECTION_ID()"
    };
    database.sql_in("chat", waiting).trim() != "0"
}

/// The first write was committed by itself, and all others waited for the lock another time.
async fn what_comes_while_another_nodes_commit_is_waited_for_is_one_commit(database: Server) {
    let hub = Hub::set(&[("DATABASE_URL", &database.database("chat"))]).await;
    let mut laptop = hub.person(42).connect().await;
    laptop.sends_to(&hub.person(7), "first").await;
    let commits =
        || -> u64 { database.sql_in("chat", "SELECT commit_no FROM hub_state").trim().parse().expect("a number") };
    let before = commits();
    let other_node = database.hold_locks("chat", "SELECT commit_no FROM hub_state FOR UPDATE");
    let send = |number: u32| {
        let message = json!({"temp_id": format!("m{number}"), "receiver_id": 7, "content": "x"});
        of_type(message, "message_send")
    };
    laptop.says(send(0)).await;
    until("the hub waits for the lock", async || a_hub_waits(&database).then_some(())).await;
    for number in 1..5 {
        laptop.says(send(number)).await;
    }
    let waiting = "chat_storage_queue 5";
    until("all five messages wait for the next commit", async || {
        hub.person(1).get("/metrics").await.text.lines().any(|line| line == waiting).then_some(())
    })
    .await;
    drop(other_node);
    for number in 0..5 {
        laptop.is_acked(&format!("m{number}")).await;
    }
    assert_eq!(commits() - before, 1, "five messages took several commits");
}
