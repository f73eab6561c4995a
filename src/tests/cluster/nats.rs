//! F4, F5, F6: NATS dies, stands still, or is out of one hub's reach. Only latency suffers, and no user is told of it.

use std::time::{Duration, Instant};

use chat_testkit::fault_proxy::Direction;
use chat_testkit::nats::{Nats, wanted};
use chat_testkit::server::Server;

use super::at_work::{AtWork, CROWD};
use super::crew::Crew;
use super::crowd::Crowd;
use super::{Cluster, NODES, holds_memory};
use crate::support::{Dice, passes, until_within, usual_or_long};

/// How long a message may take to cross while all hubs know that NATS is away: a poll, and what a busy machine adds. Of a hundred,
/// one may take longer.
const CROSSES: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 200 });

/// The same while a hub may still believe that NATS works: then it looks into the database once a second.
const CROSSES_UNNOTICED: Duration = Duration::from_millis(2_000);

/// How soon a hub notices that NATS is silent.
const NOTICED: Duration = Duration::from_secs(7);

/// How soon hubs have NATS that can be reached again.
pub(super) const BACK: Duration = Duration::from_secs(15);

/// How much longer an acknowledgement may take while NATS is away, by which factor and by how much a busy machine adds. Of a hundred,
/// one may take longer.
const ACKNOWLEDGES: (f64, Duration) = (1.3, Duration::from_millis(if cfg!(debug_assertions) { 60 } else { 5 }));

impl Cluster {
    /// Holds that all hubs are ready, and returns how many of them have NATS.
    async fn relays(&self) -> usize {
        let mut up = 0;
        for hub in &self.hubs {
            let ready = hub.person(1).get("/health/ready").await.is(200);
            up += usize::from(ready["relay"] == "up");
        }
        up
    }

    /// Waits until so many hubs have NATS.
    pub(super) async fn has_relays(&self, wanted: usize, within: Duration) {
        let have = async || (self.relays().await == wanted).then_some(());
        until_within(within, &format!("{wanted} of {NODES} hubs have NATS"), have).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_cross_by_polling_while_nats_is_gone() {
    let test = "messages_cross_by_polling_while_nats_is_gone";
    let Some(database) = wanted(test).then(|| Server::mariadb(test)).flatten() else { return };
    // It is not there at the start.
    let mut nats = Nats::start();
    nats.kill();
    let mut cluster = Cluster::with(database, vec![nats], &[]).await;
    let crew = Crew::begin(&cluster).await;
    let crowd = Crowd::connect(&cluster, CROWD.0, CROWD.1, &[0, 1, 2]).await;
    crew.goes_on(300).await;
    assert_eq!(cluster.relays().await, 0);
    let (mut dice, before) = (Dice::new(4), cluster.memory());
    let (mut with_nats, mut without) = (Vec::new(), Vec::new());
    let (deaths, longest) = usual_or_long((6, 4_000), (100, 20_000));
    for death in 0..deaths {
        cluster.has_nats(0, Nats::restart).await;
        cluster.has_relays(NODES, BACK).await;
        let back = Instant::now();
        crew.goes_on(200).await;
        let killed = Instant::now();
        with_nats.push((back, killed));
        cluster.has_nats(0, Nats::kill).await;
        passes(Duration::from_millis(dice.below(longest) as u64)).await;
        let (crossed, relays) = (crew.seen.crossing(killed), cluster.relays().await);
        assert!(crossed <= CROSSES, "death {death}: without NATS a message took {crossed:?} to cross");
        assert!(relays == 0 || killed.elapsed() < NOTICED, "death {death}: {relays} hubs believe that NATS lives");
        without.push((killed, Instant::now()));
    }
    // It never comes back.
    crew.goes_on(300).await;
    let [with_nats, without] = [with_nats, without].map(|spans| crew.seen.acknowledging(&spans));
    let allowed = with_nats.mul_f64(ACKNOWLEDGES.0) + ACKNOWLEDGES.1;
    assert!(without <= allowed, "an acknowledgement takes {without:?} without NATS, and {with_nats:?} with it");
    assert_eq!(crowd.told_offline(), 0, "users were told of an absence that was none");
    crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_server_that_stands_still_is_noticed_and_outlived() {
    let test = "a_nats_server_that_stands_still_is_noticed_and_outlived";
    let Some(at_work) = AtWork::begin(test, Nats::start).await else { return };
    let AtWork { cluster, crew, .. } = &at_work;
    let mut dice = Dice::new(5);
    let (pauses, longest) = usual_or_long((2, 10_000), (40, 60_000));
    for pause in 0..pauses {
        let stopped = Instant::now();
        cluster.nats[0].stop();
        cluster.has_relays(0, NOTICED).await;
        passes(Duration::from_millis(dice.below(longest) as u64).saturating_sub(stopped.elapsed())).await;
        let crossed = crew.seen.crossing(stopped);
        assert!(crossed <= CROSSES_UNNOTICED, "pause {pause}: a message took {crossed:?} to cross");
        cluster.nats[0].go_on();
        cluster.has_relays(NODES, BACK).await;
        crew.goes_on(100).await;
    }
    at_work.finishes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_nats_does_not_hear_or_that_does_not_hear_nats_loses_nothing() {
    let test = "a_hub_that_nats_does_not_hear_or_that_does_not_hear_nats_loses_nothing";
    let Some(at_work) = AtWork::begin(test, Nats::start).await else { return };
    let AtWork { cluster, crew, .. } = &at_work;
    let mut dice = Dice::new(6);
    let (cuts, longest) = usual_or_long((4, 6_000), (60, 30_000));
    for cut in 0..cuts {
        let hub = dice.below(NODES);
        let direction = if cut % 2 == 0 { Direction::Up } else { Direction::Down };
        let began = Instant::now();
        cluster.nats_links[hub].black_hole(direction);
        passes(Duration::from_millis(500 + dice.below(longest) as u64)).await;
        let crossed = crew.seen.crossing(began);
        cluster.nats_links[hub].heal();
        assert!(crossed <= CROSSES_UNNOTICED, "cut {cut} of n{}, {direction:?}: {crossed:?} to cross", hub + 1);
        cluster.has_relays(NODES, BACK).await;
        crew.goes_on(100).await;
    }
    at_work.finishes().await;
}
