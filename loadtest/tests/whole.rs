//! The whole way with a real hub: run, capacity, compare, report; short.
//!
//! The hub is the program beside this one (`cargo build`), or `CHAT_TEST_HUB`. Node.js and a browser take part where
//! `CHAT_TEST_PEERS` is set, as in `scripts/test`; then nothing may be missing. MariaDB where `CHAT_TEST_MARIADB=1`.

mod support;

use std::path::{Path, PathBuf};

use chat_loadtest::document::{Document, Finding};
use chat_loadtest::stats::latency::Latency;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::{Map, json};
use support::browser::{Plots, picture};
use support::{Said, loadtest};

/// Returns the hub, or says why the test is left out.
#[expect(clippy::print_stderr, reason = "somebody reads what a test says")]
fn hub() -> Option<String> {
    let beside = Path::new(env!("CARGO_BIN_EXE_chat-loadtest")).with_file_name("softadastra-chat");
    let hub = std::env::var_os("CHAT_TEST_HUB").map_or(beside, PathBuf::from);
    if hub.exists() {
        return Some(hub.display().to_string());
    }
    assert!(!with_peers(), "there is no hub at {}: build it first", hub.display());
    eprintln!("left out: there is no hub at {}", hub.display());
    None
}

fn with_peers() -> bool {
    std::env::var_os("CHAT_TEST_PEERS").is_some()
}

fn is_good(said: &Said) {
    assert_eq!(said.code, Some(0), "{}\n{}", said.text, said.errors);
}

/// Runs a scenario against a hub of its own, and expects that every promise is kept.
async fn runs(line: &str) -> Option<Said> {
    let hub = hub()?;
    let said = loadtest(&format!("run {line} --spawn --warmup 0.5 --max-lateness 1000"), &["--hub", &hub]).await;
    is_good(&said);
    Some(said)
}

#[tokio::test]
async fn chat_with_receipts_by_the_clock() {
    let Some(said) = runs("chat --pairs 10 --rate 200 --seconds 2 --json").await else { return };
    let json = said.json();
    let tally = &json["tally"];
    assert_eq!(tally["sent"], 500, "{tally}");
    for what in ["acknowledged", "stored", "delivered", "receipted"] {
        assert_eq!(tally[what], tally["sent"], "{tally}");
    }
    // What it cost the hub is known, as is what the hub says of itself.
    assert!(json["server"]["resident_kb"].as_u64() > Some(1_000), "{}", json["server"]);
    assert!(json["server"]["says"]["commits"].as_f64() > Some(0.0), "{}", json["server"]);
    let inside = &json["server"]["says"]["inside"]["classes"];
    let sums = |what: &str| {
        inside.as_array().expect("classes").iter().map(|class| class[what].as_f64().expect("a number")).sum::<f64>()
    };
    assert!((10.0..60.0).contains(&sums("messages")), "one of seventeen of 400: {inside}");
    for step in 0..4 {
        let took: f64 = inside
            .as_array()
            .expect("classes")
            .iter()
            .map(|class| class["step_ms"][step].as_f64().expect("a number"))
            .sum();
        assert!(took > 0.0, "step {step}: {inside}");
    }
    assert!(json["environment"]["cores"].as_u64() >= Some(1));
}

#[tokio::test]
async fn chat_in_a_closed_loop_that_has_seen_everything() {
    let Some(said) = runs("chat --pairs 5 --in-flight 4 --seconds 1 --receipts seen").await else { return };
    for what in ["nothing lost, nothing doubled, everything in order", "were timed): "] {
        assert!(said.text.contains(what), "{}", said.text);
    }
}

#[tokio::test]
async fn a_load_that_the_hub_refuses_is_void() {
    let Some(hub) = hub() else { return };
    let line =
        "run chat --spawn --set CHAT_RATE_LIMIT=20 --pairs 2 --rate 200 --seconds 2 --warmup 0 --max-lateness 1000";
    let said = loadtest(line, &["--hub", &hub]).await;
    assert_eq!(said.code, Some(3), "{}\n{}", said.text, said.errors);
    for what in ["message refused: rate_limited", "the load was not taken", "CHAT_RATE_LIMIT=off"] {
        assert!(said.text.contains(what), "{}", said.text);
    }
}

#[tokio::test]
async fn idle() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display();
    let Some(said) = runs(&format!("idle --connections 200 --seconds 1 --json --out {out}")).await else { return };
    let figures = &said.json()["figures"];
    assert_eq!(figures["connections"], 200.0);
    assert!(figures["per_connection"].as_f64() > Some(1.0), "{figures}");
    let page = folder.path().join("report.html");
    assert!(std::fs::read_to_string(&page).expect("a page").contains("KB of memory for a connection</p>"));
    if with_peers() {
        Plots::of(&page).await.show("Memory over connections", &["resident"]);
    }
}

