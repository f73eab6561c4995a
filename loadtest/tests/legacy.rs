//! A service that still speaks the frames of the one that the hub replaces.

mod support;

use support::server::{self, Behaviour};
use support::{loadtest, url};

#[tokio::test]
async fn an_old_service_is_spoken_to_as_its_clients_do() {
    let address = server::start(Behaviour { legacy: true, ..Behaviour::default() });
    let line = "run chat --legacy --pairs 2 --in-flight 4 --warmup 0 --seconds 1 --chars 30 --json";
    let said = loadtest(line, &["--target", &url(address)]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let tally = &said.json()["tally"];
    assert!(tally["sent"].as_u64() > Some(10), "{tally}");
    assert_eq!((&tally["acknowledged"], &tally["delivered"]), (&tally["sent"], &tally["sent"]));
}

#[tokio::test]
async fn an_old_service_is_compared_with_a_new_one() {
    let [new, old] = [false, true].map(|legacy| url(server::start(Behaviour { legacy, ..Behaviour::default() })));
    let line = "compare --legacy --pairs 2 --in-flight 2 --rounds 2 --seconds 0.5 --warmup 0.1 --chars 30 --json";
    let said = loadtest(line, &["--target", &new, "--against", &old]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let json = said.json();
    let load = &json["loads"][0];
    assert!(load["rows"][0]["ratio"]["median"].as_f64() > Some(0.0), "{load}");
    for (side, read_back) in [("one", true), ("other", false)] {
        let runs = load[side].as_array().expect("runs");
        assert_eq!(runs.len(), 2);
        for run in runs {
            let tally = &run["tally"];
            assert!(tally["sent"].as_u64() > Some(10), "{side}: {tally}");
            assert_eq!((&tally["acknowledged"], &tally["delivered"]), (&tally["sent"], &tally["sent"]), "{side}");
            assert_eq!(tally["stored"].is_u64(), read_back, "{side}: {tally}");
        }
    }
    // Without the flag it is no server at all.
    let said = loadtest(line, &["--target", &old, "--against", &old]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
}

#[tokio::test]
async fn what_is_not_spoken_to_as_an_old_service_is_refused() {
    for (line, why) in [
        ("run chat --spawn --legacy", "cannot be used with '--"),
        ("capacity --spawn --legacy", "cannot be used with '--"),
        ("run idle --target http://127.0.0.1:1 --legacy", "unexpected argument '--legacy'"),
    ] {
        let said = loadtest(line, &[]).await;
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.errors.contains(why) && said.errors.contains("'--legacy'"), "{}", said.errors);
    }
}
