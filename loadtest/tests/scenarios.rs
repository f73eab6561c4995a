//! Every scenario with a real hub, for a short time.
//!
//! The hub is the program in the folder of this one (`cargo build`), or `CHAT_TEST_HUB`. Node.js and a browser take part if
//! `CHAT_TEST_PEERS` is set, as in `scripts/test`; then none of them may be missing. MariaDB takes part if `CHAT_TEST_MARIADB=1`.

use serde_json::{Map, json};

use crate::support::browser::Plots;
use crate::support::hub::{hub, run_scenario, with_peers};
use crate::support::loadtest;

#[tokio::test]
async fn chat_in_an_open_loop_with_delivery_receipts() {
    let Some(output) = run_scenario("chat --pairs 10 --rate 200 --seconds 2 --json").await else { return };
    let json = output.json();
    let tally = &json["tally"];
    assert_eq!(tally["sent"], 500, "{tally}");
    for what in ["acknowledged", "stored", "delivered", "receipted"] {
        assert_eq!(tally[what], tally["sent"], "{tally}");
    }
    // The report has the costs of the hub and its own metrics.
    assert!(json["server"]["resident_kb"].as_u64() > Some(1_000), "{}", json["server"]);
    assert!(json["server"]["metrics"]["commits"].as_f64() > Some(0.0), "{}", json["server"]);
    let stages = json["server"]["metrics"]["latency"]["stages"].as_array().expect("stages");
    assert_eq!(stages.len(), 3);
    for stage in stages {
        assert!(stage["count"].as_f64() > Some(0.0) && stage["sum_ms"].as_f64() > Some(0.0), "{stage}");
        let below = stage["at_most_ms"].as_array().expect("buckets").iter().filter_map(|bucket| bucket[1].as_f64());
        assert!(below.fold(0.0, f64::max) > 0.0, "{stage}");
    }
    assert!(json["environment"]["cores"].as_u64() >= Some(1));
}

#[tokio::test]
async fn chat_in_a_closed_loop_with_read_receipts() {
    let Some(output) = run_scenario("chat --pairs 5 --in-flight 4 --seconds 1 --receipts seen").await else { return };
    for what in ["nothing lost, nothing duplicated, everything in order", "stages      queue mean "] {
        assert!(output.text.contains(what), "{}", output.text);
    }
}

#[tokio::test]
async fn a_load_that_the_hub_refuses_is_invalid() {
    let Some(hub) = hub() else { return };
    let line =
        "run chat --spawn --set CHAT_RATE_LIMIT=20 --pairs 2 --rate 200 --seconds 2 --warmup 0 --max-lateness 1000";
    let output = loadtest(line, &["--hub", &hub]).await;
    assert_eq!(output.code, Some(3), "{}\n{}", output.text, output.errors);
    for what in ["message refused: rate_limited", "the server refused", "CHAT_RATE_LIMIT=off"] {
        assert!(output.text.contains(what), "{}", output.text);
    }
}

#[tokio::test]
async fn idle() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display();
    let Some(output) = run_scenario(&format!("idle --connections 200 --seconds 1 --json --out {out}")).await else {
        return;
    };
    let figures = &output.json()["figures"];
    assert_eq!(figures["connections"], 200.0);
    assert!(figures["memory_per_connection"].as_f64() > Some(1.0), "{figures}");
    let page = folder.path().join("report.html");
    assert!(std::fs::read_to_string(&page).expect("a page").contains("KB of memory per connection</p>"));
    if with_peers() {
        Plots::of(&page).await.show("Memory over connections", &["resident"]);
    }
}

#[tokio::test]
async fn presence() {
    run_scenario("presence --circles 5 --watchers 4 --rate 100 --seconds 1").await;
}

#[tokio::test]
async fn notifications() {
    run_scenario("notifications --listeners 40 --batch 20 --rate 10 --seconds 2").await;
}

#[tokio::test]
async fn history() {
    run_scenario("history --threads 4 --messages 120 --rate 50 --seconds 2").await;
}

#[tokio::test]
async fn a_reconnection_storm() {
    let Some(output) = run_scenario("reconnect --connections 100 --missed 2 --json").await else { return };
    assert_eq!(output.json()["figures"]["resumed"], 100.0);
}

#[tokio::test]
async fn slow_readers() {
    let Some(output) = run_scenario("slow-readers --slow-readers 2 --pairs 5 --rate 50 --seconds 12 --json").await
    else {
        return;
    };
    let json = output.json();
    let (figures, tally) = (&json["figures"], &json["tally"]);
    assert_eq!(figures["slow_readers_closed_with_4002"], 2.0, "{figures}");
    assert_eq!(figures["slow_readers_still_connected"], 0.0, "{figures}");
    assert_eq!(tally["sent"], 625, "{tally}");
    for what in ["acknowledged", "stored", "delivered", "receipted"] {
        assert_eq!(tally[what], tally["sent"], "{tally}");
    }
}

#[tokio::test]
async fn webhooks_and_a_consumer_of_the_feed() {
    let Some(output) = run_scenario("webhooks --pairs 10 --rate 200 --seconds 2 --feed --json").await else { return };
    let json = output.json();
    assert_eq!((&json["tally"]["sent"], &json["tally"]["delivered"]), (&json!(500), &json!(500)), "{json}");
    let figures = &json["figures"];
    assert_eq!((&figures["webhooks"], &figures["feed_events"]), (&json!(500.0), &json!(500.0)), "{figures}");
    let operations = json["operations"].as_array().expect("operations");
    for name in ["webhook", "feed event"] {
        let timed = operations.iter().find(|operation| operation["name"] == name).expect("it is timed");
        assert!(timed["completed"].as_u64() > Some(300) && timed["corrected_ms"]["p99"].is_f64(), "{timed}");
    }
    assert_eq!(operations[0]["name"], "message", "it is compared with the one of `run chat`");
}

#[tokio::test]
async fn messages_beside_an_endpoint_that_is_down() {
    let line = "webhooks --pairs 5 --rate 100 --seconds 2 --endpoint down";
    let Some(output) = run_scenario(line).await else { return };
    for what in ["endpoint down", "nothing lost, nothing duplicated, everything in order"] {
        assert!(output.text.contains(what), "{}", output.text);
    }
}

#[tokio::test]
async fn the_mix_of_a_marketplace() {
    let Some(output) = run_scenario("mixed --users 60 --rate 100 --seconds 2 --json").await else { return };
    let operations = output.json()["operations"].as_array().expect("operations").clone();
    let completed = |name: &str| {
        let found = operations.iter().find(|operation| operation["name"] == name);
        found.is_some_and(|operation| operation["completed"].as_u64() > Some(0))
    };
    assert!(["message", "presence query", "notification", "page"].into_iter().all(completed), "{operations:?}");
}

#[tokio::test]
async fn images() {
    let Some(output) = run_scenario("images --pairs 2 --pixels 64x48 --rate 4 --seconds 2 --json").await else {
        return;
    };
    let operations = &output.json()["operations"];
    for (place, name) in ["image", "upload", "send", "fetch"].into_iter().enumerate() {
        let operation = &operations[place];
        assert_eq!((&operation["name"], operation["errors"].as_object().map(Map::len)), (&json!(name), Some(0)));
        assert!(operation["completed"].as_u64() >= Some(6), "{name}: {operations}");
    }
}
