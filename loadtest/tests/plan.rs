//! A plan names the sources of its unit costs.

use crate::support::server::{self, Behaviour};
use crate::support::{loadtest, url};
use serde_json::Value;

#[tokio::test]
async fn the_cost_of_messages_by_load_comes_from_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let (url, pid) = (url(server::start(Behaviour::default())), std::process::id().to_string());
    let mut reports = Vec::new();
    for rate in ["500", "1500"] {
        let out = folder.path().join(rate).display().to_string();
        // The synthetic server runs in this process.
        let line = "run chat --pairs 4 --warmup 0 --seconds 2 --max-lateness 1000 --rate";
        let output = loadtest(line, &[rate, "--target", &url, "--pid", &pid, "--out", &out]).await;
        assert_eq!(output.code, Some(0), "{output:?}");
        reports.push(format!("{out}/report.json"));
    }
    let line = "plan --node-messages 1000 --users 100000 --messages 10 --connection-cpu 0 --json --from";
    let refused = loadtest(line, &[&reports[0], &reports[1]]).await;
    assert_eq!(refused.code, Some(2), "a cost must be above 0: {refused:?}");
    let line = line.replace("--connection-cpu 0", "--connection-cpu 2");
    let output = loadtest(&line, &[&reports[0], &reports[1]]).await;
    let json = output.json();
    let costs = json["costs"]["message_cpu"].as_array().expect("costs").clone();
    let rates: Vec<f64> = costs.iter().filter_map(|cost| cost["rate"].as_f64()).collect();
    assert!(rates.len() == 2 && rates[0] < 700.0 && rates[1] > 1_000.0, "{costs:?}");
    // 100,000 × 10 × 5 ÷ 86,400 = 57.9 per second over 14 working nodes: below every load that was measured.
    let (demand, needs) = (&json["rows"][0][0], &json["rows"][0][1]);
    let us = costs.iter().filter_map(|cost| cost["us"].as_f64()).fold(0.0, f64::max);
    let cores = (needs["peak_rate"].as_f64().expect("a rate") * us + 120_000.0 * 2.0) / 1e6;
    assert!((needs["cores"].as_f64().expect("cores") - cores).abs() < 1e-9, "{needs}: {cores}");
    assert_eq!(demand["image_bytes"], 250_000.0);
    // A figure of a report is not assumed.
    let report: Value = serde_json::from_slice(&std::fs::read(&reports[1]).expect("a report")).expect("JSON");
    let before = report["server"]["resident_before_kb"].as_f64().expect("what the server had before");
    let node = json["costs"]["node_bytes"].as_f64().expect("what a node has");
    assert!((node - before * 1_024.0).abs() < 1.0 && before > 0.0, "{node} of {before} KB");
    let sources = json["sources"].as_array().expect("sources").iter().filter_map(Value::as_str);
    let memory = |line: &&str| line.starts_with("MB of a node") && line.ends_with("measured");
    assert_eq!(sources.filter(memory).count(), 1, "{json}");
}

#[tokio::test]
async fn every_input_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    let output = loadtest("plan --node-messages 9000 --online 50% --out", &[&out]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let page = std::fs::read_to_string(format!("{out}/report.html")).expect("a page");
    for line in [
        "messages per second of a node: 9,000, given",
        "connections of a node: 15,000, assumed",
        "MB of a node without connections: 60, assumed",
        "KB of a connection: 12, assumed",
        "µs of CPU per second of an idle connection: 1, assumed",
        "bytes per message in the database: 500, assumed",
        "µs of CPU per message: 300, assumed",
        "connected at the peak: 50% of the users, with 1.20 connections each",
        "messages per user and day: 20; at the peak 5 times the average",
        "messages with an image: 5%, 250 KB each with its renditions",
        "headroom of each node: 40%",
        "messages per second of one commit counter, all nodes of a database together: 5,000, assumed",
        "deliveries per second of a NATS server: 200,000, assumed",
        "milliseconds of a commit without its messages: 3, assumed",
        "one commit counter suffices up to ",
        "ms for a turn",
        "NATS servers",
        "database servers",
        "message rows per month",
    ] {
        assert!(output.text.contains(line), "no {line:?} in {}", output.text);
        assert!(page.contains(line), "no {line:?} on the page");
    }
}
