//! F2: a hub stands still (SIGSTOP), a third of the times inside a transaction, and goes on as if nothing had been.

use std::time::{Duration, Instant};

use chat_testkit::on_each_server;
use chat_testkit::server::Server;

use super::crew::Crew;
use super::{Cluster, NODES, holds_memory};
use crate::support::{Dice, passes, usual_or_long};

on_each_server!(a_hub_that_stands_still_holds_up_the_others_briefly_and_loses_nothing);

/// For how long a hub that stands inside a transaction may hold up the others.
const BLOCKED: Duration = Duration::from_secs(3);

/// How often a hub is stopped again until it stands inside a transaction.
const TRIES: usize = 60;

impl Cluster {
    /// Tells whether a transaction waits for another one's lock: while a hub stands still, for that one's.
    async fn is_held_up(&self) -> bool {
        let waiting = match self.database() {
            Server::MariaDb(_) => "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
            Server::Postgres(_) => "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
        };
        // InnoDB refreshes the table ten times a second.
        passes(Duration::from_millis(250)).await;
        self.database().sql_in("chat", waiting).trim() != "0"
    }
}

async fn a_hub_that_stands_still_holds_up_the_others_briefly_and_loses_nothing(database: Server) {
    let mut cluster = Cluster::start(database).await;
    let crew = Crew::begin(&cluster).await;
    crew.goes_on(300).await;
    let (mut dice, before) = (Dice::new(2), cluster.memory());
    // Half of the usual ones on each server: six in all.
    let (pauses, longest) = usual_or_long((3, 5_000), (60, 30_000));
    for pause in 0..pauses {
        let stops = dice.below(NODES);
        let others: Vec<usize> = (0..NODES).filter(|hub| *hub != stops).collect();
        // Every third pause is to fall into a transaction.
        let mut tries = if pause % 3 == 0 { TRIES } else { 1 };
        let stopped = loop {
            passes(Duration::from_millis(50 + dice.below(150) as u64)).await;
            let stopped = Instant::now();
            cluster.hubs[stops].freeze().await;
            tries -= 1;
            if tries == 0 || cluster.is_held_up().await {
                break stopped;
            }
            cluster.hubs[stops].thaw().await;
        };
        let lasts = Duration::from_millis(1_000 + dice.below(longest - 1_000) as u64);
        passes(lasts.saturating_sub(stopped.elapsed())).await;
        let waited = crew.seen.longest_wait(stopped, &others);
        cluster.hubs[stops].thaw().await;
        assert!(waited <= BLOCKED, "pause {pause}, of n{} for {lasts:?}: elsewhere {waited:?}", stops + 1);
        crew.goes_on(60).await;
    }
    let tally = crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
    assert!(tally.sent > 500, "{tally:?} is no load");
}
