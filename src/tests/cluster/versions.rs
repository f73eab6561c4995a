//! F18: hubs of two builds beside each other, as they are while a new build is rolled out.
//!
//! Two builds differ in what counts here in one way: they speak the same version between nodes, or they do not. If they do, the
//! rolling restart of this build stands for both, and `CHAT_TEST_PREVIOUS=<program>` runs it from a real previous build to this
//! one. If they do not, all that a hub knows of the other version is its number, so a proxy that changes the number on one hub's
//! link to NATS makes that hub another build for the others, and them another build for it.

use std::path::PathBuf;

use chat_testkit::mariadb;
use chat_testkit::nats::{Nats, wanted};
use chat_testkit::postgres;
use chat_testkit::server::Server;

use super::crew::Crew;
use super::nats::BACK;
use super::rolling::{DRAIN, DRAINS, restarts};
use super::{Cluster, NODES, holds_memory};
use crate::support::{hub, until};

/// What messages between nodes begin with: the magic word, and the version.
const THIS_VERSION: &[u8] = b"CHRL\x01";
const ANOTHER_VERSION: &[u8] = b"CHRL\xFF";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_speaks_another_version_between_nodes_loses_nothing_and_is_heard_by_polling() {
    let test = "a_hub_that_speaks_another_version_between_nodes_loses_nothing_and_is_heard_by_polling";
    if !(wanted(test) && mariadb::wanted(test)) {
        return;
    }
    let database = Server::mariadb(test).expect("it is wanted");
    let mut cluster = Cluster::with(database, vec![Nats::start()], &DRAIN).await;
    let crew = Crew::begin(&cluster).await;
    crew.goes_on(300).await;
    // One of them is upgraded.
    cluster.hubs[0].asks_to_end().await;
    cluster.hubs[0].ends(DRAINS).await;
    cluster.nats_links[0].set_rewrite(THIS_VERSION, ANOTHER_VERSION);
    cluster.hubs[0].restart().await;
    cluster.has_relays(NODES, BACK).await;
    let before = cluster.memory();
    for hub in &cluster.hubs {
        let ignored = r#"chat_relay_ignored_total{reason="version"}"#;
        until("the other version is counted", || async { (hub.metric(ignored).await >= 10.0).then_some(()) }).await;
    }
    crew.goes_on(600).await;
    // The others are upgraded, too.
    cluster.nats_links[0].heal();
    cluster.shows_all_online().await;
    for hub in &cluster.hubs {
        until("all nodes live", || async { (hub.metric("chat_nodes").await == NODES as f64).then_some(()) }).await;
    }
    crew.goes_on(300).await;
    crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::print_stdout, reason = "a test that is left out says so")]
async fn a_rolling_upgrade_from_the_previous_build_is_noticed_by_no_user() {
    let test = "a_rolling_upgrade_from_the_previous_build_is_noticed_by_no_user";
    let Some(previous) = std::env::var_os("CHAT_TEST_PREVIOUS").map(PathBuf::from) else {
        println!("left out without CHAT_TEST_PREVIOUS=<program of a previous build>: {test}");
        return;
    };
    assert!(previous.is_file(), "CHAT_TEST_PREVIOUS: there is no {}", previous.display());
    if !(wanted(test) && postgres::wanted(test)) {
        return;
    }
    let database = Server::postgres(test).expect("it is wanted");
    let cluster = Cluster::of(&previous, database, vec![Nats::start()], &DRAIN).await;
    restarts(cluster, Some(&hub::program()), 1).await;
}
