//! F3: all three hubs are restarted, one after another (SIGTERM), under load and with a crowd of idle users.

use std::path::Path;
use std::time::{Duration, Instant};

use chat_testkit::nats::Nats;
use chat_testkit::server::Server;

use super::crew::Crew;
use super::crowd::Crowd;
use super::{Cluster, NODES, holds_memory};
use crate::support::usual_or_long;

/// How long a hub may take to let its users go.
pub(super) const DRAINS: Duration = Duration::from_secs(20);

/// Hubs let their users go within two seconds.
pub(super) const DRAIN: [(&str, &str); 1] = [("CHAT_DRAIN_SECONDS", "2")];

/// How long a message may take to another hub afterwards, on a busy machine. Hubs that are built for debugging still have the crowd's
/// return to do.
const CROSSES: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// How long the restart of all three may take.
const ALL: Duration = Duration::from_secs(60);

on_each_relay!(a_rolling_restart_is_noticed_by_no_user);

async fn a_rolling_restart_is_noticed_by_no_user(database: Server, nats: Vec<Nats>) {
    let cluster = Cluster::with(database, nats, &DRAIN).await;
    restarts(cluster, None, usual_or_long(1, 10)).await;
}

/// Restarts all hubs one after another, so many times, each with another program if one is given.
pub(super) async fn restarts(mut cluster: Cluster, program: Option<&Path>, rounds: u32) {
    let has_presence = !cluster.nats.is_empty();
    let crew = Crew::begin(&cluster).await;
    let idle = usual_or_long(300, 3_000) - 60;
    let crowd = Crowd::connect(&cluster, 50_000, idle, &[0, 1, 2]).await;
    crew.goes_on(200).await;
    let before = cluster.memory();
    for _ in 0..rounds {
        let began = Instant::now();
        for hub in 0..NODES {
            cluster.hubs[hub].asks_to_end().await;
            let status = cluster.hubs[hub].ends(DRAINS).await;
            assert!(status.success(), "n{} ended with {status}", hub + 1);
            if let Some(program) = program {
                program.clone_into(&mut cluster.hubs[hub].launch.binary);
            }
            cluster.hubs[hub].restart().await;
            crew.goes_on(100).await;
        }
        let took = began.elapsed();
        assert!(took <= ALL, "the restart of all hubs took {took:?}");
        crowd.is_back(Duration::from_secs(10)).await;
    }
    let calm = Instant::now();
    crew.goes_on(200).await;
    let crossing = crew.seen.crossing(calm);
    let slowest = crew.seen.slowest(calm);
    assert!(crossing <= CROSSES, "with all hubs back, messages take {crossing:?} to cross:{slowest}");
    if has_presence {
        crew.finishes_with_friends(&cluster).await;
    } else {
        crew.finishes(&cluster).await;
    }
    assert_eq!(crowd.told_offline(), 0, "users were told of an absence that was none");
    holds_memory(&before, &cluster.memory());
}
