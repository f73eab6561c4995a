//! The auditor finds every frame that a proxy drops, duplicates, reorders or delays: with its count, its name, and exit code 1.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::proxy::{self, Fault, Plan};
use crate::support::server::{self, Behaviour};
use crate::support::{ToolOutput, loadtest, url};
use serde_json::{Value, json};

/// 120 messages of two pairs, in two seconds.
const RUN: &str = "run chat --pairs 2 --rate 60 --warmup 0 --seconds 2 --deadline 1 --chars 20 --max-lateness 500 \
                   --receipt-every 20 --json";

async fn audited(plan: Plan) -> ToolOutput {
    let address = proxy::start(server::start(Behaviour::default()), plan);
    loadtest(RUN, &["--target", &url(address)]).await
}

fn finds(output: &ToolOutput, violations: Value) {
    let json = output.json();
    assert_eq!(json["violations"]["counts"], violations, "{:?}", json["violations"]["examples"]);
    assert_eq!(json["tally"]["sent"], 120, "{output:?}");
    assert_eq!(output.code, Some(1));
}

#[tokio::test]
async fn a_server_that_keeps_every_guarantee_has_no_violation() {
    let address = server::start(Behaviour::default());
    let output = loadtest(RUN, &["--target", &url(address)]).await;
    let json = output.json();
    assert_eq!(json["violations"]["counts"], json!({}), "{:?}", json["violations"]["examples"]);
    let of_all = ["sent", "acknowledged", "sought", "stored", "delivered", "receipted"].map(|what| (what, 120));
    let tally: HashMap<&str, u32> = of_all.into_iter().chain([("refused", 0)]).collect();
    assert_eq!(json["tally"], json!(tally));
    assert_eq!(output.code, Some(0), "{output:?}");
}

#[tokio::test]
async fn messages_that_were_not_read_back_do_not_count_as_stored() {
    let address = server::start(Behaviour::default());
    let output = loadtest(RUN, &["--target", &url(address), "--read-back", "20"]).await;
    let json = output.json();
    assert_eq!((&json["tally"]["sought"], &json["tally"]["stored"]), (&json!(20), &json!(20)), "{output:?}");
    let text = loadtest(&RUN.replace(" --json", ""), &["--target", &url(address), "--read-back", "0"]).await.text;
    assert!(text.contains("stored 0 of the 0 that were read back"), "{text}");
}

#[tokio::test]
async fn deliveries_that_are_dropped_are_lost() {
    let output = audited(Plan { kind: "new_message", fault: Fault::Drop, every: 20, times: 3 }).await;
    finds(&output, json!({"undelivered": 3}));
}

#[tokio::test]
async fn acknowledgements_that_are_dropped_are_lost() {
    let output = audited(Plan { kind: "message_ack", fault: Fault::Drop, every: 20, times: 4 }).await;
    finds(&output, json!({"unacknowledged": 4}));
}

#[tokio::test]
async fn messages_that_never_arrive_are_lost() {
    let output = audited(Plan { kind: "message_send", fault: Fault::Drop, every: 20, times: 2 }).await;
    finds(&output, json!({"unanswered": 2}));
}

#[tokio::test]
async fn deliveries_that_come_twice_are_duplicates() {
    let output = audited(Plan { kind: "new_message", fault: Fault::Duplicate, every: 15, times: 5 }).await;
    finds(&output, json!({"delivered-twice": 5}));
}

#[tokio::test]
async fn acknowledgements_that_come_twice_are_duplicates() {
    let output = audited(Plan { kind: "message_ack", fault: Fault::Duplicate, every: 15, times: 5 }).await;
    finds(&output, json!({"acknowledged-twice": 5}));
}

