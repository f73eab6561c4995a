//! F1: `kill -9` of a hub at random instants, which starts again under its name.

use std::time::{Duration, Instant};

use chat_testkit::mariadb::wanted;
use tokio::time::sleep;

use super::crew::Crew;
use super::{Cluster, NODES, holds_memory};
use crate::support::{Dice, usual_or_long};

/// How soon the other hubs answer again.
const SURVIVORS: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_hub_that_is_killed_again_and_again_takes_nothing_with_it() {
    if !wanted("a_hub_that_is_killed_again_and_again_takes_nothing_with_it") {
        return;
    }
    let mut cluster = Cluster::start().await;
    let crew = Crew::begin(&cluster).await;
    crew.goes_on(300).await;
    let (mut dice, before) = (Dice::new(1), cluster.memory());
    for death in 0..usual_or_long(15, 200) {
        // The instant is the point of this test: any one will do.
        sleep(Duration::from_millis(200 + dice.below(600) as u64)).await;
        let dies = dice.below(NODES);
        let survivors: Vec<usize> = (0..NODES).filter(|hub| *hub != dies).collect();
        let killed = Instant::now();
        cluster.hubs[dies].kill().await;
        crew.goes_on(100).await;
        let waited = crew.longest_wait(killed, &survivors);
        assert!(waited < SURVIVORS, "death {death}, of n{}: an acknowledgement elsewhere took {waited:?}", dies + 1);
        cluster.hubs[dies].restart().await;
    }
    crew.goes_on(300).await;
    let tally = crew.is_judged(&cluster).await;
    holds_memory(&before, &cluster.memory());
    assert!(tally.sent > 1_000, "{tally:?} is no load");
}
