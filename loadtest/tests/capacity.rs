//! A known knee is found, from the command line to the report.

mod support;

use support::proxy::{self, Mischief, Plan};
use support::server::{self, Behaviour};
use support::{loadtest, url};

/// The server serves this much and no more; whoever sends more waits longer and longer.
const KNEE: f64 = 1_500.0;

#[tokio::test]
async fn a_known_knee_is_found_within_five_per_cent() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    let address = server::start(Behaviour { rate: Some(KNEE), ..Behaviour::default() });
    let line = "capacity --slo p99<60ms,errors=0 --from 1000 --precision 3% --step-seconds 2 --warmup 0.5 --pairs 40 \
                --max-lateness 500 --receipts none --no-usl --json";
    let said = loadtest(line, &["--target", &url(address), "--out", &out]).await;
    assert_eq!(said.code, Some(0), "{}", said.errors);
    let json = said.json();
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
    assert!(page.contains("Latency over offered load") && page.contains("Delivered over offered load"));
    assert!(!page.contains("http://www") && !page.contains("https://"), "it needs nothing but itself");
}

#[tokio::test]
async fn what_is_lost_anywhere_in_a_search_is_a_failure() {
    let plan = Plan { kind: "new_message", mischief: Mischief::Drop, every: 30, times: 1 };
    let address = proxy::start(server::start(Behaviour::default()), plan);
    // One load, which loses nothing; the curve afterwards does.
    let line = "capacity --from 20 --to 20 --step-seconds 0.5 --warmup 0 --confirmations 0 --pairs 8 --receipts none";
    let said = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.text.contains("delivered") && said.text.contains("this is no result"), "{}", said.text);
}

#[tokio::test]
async fn a_search_that_finds_nothing_is_no_success() {
    let address = server::start(Behaviour::default());
    let line = "capacity --slo p99<0.001ms --from 4 --step-seconds 1 --warmup 0 --pairs 2 --receipts none --no-usl \
                --max-lateness 1000";
    let said = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.text.contains("no load that was tried passed") && said.text.contains("p99<0.001ms"), "{}", said.text);
    let said = loadtest("capacity --from 500 --to 400", &["--target", &url(address)]).await;
    assert!(said.code == Some(2) && said.errors.contains("--from 500 is above --to 400"), "{said:?}");
}

#[tokio::test]
async fn a_plan_takes_its_costs_from_reports_and_flags() {
    let said =
        loadtest("plan --users 864000 --online 10% --messages 10 --node-messages 10000 --connections 1.5 --json", &[])
            .await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let needs = &said.json()["rows"][0][1];
    assert_eq!(needs["nodes"], 16, "{needs}");
    let said = loadtest("plan --users 1000", &[]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.errors.contains("what does a node carry?"), "{}", said.errors);
}
