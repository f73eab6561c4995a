//! F8: the database is killed, stands still, or is restarted, under three hubs.

use std::time::Duration;

use chat_testkit::on_each_server;
use chat_testkit::server::Server;
use tokio::time::Instant;

use super::crew::Crew;
use super::{Cluster, holds_memory};
use crate::support::{Dice, passes, usual_or_long};

on_each_server!(a_database_that_dies_or_stands_still_is_waited_for);

/// How soon messages go on when the database answers again.
const BACK: Duration = Duration::from_secs(3);

async fn a_database_that_dies_or_stands_still_is_waited_for(database: Server) {
    let mut cluster = Cluster::start(database).await;
    let crew = Crew::begin(&cluster).await;
    crew.goes_on(300).await;
    let (mut dice, before) = (Dice::new(8), cluster.memory());
    // Half of the usual ones on each server: four in all.
    let (faults, longest) = usual_or_long((2, 5_000), (60, 20_000));
    for fault in 0..faults {
        passes(Duration::from_millis(300 + dice.below(700) as u64)).await;
        let lasts = Duration::from_millis(1_000 + dice.below(longest - 1_000) as u64);
        match fault % 2 {
            0 => {
                cluster.has_database(Server::kill).await;
                passes(lasts / 5).await;
                cluster.has_database(Server::restart).await;
            }
            _ => {
                cluster.database().signal("STOP");
                passes(lasts).await;
                cluster.database().signal("CONT");
            }
        }
        let back = Instant::now();
        crew.goes_on(30).await;
        let took = back.elapsed();
        assert!(took <= BACK, "fault {fault}: messages went on only {took:?} after the database");
    }
    cluster.is_ready().await;
    let tally = crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
    assert!(tally.sent > 300, "{tally:?} is no load");
}
