//! Messages are sent by the clock, and latency counts from the time at which they were meant to be sent.

mod support;

use std::time::Duration;

use serde_json::Value;
use support::server::{self, Behaviour};
use support::{loadtest, url};

fn millis(json: &Value, view: &str, quantile: &str) -> f64 {
    json["operations"][0][view][quantile].as_f64().expect("a latency")
}

/// 200 messages a second for four seconds, one under way at a time for each of four authors, and a server that does nothing for
/// the second after the first: a quarter of the messages wait from 0 to 1,000 ms, evenly. So 10 % of all wait longer than 600 ms, and 1 %
/// longer than 960 ms. But only four messages are under way meanwhile: whoever looks at those alone sees a fast server.
#[tokio::test]
async fn a_stall_of_one_second_shows_in_the_corrected_latency_alone() {
    let stall = Some((Duration::from_secs(1), Duration::from_secs(1)));
    let address = server::start(Behaviour { stall, ..Behaviour::default() });
    let line =
        "run chat --pairs 4 --window 1 --rate 200 --warmup 0 --seconds 4 --receipts none --max-lateness 500 --json";
    let said = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let json = said.json();
    assert_eq!(json["operations"][0]["corrected_ms"]["count"], 800);
    let corrected = |quantile| millis(&json, "corrected_ms", quantile);
    assert!((560.0..760.0).contains(&corrected("p90")), "p90 {}", corrected("p90"));
    assert!((930.0..1_200.0).contains(&corrected("p99")), "p99 {}", corrected("p99"));
    // 4 of 800 are half a per cent.
    let served = millis(&json, "service_ms", "p99");
    assert!(served < 200.0, "p99 as served {served}");
    assert!(millis(&json, "service_ms", "max") > 900.0, "somebody was under way");
}

#[tokio::test]
async fn a_load_that_cannot_be_offered_is_void() {
    let address = server::start(Behaviour { rate: Some(50.0), ..Behaviour::default() });
    let line = "run chat --pairs 2 --window 4 --rate 300 --warmup 0 --seconds 2 --receipts none --max-lateness 500";
    let said = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.text.contains("VOID") && said.text.contains("the load was not offered"), "{}", said.text);
}

#[tokio::test]
async fn a_generator_that_is_late_says_so() {
    let address = server::start(Behaviour::default());
    // Nobody is a hundredth of a microsecond late.
    let line = "run chat --pairs 2 --rate 100 --warmup 0 --seconds 1 --max-lateness 0.00001";
    let said = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.text.contains("the generator was late"), "{}", said.text);
}
