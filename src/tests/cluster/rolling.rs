//! F3: all three hubs are restarted, one after another (SIGTERM), under load and with a crowd of idle users.

use std::time::{Duration, Instant};

use chat_testkit::server::Server;

use super::crew::Crew;
use super::crowd::Crowd;
use super::{Cluster, NODES, holds_memory};
use crate::support::usual_or_long;

/// How long a hub may take to let its users go.
const DRAINS: Duration = Duration::from_secs(20);

/// How long a message may take to another hub afterwards, on a busy machine.
const CROSSES: Duration = Duration::from_secs(1);

/// How long the restart of all three may take.
const ALL: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_is_noticed_by_no_user() {
    let Some(database) = Server::mariadb("a_rolling_restart_is_noticed_by_no_user") else { return };
    let mut cluster = Cluster::with(database, None, &[("CHAT_DRAIN_SECONDS", "5")]).await;
    let crew = Crew::begin(&cluster).await;
    let idle = usual_or_long(300, 3_000) - 60;
    let crowd = Crowd::connect(&cluster, 50_000, idle, &[0, 1, 2]).await;
    crew.goes_on(200).await;
    let (before, began) = (cluster.memory(), Instant::now());
    for hub in 0..NODES {
        cluster.hubs[hub].asks_to_end().await;
        let status = cluster.hubs[hub].ends(DRAINS).await;
        assert!(status.success(), "n{} ended with {status}", hub + 1);
        cluster.hubs[hub].restart().await;
        crew.goes_on(100).await;
    }
    let took = began.elapsed();
    assert!(took <= ALL, "the restart of all hubs took {took:?}");
    crowd.is_back(Duration::from_secs(10)).await;
    let calm = Instant::now();
    crew.goes_on(200).await;
    let crossing = crew.seen.crossing(calm);
    assert!(crossing <= CROSSES, "with all hubs back, messages take {crossing:?} to cross");
    let offline = crowd.told_offline();
    crew.finishes(&cluster).await;
    assert_eq!(offline, 0, "users were told of an absence that was none");
    holds_memory(&before, &cluster.memory());
}