#[tokio::test]
async fn presence() {
    runs("presence --circles 5 --watchers 4 --rate 100 --seconds 1").await;
}

#[tokio::test]
async fn notifications() {
    runs("notifications --listeners 40 --batch 20 --rate 10 --seconds 2").await;
}

#[tokio::test]
async fn history() {
    runs("history --threads 4 --messages 120 --rate 50 --seconds 2").await;
}

#[tokio::test]
async fn a_storm_of_reconnections() {
    let Some(said) = runs("reconnect --connections 100 --missed 2 --json").await else { return };
    assert_eq!(said.json()["figures"]["resumed"], 100.0);
}

#[tokio::test]
async fn slow_readers() {
    let Some(said) = runs("slow-readers --sleepers 2 --pairs 5 --rate 50 --seconds 12 --json").await else { return };
    let json = said.json();
    let (figures, tally) = (&json["figures"], &json["tally"]);
    assert_eq!(figures["sleepers_closed_with_4002"], 2.0, "{figures}");
    assert_eq!(figures["sleepers_still_connected"], 0.0, "{figures}");
    assert_eq!(tally["sent"], 625, "{tally}");
    for what in ["acknowledged", "stored", "delivered", "receipted"] {
        assert_eq!(tally[what], tally["sent"], "{tally}");
    }
}

#[tokio::test]
async fn a_marketplaces_day() {
    let Some(said) = runs("mixed --people 60 --rate 100 --seconds 2 --json").await else { return };
    let operations = said.json()["operations"].as_array().expect("operations").clone();
    let done = |name: &str| {
        let found = operations.iter().find(|operation| operation["name"] == name);
        found.is_some_and(|operation| operation["completed"].as_u64() > Some(0))
    };
    assert!(["message", "question", "notification", "page"].into_iter().all(done), "{operations:?}");
}

#[tokio::test]
async fn images() {
    let Some(said) = runs("images --pairs 2 --pixels 64x48 --rate 4 --seconds 2 --json").await else { return };
    let operations = &said.json()["operations"];
    for (place, name) in ["image", "upload", "send", "fetch"].into_iter().enumerate() {
        let operation = &operations[place];
        assert_eq!((&operation["name"], operation["errors"].as_object().map(Map::len)), (&json!(name), Some(0)));
        assert!(operation["completed"].as_u64() >= Some(6), "{name}: {operations}");
    }
}

#[tokio::test]
async fn capacity_and_its_report_in_a_browser() {
    let Some(hub) = hub() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let line = "capacity --spawn --from 100 --to 200 --step-seconds 0.5 --warmup 0.2 --pairs 20 --slo p99<5s,errors=0 \
                --confirmations 1 --max-lateness 1000";
    let said = loadtest(line, &["--hub", &hub, "--out", &out.display().to_string()]).await;
    is_good(&said);
    assert!(said.text.contains("capacity   at least 200 messages/s"), "{}", said.text);
    assert!(out.join("report.txt").exists());
    is_logged(&out);
    if with_peers() {
        let page = out.join("report.html");
        let plots = Plots::of(&page).await;
        plots.show("Latency over offered load", &["p50", "p99", "p99.9"]);
        let fitted = "fitted: as offered, up to the most that the curve gives";
        plots.show("Delivered over offered load", &["met the objective", fitted]);
        plots.show("Throughput over concurrency, and the Universal Scalability Law", &["measured", "fitted"]);
        plots.show("Percentiles at the highest good load, and above it", &["highest good load"]);
        plots.show("Batch size over load", &["writes"]);
        plots.show("Server CPU for one message", &["CPU"]);
        assert!(picture(&page).await > 20_000);
    }
}

