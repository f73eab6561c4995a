//! What a proxy drops, doubles, reorders or delays is found: with the right count, the right name, and exit code 1.

mod support;

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use support::proxy::{self, Mischief, Plan};
use support::server::{self, Behaviour};
use support::{Said, loadtest, url};

/// 120 messages of two pairs, in two seconds.
const RUN: &str = "run chat --pairs 2 --rate 60 --warmup 0 --seconds 2 --deadline 1 --chars 20 --max-lateness 500 \
                   --receipt-every 20 --json";

async fn audited(plan: Plan) -> Said {
    let address = proxy::start(server::start(Behaviour::default()), plan);
    loadtest(RUN, &["--target", &url(address)]).await
}

fn found(said: &Said, faults: Value) {
    let json = said.json();
    assert_eq!(json["faults"]["counts"], faults, "{:?}", json["faults"]["examples"]);
    assert_eq!(json["tally"]["sent"], 120, "{said:?}");
    assert_eq!(said.code, Some(1));
}

#[tokio::test]
async fn a_server_that_keeps_its_promises_is_told_so() {
    let address = server::start(Behaviour::default());
    let said = loadtest(RUN, &["--target", &url(address)]).await;
    let json = said.json();
    assert_eq!(json["faults"]["counts"], json!({}), "{:?}", json["faults"]["examples"]);
    let of_all = ["sent", "acknowledged", "sought", "stored", "delivered", "receipted"].map(|what| (what, 120));
    let tally: HashMap<&str, u32> = of_all.into_iter().chain([("refused", 0)]).collect();
    assert_eq!(json["tally"], json!(tally));
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[tokio::test]
async fn what_was_not_read_back_is_not_called_stored() {
    let address = server::start(Behaviour::default());
    let said = loadtest(RUN, &["--target", &url(address), "--read-back", "20"]).await;
    let json = said.json();
    assert_eq!((&json["tally"]["sought"], &json["tally"]["stored"]), (&json!(20), &json!(20)), "{said:?}");
    let text = loadtest(&RUN.replace(" --json", ""), &["--target", &url(address), "--read-back", "0"]).await.text;
    assert!(text.contains("stored 0 of the 0 that were read back"), "{text}");
}

#[tokio::test]
async fn deliveries_that_are_dropped_are_lost() {
    let said = audited(Plan { kind: "new_message", mischief: Mischief::Drop, every: 20, times: 3 }).await;
    found(&said, json!({"undelivered": 3}));
}

#[tokio::test]
async fn acknowledgements_that_are_dropped_are_lost() {
    let said = audited(Plan { kind: "message_ack", mischief: Mischief::Drop, every: 20, times: 4 }).await;
    found(&said, json!({"unacknowledged": 4}));
}

#[tokio::test]
async fn messages_that_never_arrive_are_lost() {
    let said = audited(Plan { kind: "message_send", mischief: Mischief::Drop, every: 20, times: 2 }).await;
    found(&said, json!({"unanswered": 2}));
}

#[tokio::test]
async fn deliveries_that_come_twice_are_doubled() {
    let said = audited(Plan { kind: "new_message", mischief: Mischief::Double, every: 15, times: 5 }).await;
    found(&said, json!({"delivered-twice": 5}));
}

#[tokio::test]
async fn acknowledgements_that_come_twice_are_doubled() {
    let said = audited(Plan { kind: "message_ack", mischief: Mischief::Double, every: 15, times: 5 }).await;
    found(&said, json!({"acknowledged-twice": 5}));
}

#[tokio::test]
async fn a_message_that_is_sent_twice_is_doubled_everywhere() {
    // The synthetic server knows no idempotency: it stores and tells it twice.
    let said = audited(Plan { kind: "message_send", mischief: Mischief::Double, every: 119, times: 1 }).await;
    let json = said.json();
    let counts = &json["faults"]["counts"];
    for fault in ["acknowledged-twice", "delivered-twice", "stored-twice"] {
        assert_eq!(counts[fault], 1, "{counts}");
    }
    assert_eq!(said.code, Some(1));
}

#[tokio::test]
async fn deliveries_that_change_places_are_out_of_order() {
    let said = audited(Plan { kind: "new_message", mischief: Mischief::Swap, every: 20, times: 3 }).await;
    found(&said, json!({"delivered-out-of-order": 3}));
}

#[tokio::test]
async fn acknowledgements_that_change_places_are_out_of_order() {
    let said = audited(Plan { kind: "message_ack", mischief: Mischief::Swap, every: 20, times: 3 }).await;
    found(&said, json!({"acknowledged-out-of-order": 3}));
}

#[tokio::test]
async fn a_delay_is_found() {
    for kind in ["new_message", "message_ack"] {
        let plan = Plan { kind, mischief: Mischief::Delay(Duration::from_millis(900)), every: 4, times: 1 };
        let address = proxy::start(server::start(Behaviour::default()), plan);
        // One message in half a second, so that a delay of 900 ms makes one of them later than 700 ms.
        let line = "run chat --pairs 1 --rate 2 --warmup 0 --seconds 4 --deadline 0.7 --receipts none --json";
        let said = loadtest(line, &["--target", &url(address)]).await;
        let json = said.json();
        assert_eq!(json["faults"]["counts"], json!({"delayed": 1}), "{kind}: {:?}", json["faults"]["examples"]);
        let tally = &json["tally"];
        assert_eq!((&tally["acknowledged"], &tally["delivered"]), (&json!(8), &json!(8)), "{kind}");
        assert_eq!(said.code, Some(1));
    }
}

#[tokio::test]
async fn who_keeps_everything_for_those_who_sleep_is_found() {
    // The synthetic server closes nobody.
    let url = url(server::start(Behaviour::default()));
    let line = "run slow-readers --sleepers 1 --pairs 1 --rate 10 --warmup 0 --max-lateness 1000 --json";
    let said = loadtest(line, &["--target", &url, "--seconds", "20"]).await;
    let json = said.json();
    assert_eq!(json["faults"]["counts"], json!({"unclosed": 1}), "{json}");
    assert_eq!((&json["figures"]["sleepers_still_connected"], said.code), (&json!(1.0), Some(1)));
    // In a short time nobody has been sent so much that something must happen.
    let said = loadtest(line, &["--target", &url, "--seconds", "0.1"]).await;
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.text.contains("run it longer (--seconds)"), "{}", said.text);
}

#[tokio::test]
async fn receipts_that_are_dropped_are_missing() {
    let said = audited(Plan { kind: "messages_delivered", mischief: Mischief::Drop, every: 1, times: u64::MAX }).await;
    found(&said, json!({"unreceipted": 120}));
}

#[tokio::test]
async fn what_was_acknowledged_and_is_not_in_history_is_lost() {
    let address = server::start(Behaviour { forgets: vec![7, 8], ..Behaviour::default() });
    let said = loadtest(RUN, &["--target", &url(address)]).await;
    // Two places of each of two threads.
    found(&said, json!({"unstored": 4}));
}

#[tokio::test]
async fn the_table_names_what_was_found() {
    let plan = Plan { kind: "new_message", mischief: Mischief::Drop, every: 20, times: 3 };
    let address = proxy::start(server::start(Behaviour::default()), plan);
    let said = loadtest(RUN.trim_end_matches("--json"), &["--target", &url(address)]).await;
    assert!(said.text.contains("lost 3 (acknowledged, not delivered 3)"), "{}", said.text);
    assert!(said.text.contains("3 promises broken: this is no result"), "{}", said.text);
}
