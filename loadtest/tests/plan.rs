//! A plan says what it was made from.

mod support;

use serde_json::Value;
use support::server::{self, Behaviour};
use support::{loadtest, url};

#[tokio::test]
async fn what_messages_cost_at_each_load_comes_from_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let (url, pid) = (url(server::start(Behaviour::default())), std::process::id().to_string());
    let mut reports = Vec::new();
    for rate in ["500", "1500"] {
        let out = folder.path().join(rate).display().to_string();
        // The server is in this process.
        let line = "run chat --pairs 4 --warmup 0 --seconds 2 --max-lateness 1000 --rate";
        let said = loadtest(line, &[rate, "--target", &url, "--pid", &pid, "--out", &out]).await;
        assert_eq!(said.code, Some(0), "{said:?}");
        reports.push(format!("{out}/report.json"));
    }
    let line = "plan --node-messages 1000 --users 100000 --messages 10 --connection-cpu 0 --json --from";
    let refused = loadtest(line, &[&reports[0], &reports[1]]).await;
    assert_eq!(refused.code, Some(2), "a cost of nothing is none: {refused:?}");
    let line = line.replace("--connection-cpu 0", "--connection-cpu 2");
    let said = loadtest(&line, &[&reports[0], &reports[1]]).await;
    let json = said.json();
    let costs = json["costs"]["message_cpu"].as_array().expect("costs").clone();
    let rates: Vec<f64> = costs.iter().filter_map(|cost| cost["rate"].as_f64()).collect();
    assert!(rates.len() == 2 && rates[0] < 700.0 && rates[1] > 1_000.0, "{costs:?}");
    // 100,000 × 10 × 5 ÷ 86,400 = 57.9 a second, over 14 nodes that work: fewer than were ever measured.
    let (demand, needs) = (&json["rows"][0][0], &json["rows"][0][1]);
    let us = costs.iter().filter_map(|cost| cost["us"].as_f64()).fold(0.0, f64::max);
    let cores = (needs["peak_rate"].as_f64().expect("a rate") * us + 120_000.0 * 2.0) / 1e6;
    assert!((needs["cores"].as_f64().expect("cores") - cores).abs() < 1e-9, "{needs}: {cores}");
    assert_eq!(demand["image_bytes"], 250_000.0);
    // What the report has measured is not assumed.
    let report: Value = serde_json::from_slice(&std::fs::read(&reports[1]).expect("a report")).expect("JSON");
    let before = report["server"]["resident_before_kb"].as_f64().expect("what the server had before");
    let node = json["costs"]["node_bytes"].as_f64().expect("what a node has");
    assert!((node - before * 1_024.0).abs() < 1.0 && before > 0.0, "{node} of {before} KB");
    let sources = json["sources"].as_array().expect("sources").iter().filter_map(Value::as_str);
    let memory = |line: &&str| line.starts_with("MB of a node") && line.ends_with("as measured");
    assert_eq!(sources.filter(memory).count(), 1, "{json}");
}

#[tokio::test]
async fn every_input_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    let said = loadtest("plan --node-messages 9000 --online 50% --out", &[&out]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let page = std::fs::read_to_string(format!("{out}/report.html")).expect("a page");
    for line in [
        "messages a second of a node: 9,000, as given",
        "connections of a node: 15,000, assumed",
        "MB of a node that nobody is connected to: 60, assumed",
        "KB of a connection: 12, assumed",
        "µs of CPU a second for a connection that does nothing: 1, assumed",
        "bytes of a message in the database: 500, assumed",
        "µs of CPU for a message: 300, assumed",
        "online at the busiest time: 50%, with 1.20 connections each",
        "messages of a user a day: 20, and 5 times the average in the busiest second",
        "messages with an image: 5%, of 250 KB with its renditions",
        "kept free of each node: 40%",
        "message rows a month",
    ] {
        assert!(said.text.contains(line), "no {line:?} in {}", said.text);
        assert!(page.contains(line), "no {line:?} on the page");
    }
}
