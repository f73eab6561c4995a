//! `compare` with a real hub.

use chat_testkit::mariadb::{self, MariaDb};

use crate::support::browser::Plots;
use crate::support::hub::{hub, succeeded, with_peers};
use crate::support::loadtest;

#[tokio::test]
async fn compare_with_both_node_peers() {
    let Some(hub) = hub().filter(|_| with_peers()) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    for peer in ["node", "node-group"] {
        let line = "compare --spawn --pairs 10 --in-flight 4 --rounds 2 --seconds 1 --warmup 0.3 --json";
        let output = loadtest(line, &["--hub", &hub, "--peer", peer, "--out", &out]).await;
        succeeded(&output);
        let json = output.json();
        let load = &json["loads"][0];
        assert_eq!(load["rows"][0]["name"], "messages");
        assert!(load["rows"][0]["ratio"]["median"].as_f64() > Some(0.0), "{load}");
        for side in ["a", "b"] {
            for run in load[side].as_array().expect("runs") {
                assert_eq!(run["tally"]["stored"], run["tally"]["sent"], "{peer}, {side}");
                // The peers have no receipts; the hub's readers send them nevertheless.
                assert_eq!(run["tally"]["receipted"].is_null(), side == "b", "{}", run["tally"]);
                assert!(run["tally"]["sent"].as_u64() > Some(0));
            }
        }
        let sides = ["a", "b"].map(|side| json[side].as_str().expect("a name"));
        let series = [format!("A: {}", sides[0]), format!("B: {}", sides[1])];
        let plots = Plots::of(&folder.path().join("report.html")).await;
        for plot in ["Percentiles, 4 in flight per client", "Throughput, 4 in flight per client"] {
            plots.show(plot, &series.each_ref().map(String::as_str));
        }
    }
}

#[tokio::test]
async fn compare_with_websockets_alone() {
    let Some(hub) = hub() else { return };
    let line = "compare --spawn --peer sockets --pairs 10 --in-flight 4 --rounds 1 --seconds 1 --warmup 0.3 --json";
    let output = loadtest(line, &["--hub", &hub]).await;
    succeeded(&output);
    let tally = &output.json()["loads"][0]["b"][0]["tally"];
    assert!(tally["delivered"].as_u64() > Some(0), "{tally}");
    assert_eq!((&tally["acknowledged"], &tally["delivered"]), (&tally["sent"], &tally["sent"]));
}

#[tokio::test]
async fn compare_on_mariadb_with_three_statements_a_message() {
    let test = "compare_on_mariadb_with_three_statements_a_message";
    let Some(hub) = hub().filter(|_| with_peers() && mariadb::wanted(test)) else { return };
    let server = MariaDb::start();
    let (hubs, peers) = (server.database("hub"), server.database("peer"));
    let line = "compare --spawn --peer node-mysql --pairs 10 --in-flight 4 --rounds 1 --seconds 1 --warmup 0.3 --json";
    let output = loadtest(line, &["--hub", &hub, "--database-url", &hubs, "--peer-database-url", &peers]).await;
    succeeded(&output);
    let sent = output.json()["loads"][0]["b"][0]["tally"]["sent"].as_u64().expect("a number");
    let kept: u64 = server.sql("SELECT COUNT(*) FROM peer.peer_messages").trim().parse().expect("a number");
    assert!(sent > 0 && kept >= sent, "{kept} of {sent}");
}
