//! `capacity` and `plan`: a known knee is found, from the command line to the report.

use std::path::Path;

use chat_loadtest::report::{Report, ReportResult};
use chat_loadtest::stats::latency::Latency;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use crate::support::browser::{Plots, picture};
use crate::support::hub::{hub, succeeded, with_peers};
use crate::support::proxy::{self, Fault, Plan};
use crate::support::server::{self, Behaviour};
use crate::support::{loadtest, url};

/// The messages per second of the synthetic server: at a higher load its queue grows without a limit.
const KNEE: f64 = 1_500.0;

#[tokio::test]
async fn a_known_knee_is_found_within_five_per_cent() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    let address = server::start(Behaviour { rate: Some(KNEE), ..Behaviour::default() });
    let line = "capacity --slo p99<60ms,errors=0 --from 1000 --precision 3% --step-seconds 2 --warmup 0.5 --pairs 40 \
                --max-lateness 500 --receipts none --no-usl --json";
    let output = loadtest(line, &["--target", &url(address), "--out", &out]).await;
    assert_eq!(output.code, Some(0), "{}", output.errors);
    let json = output.json();
    let at_least = json["answer"]["at_least"].as_f64().expect("an answer");
    assert!((at_least - KNEE).abs() <= KNEE * 0.05, "{at_least}: {}", json["answer"]);
    assert!(json["answer"]["confirmed"].as_u64() >= Some(4), "{}", json["answer"]);
    let below = json["answer"]["below"].as_f64().expect("a load that fails");
    assert!(below > at_least && below <= at_least * 1.03 + 1.0, "{}", json["answer"]);

    // The report can be made again from the JSON, and shows the same.
    let html = folder.path().join("again.html").display().to_string();
    let again = loadtest("report", &[&format!("{out}/report.json"), "--html", &html]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    let page = std::fs::read_to_string(&html).expect("a page");
    assert_eq!(page, std::fs::read_to_string(format!("{out}/report.html")).expect("the first page"));
    assert!(page.contains("Latency over offered load") && page.contains("Throughput over offered load"));
    assert!(!page.contains("http://www") && !page.contains("https://"), "the page loads nothing else");
}

#[tokio::test]
async fn a_message_that_is_lost_anywhere_in_a_search_is_a_failure() {
    let plan = Plan { kind: "new_message", fault: Fault::Drop, every: 30, times: 1 };
    let address = proxy::start(server::start(Behaviour::default()), plan);
    // The search has one load, which loses nothing; the curve after it loses a message.
    let line = "capacity --from 20 --to 20 --step-seconds 0.5 --warmup 0 --confirmations 0 --pairs 8 --receipts none";
    let output = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.text.contains("delivered") && output.text.contains("this run is a failure"), "{}", output.text);
}

#[tokio::test]
async fn a_search_without_a_passing_load_is_invalid() {
    let address = server::start(Behaviour::default());
    let line = "capacity --slo p99<0.001ms --from 4 --step-seconds 1 --warmup 0 --pairs 2 --receipts none --no-usl \
                --max-lateness 1000";
    let output = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(
        output.text.contains("no load that was tried passed") && output.text.contains("p99<0.001ms"),
        "{}",
        output.text
    );
    let output = loadtest("capacity --from 500 --to 400", &["--target", &url(address)]).await;
    assert!(output.code == Some(2) && output.errors.contains("--from 500 is above --to 400"), "{output:?}");
}

#[tokio::test]
async fn a_plan_takes_its_costs_from_reports_and_flags() {
    let output =
        loadtest("plan --users 864000 --online 10% --messages 10 --node-messages 10000 --connections 1.5 --json", &[])
            .await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let needs = &output.json()["rows"][0][1];
    assert_eq!(needs["nodes"], 16, "{needs}");
    let output = loadtest("plan --users 1000", &[]).await;
    assert_eq!(output.code, Some(1));
    assert!(output.errors.contains("the capacity of a node is not known"), "{}", output.errors);
}

#[tokio::test]
async fn capacity_and_its_report_in_a_browser() {
    let Some(hub) = hub() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let line = "capacity --spawn --from 100 --to 200 --step-seconds 0.5 --warmup 0.2 --pairs 20 --slo p99<5s,errors=0 \
                --confirmations 1 --max-lateness 1000";
    let output = loadtest(line, &["--hub", &hub, "--out", &out.display().to_string()]).await;
    succeeded(&output);
    assert!(output.text.contains("capacity   at least 200 messages/s"), "{}", output.text);
    assert!(out.join("report.txt").exists());
    has_hlog(&out);
    if with_peers() {
        let page = out.join("report.html");
        let plots = Plots::of(&page).await;
        plots.show("Latency over offered load", &["p50", "p99", "p99.9"]);
        let fitted = "fitted: the offered load, up to the maximum of the curve";
        plots.show("Throughput over offered load", &["met the objective", fitted]);
        plots.show("Throughput over concurrency, and the Universal Scalability Law", &["measured", "fitted"]);
        plots.show("Percentiles at the highest passing load, and above it", &["highest passing load"]);
        plots.show("Batch size over throughput", &["writes"]);
        plots.show("Server CPU per message", &["CPU"]);
        assert!(picture(&page).await > 20_000);
    }
}

/// Expects that the .hlog file of the highest passing load has the histograms of the JSON, as HdrHistogram's own reader reads it.
fn has_hlog(out: &Path) {
    let report = Report::read(&out.join("report.json")).expect("a report");
    let ReportResult::Capacity(capacity) = report.result else { panic!("not a capacity") };
    let step = capacity.steps.iter().rev().find(|step| step.load == 200.0).expect("a step");
    let log = std::fs::read(out.join("highest-passing-load.hlog")).expect("a log");
    let mut logged = IntervalLogIterator::new(&log).filter_map(|entry| match entry.expect("a line") {
        LogEntry::Interval(interval) => Some(interval),
        LogEntry::StartTime(_) | LogEntry::BaseTime(_) => None,
    });
    for operation in &step.outcome.operations {
        for (view, kept, summary) in [
            ("intended", &operation.corrected, operation.corrected_ms),
            ("from-send", &operation.service, operation.service_ms),
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
    assert_eq!(step.outcome.primary().map(|primary| primary.corrected_ms.count), Some(100));
    assert_eq!(logged.count(), 0);
}

#[tokio::test]
async fn a_plan_and_its_report_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let line = format!("plan --node-messages 10000 --users 1000,1000000 --out {}", folder.path().display());
    succeeded(&loadtest(&line, &[]).await);
    let page = folder.path().join("report.html");
    let html = std::fs::read_to_string(&page).expect("a page");
    assert!(html.contains("nodes for 1,000,000 users</p>") && !html.contains("guarantee"), "{html}");
    if with_peers() {
        Plots::of(&page).await.show("Nodes over users", &["nodes"]);
    }
}
