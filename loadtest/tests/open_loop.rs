//! In an open loop latency counts from the intended time.

use std::time::Duration;

use crate::support::server::{self, Behaviour};
use crate::support::{loadtest, url};
use serde_json::Value;

fn millis(json: &Value, view: &str, quantile: &str) -> f64 {
    json["operations"][0][view][quantile].as_f64().expect("a latency")
}

/// 200 messages per second for four seconds, with one in flight for each of four authors, and a server that stalls for the second
/// second: a quarter of the messages wait 0 to 1,000 ms, evenly distributed. So 10 % of all wait longer than 600 ms, and 1 % longer
/// than 960 ms. But only four messages are in flight during the stall: their latencies alone show a fast server.
#[tokio::test]
async fn a_stall_of_one_second_shows_in_the_corrected_latency_alone() {
    let stall = Some((Duration::from_secs(1), Duration::from_secs(1)));
    let address = server::start(Behaviour { stall, ..Behaviour::default() });
    let line =
        "run chat --pairs 4 --window 1 --rate 200 --warmup 0 --seconds 4 --receipts none --max-lateness 500 --json";
    let output = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let json = output.json();
    assert_eq!(json["operations"][0]["corrected_ms"]["count"], 800);
    let corrected = |quantile| millis(&json, "corrected_ms", quantile);
    assert!((560.0..760.0).contains(&corrected("p90")), "p90 {}", corrected("p90"));
    assert!((930.0..1_200.0).contains(&corrected("p99")), "p99 {}", corrected("p99"));
    // 4 of 800 are half a per cent.
    let from_send = millis(&json, "service_ms", "p99");
    assert!(from_send < 200.0, "p99 from send {from_send}");
    assert!(millis(&json, "service_ms", "max") > 900.0, "four messages were in flight during the stall");
}

#[tokio::test]
async fn a_load_that_cannot_be_offered_is_invalid() {
    let address = server::start(Behaviour { rate: Some(50.0), ..Behaviour::default() });
    let line = "run chat --pairs 2 --window 4 --rate 300 --warmup 0 --seconds 2 --receipts none --max-lateness 500";
    let output = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.text.contains("INVALID") && output.text.contains("the load was not offered"), "{}", output.text);
}

#[tokio::test]
async fn a_late_generator_makes_the_run_invalid() {
    let address = server::start(Behaviour::default());
    // No scheduler is punctual to a hundredth of a microsecond.
    let line = "run chat --pairs 2 --rate 100 --warmup 0 --seconds 1 --max-lateness 0.00001";
    let output = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.text.contains("the generator was late"), "{}", output.text);
}
