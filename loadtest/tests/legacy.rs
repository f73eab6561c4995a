//! The legacy protocol, of the service that the hub replaces.

use crate::support::server::{self, Behaviour};
use crate::support::{loadtest, url};

#[tokio::test]
async fn a_legacy_service_can_be_measured() {
    let address = server::start(Behaviour { legacy: true, ..Behaviour::default() });
    let line = "run chat --legacy --pairs 2 --in-flight 4 --warmup 0 --seconds 1 --chars 30 --json";
    let output = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let tally = &output.json()["tally"];
    assert!(tally["sent"].as_u64() > Some(10), "{tally}");
    assert_eq!((&tally["acknowledged"], &tally["delivered"]), (&tally["sent"], &tally["sent"]));
}

#[tokio::test]
async fn a_legacy_service_can_be_compared_with_a_hub() {
    let [new, old] = [false, true].map(|legacy| url(server::start(Behaviour { legacy, ..Behaviour::default() })));
    let line = "compare --legacy --pairs 2 --in-flight 2 --rounds 2 --seconds 0.5 --warmup 0.1 --chars 30 --json";
    let output = loadtest(line, &["--target", &new, "--against", &old]).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let json = output.json();
    let load = &json["loads"][0];
    assert!(load["rows"][0]["ratio"]["median"].as_f64() > Some(0.0), "{load}");
    for (side, read_back) in [("a", true), ("b", false)] {
        let runs = load[side].as_array().expect("runs");
        assert_eq!(runs.len(), 2);
        for run in runs {
            let tally = &run["tally"];
            assert!(tally["sent"].as_u64() > Some(10), "{side}: {tally}");
            assert_eq!((&tally["acknowledged"], &tally["delivered"]), (&tally["sent"], &tally["sent"]), "{side}");
            assert_eq!(tally["stored"].is_u64(), read_back, "{side}: {tally}");
        }
    }
    // Without the flag the legacy service cannot be reached.
    let output = loadtest(line, &["--target", &old, "--against", &old]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
}

#[tokio::test]
async fn legacy_is_refused_for_a_hub_that_the_program_starts() {
    for (line, why) in [
        ("run chat --spawn --legacy", "cannot be used with '--"),
        ("capacity --spawn --legacy", "cannot be used with '--"),
        ("run idle --target http://127.0.0.1:1 --legacy", "unexpected argument '--legacy'"),
    ] {
        let output = loadtest(line, &[]).await;
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.errors.contains(why) && output.errors.contains("'--legacy'"), "{}", output.errors);
    }
}