#[tokio::test]
async fn a_message_that_is_sent_twice_is_a_duplicate_everywhere() {
    // The synthetic server ignores idempotency keys: it stores and delivers the message twice.
    let output = audited(Plan { kind: "message_send", fault: Fault::Duplicate, every: 119, times: 1 }).await;
    let json = output.json();
    let counts = &json["violations"]["counts"];
    for violation in ["acknowledged-twice", "delivered-twice", "stored-twice"] {
        assert_eq!(counts[violation], 1, "{counts}");
    }
    assert_eq!(output.code, Some(1));
}

#[tokio::test]
async fn deliveries_that_change_places_are_out_of_order() {
    let output = audited(Plan { kind: "new_message", fault: Fault::Swap, every: 20, times: 3 }).await;
    finds(&output, json!({"delivered-out-of-order": 3}));
}

#[tokio::test]
async fn acknowledgements_that_change_places_are_out_of_order() {
    let output = audited(Plan { kind: "message_ack", fault: Fault::Swap, every: 20, times: 3 }).await;
    finds(&output, json!({"acknowledged-out-of-order": 3}));
}

#[tokio::test]
async fn a_delay_is_found() {
    for kind in ["new_message", "message_ack"] {
        let plan = Plan { kind, fault: Fault::Delay(Duration::from_millis(900)), every: 4, times: 1 };
        let address = proxy::start(server::start(Behaviour::default()), plan);
        // One message in half a second, so that a delay of 900 ms makes one of them later than 700 ms.
        let line = "run chat --pairs 1 --rate 2 --warmup 0 --seconds 4 --deadline 0.7 --receipts none --json";
        let output = loadtest(line, &["--target", &url(address)]).await;
        let json = output.json();
        assert_eq!(json["violations"]["counts"], json!({"delayed": 1}), "{kind}: {:?}", json["violations"]["examples"]);
        let tally = &json["tally"];
        assert_eq!((&tally["acknowledged"], &tally["delivered"]), (&json!(8), &json!(8)), "{kind}");
        assert_eq!(output.code, Some(1));
    }
}

#[tokio::test]
async fn a_server_that_does_not_close_slow_readers_is_found() {
    // The synthetic server closes no connection.
    let url = url(server::start(Behaviour::default()));
    let line = "run slow-readers --slow-readers 1 --pairs 1 --rate 10 --warmup 0 --max-lateness 1000 --json";
    let output = loadtest(line, &["--target", &url, "--seconds", "20"]).await;
    let json = output.json();
    assert_eq!(json["violations"]["counts"], json!({"unclosed": 1}), "{json}");
    assert_eq!((&json["figures"]["slow_readers_still_connected"], output.code), (&json!(1.0), Some(1)));
    // In a short run the slow readers are not sent enough.
    let output = loadtest(line, &["--target", &url, "--seconds", "0.1"]).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.text.contains("run longer (--seconds)"), "{}", output.text);
}

#[tokio::test]
async fn receipts_that_are_dropped_are_missing() {
    let output = audited(Plan { kind: "messages_delivered", fault: Fault::Drop, every: 1, times: u64::MAX }).await;
    finds(&output, json!({"unreceipted": 120}));
}

#[tokio::test]
async fn an_acknowledged_message_that_is_not_in_history_is_lost() {
    let address = server::start(Behaviour { forgets: vec![7, 8], ..Behaviour::default() });
    let output = loadtest(RUN, &["--target", &url(address)]).await;
    // Two places of each of two threads.
    finds(&output, json!({"unstored": 4}));
}

#[tokio::test]
async fn the_text_names_the_violations() {
    let plan = Plan { kind: "new_message", fault: Fault::Drop, every: 20, times: 3 };
    let address = proxy::start(server::start(Behaviour::default()), plan);
    let output = loadtest(RUN.trim_end_matches("--json"), &["--target", &url(address)]).await;
    assert!(output.text.contains("lost 3 (acknowledged, not delivered 3)"), "{}", output.text);
    assert!(output.text.contains("3 guarantees broken: this run is a failure"), "{}", output.text);
}
