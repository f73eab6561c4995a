//! F9: one hub is cut off from the database, before its COMMIT arrives or before it hears the answer.

use std::time::{Duration, Instant};

use chat_testkit::fault_proxy::When;
use chat_testkit::on_each_server;
use chat_testkit::server::Server;

use super::crew::Crew;
use super::{Cluster, NODES, holds_memory};
use crate::support::{Dice, passes, until, usual_or_long};

on_each_server!(a_hub_that_is_cut_off_at_its_commit_acknowledges_what_is_stored_and_nothing_else);

/// How soon the other hubs answer again.
const OTHERS: Duration = Duration::from_secs(3);

async fn a_hub_that_is_cut_off_at_its_commit_acknowledges_what_is_stored_and_nothing_else(database: Server) {
    let mut cluster = Cluster::start(database).await;
    let crew = Crew::begin(&cluster).await;
    crew.goes_on(300).await;
    let (mut dice, before) = (Dice::new(9), cluster.memory());
    // Each kind once on each server.
    for fault in 0..usual_or_long(4, 100) {
        let hub = dice.below(NODES);
        let others: Vec<usize> = (0..NODES).filter(|other| *other != hub).collect();
        let when = if fault % 2 == 0 { When::Before } else { When::After };
        // Half of the times it can come back at once.
        let for_good = fault % 4 < 2;
        let (link, sprung) = (&cluster.links[hub], cluster.links[hub].sprung());
        link.cut_at(b"COMMIT", when, for_good);
        until("a commit", || async { (link.sprung() > sprung).then_some(()) }).await;
        let cut = Instant::now();
        passes(Duration::from_millis(500 + dice.below(2_500) as u64)).await;
        let waited = crew.seen.longest_wait(cut, &others);
        link.heal();
        assert!(waited <= OTHERS, "cut {fault}, of n{}, {when:?}: elsewhere {waited:?}", hub + 1);
        crew.goes_on(100).await;
    }
    cluster.is_ready().await;
    let tally = crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
    assert!(tally.sent > 500, "{tally:?} is no load");
}