/// Expects that the log of the highest good load holds what the JSON does, as HdrHistogram's own reader has it.
fn is_logged(out: &Path) {
    let document = Document::read(&out.join("report.json")).expect("a report");
    let Finding::Capacity(capacity) = document.finding else { panic!("{document:?}") };
    let step = capacity.steps.iter().rev().find(|step| step.load == 200.0).expect("a step");
    let log = std::fs::read(out.join("highest-good-load.hlog")).expect("a log");
    let mut logged = IntervalLogIterator::new(&log).filter_map(|entry| match entry.expect("a line") {
        LogEntry::Interval(interval) => Some(interval),
        LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
    });
    for operation in &step.outcome.operations {
        for (view, kept, summary) in [
            ("intended", &operation.corrected, operation.corrected_ms),
            ("served", &operation.service, operation.service_ms),
        ] {
            let interval = logged.next().expect("one more");
            let tag = interval.tag().expect("a tag").as_str();
            assert_eq!(tag, format!("{}-{view}", operation.name));
            let latency = Latency::decode(interval.encoded_histogram()).expect("a histogram");
            assert_eq!(latency.count(), summary.count, "{tag}");
            assert!(latency == *kept, "{tag} is another histogram");
            assert!((interval.max() - summary.max).abs() < 0.01, "{} ms, and not {}", interval.max(), summary.max);
        }
    }
    assert_eq!(step.outcome.own().map(|own| own.corrected_ms.count), Some(100));
    assert_eq!(logged.count(), 0);
}

#[tokio::test]
async fn a_plan_and_its_report_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("plan --node-messages 10000 --users 1000,1000000 --out {}", folder.path().display());
    is_good(&loadtest(&line, &[]).await);
    let page = folder.path().join("report.html");
    let html = std::fs::read_to_string(&page).expect("a page");
    assert!(html.contains("nodes for 1,000,000 users</p>") && !html.contains("promise"), "{html}");
    if with_peers() {
        Plots::of(&page).await.show("Nodes over users", &["nodes"]);
    }
}

#[tokio::test]
async fn compare_with_both_node_peers() {
    let Some(hub) = hub().filter(|_| with_peers()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    for peer in ["node", "node-group"] {
        let line = "compare --spawn --pairs 10 --in-flight 4 --rounds 2 --seconds 1 --warmup 0.3 --json";
        let said = loadtest(line, &["--hub", &hub, "--peer", peer, "--out", &out]).await;
        is_good(&said);
        let json = said.json();
        let load = &json["loads"][0];
        assert_eq!(load["rows"][0]["name"], "messages");
        assert!(load["rows"][0]["ratio"]["median"].as_f64() > Some(0.0), "{load}");
        for side in ["one", "other"] {
            for run in load[side].as_array().expect("runs") {
                assert_eq!(run["tally"]["stored"], run["tally"]["sent"], "{peer}, {side}");
                // The peers know no receipts; the hub does its own work all the same.
                assert_eq!(run["tally"]["receipted"].is_null(), side == "other", "{}", run["tally"]);
                assert!(run["tally"]["sent"].as_u64() > Some(0));
            }
        }
        let sides = ["one", "other"].map(|side| json[side].as_str().expect("a name"));
        let series = [format!("A: {}", sides[0]), format!("B: {}", sides[1])];
        let plots = Plots::of(&folder.path().join("report.html")).await;
        for plot in ["Percentiles, 4 in flight", "Throughput, 4 in flight"] {
            plots.show(plot, &series.each_ref().map(String::as_str));
        }
    }
}

#[tokio::test]
async fn compare_with_the_sockets_alone() {
    let Some(hub) = hub() else { return };
    let line = "compare --spawn --peer sockets --pairs 10 --in-flight 4 --rounds 1 --seconds 1 --warmup 0.3 --json";
    let said = loadtest(line, &["--hub", &hub]).await;
    is_good(&said);
    let other = &said.json()["loads"][0]["other"][0]["tally"];
    assert!(other["delivered"].as_u64() > Some(0), "{other}");
    assert_eq!((&other["acknowledged"], &other["delivered"]), (&other["sent"], &other["sent"]));
}

#[tokio::test]
async fn compare_on_mariadb_with_three_statements_a_message() {
    let test = "compare_on_mariadb_with_three_statements_a_message";
    let Some(hub) = hub().filter(|_| with_peers() && chat_testkit::mariadb::wanted(test)) else { return };
    let server = chat_testkit::mariadb::MariaDb::start();
    let (hubs, peers) = (server.database("hub"), server.database("peer"));
    let line = "compare --spawn --peer node-mysql --pairs 10 --in-flight 4 --rounds 1 --seconds 1 --warmup 0.3 --json";
    let said = loadtest(line, &["--hub", &hub, "--database-url", &hubs, "--peer-database-url", &peers]).await;
    is_good(&said);
    let sent = said.json()["loads"][0]["other"][0]["tally"]["sent"].as_u64().expect("a number");
    let kept: u64 = server.sql("SELECT COUNT(*) FROM peer.peer_messages").trim().parse().expect("a number");
    assert!(sent > 0 && kept >= sent, "{kept} of {sent}");
}
