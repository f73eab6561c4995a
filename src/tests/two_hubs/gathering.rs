//! What comes while another node commits is in the next commit.

use std::sync::Arc;
use std::time::Duration;

use chat_testkit::mariadb::{MariaDb, wanted};
use serde_json::json;

use crate::support::device::of_type;
use crate::support::{Hub, until};

/// Waits until there is a transaction of which a condition holds.
async fn until_a_transaction(database: &MariaDb, condition: &str) {
    until(condition, async || {
        // The table shows what was there when it was read last, if that was less than a tenth of a second ago.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let counted = format!("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE {condition}");
        (database.sql(&counted).trim() != "0").then_some(())
    })
    .await;
}

/// The first write was committed by itself, and all others waited for the lock another time.
#[tokio::test]
async fn what_comes_while_another_nodes_commit_is_waited_for_is_one_commit() {
    if !wanted("what_comes_while_another_nodes_commit_is_waited_for_is_one_commit") {
        return;
    }
    let database = Arc::new(MariaDb::start());
    let hub = Hub::set(&[("DATABASE_URL", &database.database("chat"))]).await;
    let mut laptop = hub.person(42).connect().await;
    laptop.sends_to(&hub.person(7), "first").await;
    let commits = || database.sql("SELECT commit_no FROM chat.hub_state").trim().parse::<u64>().expect("a number");
    let before = commits();
    let held = "BEGIN; SELECT * FROM chat.hub_state FOR UPDATE; SELECT SLEEP(2); COMMIT";
    let other = std::thread::spawn({
        let database = Arc::clone(&database);
        move || database.sql(held)
    });
    until_a_transaction(&database, "trx_rows_locked > 0").await;
    let say = |number: u32| {
        let message = json!({"temp_id": format!("m{number}"), "receiver_id": 7, "content": "x"});
        of_type(message, "message_send")
    };
    laptop.says(say(0)).await;
    until_a_transaction(&database, "trx_state = 'LOCK WAIT'").await;
    for number in 1..5 {
        laptop.says(say(number)).await;
    }
    for number in 0..5 {
        laptop.is_acked(&format!("m{number}")).await;
    }
    assert_eq!(commits() - before, 1, "five messages took several commits");
    other.join().expect("the other one commits");
}
