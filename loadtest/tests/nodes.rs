//! Several hubs on one database, which the program starts: one ledger over all of them.
//!
//! MariaDB takes part if `CHAT_TEST_MARIADB=1`, PostgreSQL with NATS if `CHAT_TEST_POSTGRES=1` and `CHAT_TEST_NATS=1`.

use serde_json::{Value, json};

use crate::support::hub::{hub, succeeded};
use crate::support::loadtest;
use chat_testkit::mariadb::wanted;

#[tokio::test]
async fn the_pairs_of_three_hubs_are_spread_and_what_crosses_is_timed_by_itself() {
    let Some(hub) = hub().filter(|_| wanted("the_pairs_of_three_hubs_are_spread")) else { return };
    let line = "run chat --spawn --nodes 3 --relay poll --pairs 18 --rate 150 --seconds 3 --warmup 1 --max-lateness 1000 --json";
    let output = loadtest(line, &["--hub", &hub]).await;
    succeeded(&output);
    let json = output.json();
    assert_eq!((&json["nodes"], &json["target"]), (&json!(3), &json!("3 hubs, on MariaDB")));
    let tally = &json["tally"];
    for what in ["acknowledged", "stored", "delivered", "receipted"] {
        assert_eq!(tally[what], tally["sent"], "{tally}");
    }
    let operations = json["operations"].as_array().expect("operations");
    let done = |name: &str| {
        let found = operations.iter().find(|operation| operation["name"] == name);
        found
            .and_then(|operation| operation["completed"].as_u64())
            .unwrap_or_else(|| panic!("no {name}: {operations:?}"))
    };
    // Each two of three hubs have two of the eighteen pairs: a third of the messages stays on one hub.
    let (here, across) = (done("ack to reader, same node"), done("ack to reader, across nodes"));
    assert!(here > 50 && across > here * 3 / 2 && across < here * 3, "{here} here, {across} across");
    let figures = &json["figures"];
    for figure in ["heard_local_p50", "heard_across_p99", "server_cpu_us_each", "database_cpu_us_each"] {
        assert!(figures[figure].is_number(), "no {figure} in {figures}");
    }
    let processes = json["server"]["processes"].as_array().expect("processes");
    let names: Vec<&str> = processes.iter().filter_map(|process| process["name"].as_str()).collect();
    assert_eq!(names, ["n1", "n2", "n3", "MariaDB"]);
    let memory = |process: &Value| process["resident_kb"].as_u64() > Some(5_000);
    assert!(processes.iter().all(memory), "{processes:?}");
    let commits = json["server"]["metrics"]["commits"].as_f64();
    assert!(commits > Some(10.0), "{commits:?} of all hubs");
}

#[tokio::test]
async fn hubs_on_postgresql_hear_of_each_other_over_nats() {
    let test = "hubs_on_postgresql_hear_of_each_other_over_nats";
    let has_both = chat_testkit::postgres::wanted(test) && chat_testkit::nats::wanted(test);
    let Some(hub) = hub().filter(|_| has_both) else { return };
    let line =
        "run chat --spawn --nodes 2 --database postgres --relay nats --pairs 8 --rate 100 --seconds 2 --warmup 1";
    let output = loadtest(line, &["--max-lateness", "1000", "--json", "--hub", &hub]).await;
    succeeded(&output);
    let json = output.json();
    assert_eq!(json["target"], "2 hubs, on PostgreSQL, over NATS");
    let processes = json["server"]["processes"].as_array().expect("processes");
    let kinds: Vec<&str> = processes.iter().filter_map(|process| process["kind"].as_str()).collect();
    assert_eq!(kinds, ["hub", "hub", "relay", "database"]);
    assert!(processes.iter().all(|process| process["resident_kb"].as_u64() > Some(1_000)), "{processes:?}");
    assert!(json["figures"]["heard_across_p50"].is_number(), "{}", json["figures"]);
}

#[tokio::test]
async fn every_scenario_runs_on_two_hubs() {
    let Some(hub) = hub().filter(|_| wanted("every_scenario_runs_on_two_hubs")) else { return };
    for line in [
        "chat --pairs 4 --in-flight 2 --seconds 1",
        "idle --connections 40 --seconds 1",
        "history --threads 4 --messages 20 --rate 50 --seconds 1",
        "notifications --listeners 20 --batch 10 --rate 10 --seconds 1",
        "reconnect --connections 40",
        "images --pairs 6 --rate 1 --seconds 2",
    ] {
        let line =
            format!("run {line} --spawn --nodes 2 --database mariadb --relay poll --warmup 0.5 --max-lateness 1000");
        let output = loadtest(&line, &["--hub", &hub]).await;
        succeeded(&output);
        for what in ["2 hubs, on MariaDB", "processes   n1 ", "beside them MariaDB "] {
            assert!(output.text.contains(what), "{line}: no {what:?} in {}", output.text);
        }
    }
}

#[tokio::test]
async fn several_hubs_need_a_database_server() {
    let output = loadtest("run chat --spawn --nodes 2 --database sqlite", &["--hub", "/bin/true"]).await;
    assert_eq!(output.code, Some(1));
    assert!(output.errors.contains("several hubs need a database server"), "{}", output.errors);
    let output = loadtest("run chat --spawn --nodes 2 --database oracle", &[]).await;
    assert_eq!(output.code, Some(2));
    assert!(output.errors.contains("must be sqlite, mariadb, postgres or a URL"), "{}", output.errors);
}
