//! F1: `kill -9` of a hub at random instants, which starts again under its name.

use std::time::{Duration, Instant};

use chat_testkit::nats::Nats;
use chat_testkit::server::Server;
use futures_util::future::join_all;

use super::at_work::{CROWD, FRIENDS};
use super::crew::Crew;
use super::crowd::Crowd;
use super::presence::Friends;
use super::{Cluster, NODES, holds_memory};
use crate::support::{Dice, passes, usual_or_long};

/// How soon the other hubs answer again.
const SURVIVORS: Duration = Duration::from_secs(2);

on_each_relay!(a_hub_that_is_killed_again_and_again_takes_nothing_with_it);

async fn a_hub_that_is_killed_again_and_again_takes_nothing_with_it(database: Server, nats: Vec<Nats>) {
    let has_presence = !nats.is_empty();
    let mut cluster = Cluster::with(database, nats, &[]).await;
    let crew = Crew::begin(&cluster).await;
    let crowd = Crowd::connect(&cluster, CROWD.0, CROWD.1, &[0, 1, 2]).await;
    crew.goes_on(300).await;
    let (mut dice, before) = (Dice::new(1), cluster.memory());
    // Half of them by polling, and half over NATS: fifteen in all.
    let (mut deaths, wanted) = (0, usual_or_long(8, 200));
    while deaths < wanted {
        // One survives. The two that die start again together: a name is free a few seconds after its hub was last heard of.
        let survivor = dice.below(NODES);
        let first = (survivor + 1 + dice.below(2)) % NODES;
        let second = NODES - survivor - first;
        for (dies, survivors) in [(first, vec![survivor, second]), (second, vec![survivor])] {
            // The instant is the point of this test: any one will do.
            passes(Duration::from_millis(200 + dice.below(600) as u64)).await;
            let killed = Instant::now();
            cluster.hubs[dies].kill().await;
            deaths += 1;
            crew.goes_on(100).await;
            let waited = crew.seen.longest_wait(killed, &survivors);
            assert!(
                waited < SURVIVORS,
                "death {deaths}, of n{}: an acknowledgement elsewhere took {waited:?}",
                dies + 1
            );
        }
        let dead = cluster.hubs.iter_mut().enumerate().filter(|(hub, _)| *hub != survivor);
        join_all(dead.map(|(_, hub)| hub.restart())).await;
    }
    crew.goes_on(300).await;
    if has_presence {
        let friends = Friends::meet(&cluster, FRIENDS, [0, 1]).await;
        cluster.hubs[0].kill().await;
        friends.are_parted(Instant::now(), 0).await;
        assert_eq!(crowd.told_offline(), 0, "users were told of an absence that was none");
        cluster.hubs[0].restart().await;
        cluster.shows_all_online().await;
    }
    let tally = crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
    assert!(tally.sent > 1_000, "{tally:?} is no load");
}
