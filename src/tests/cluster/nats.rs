//! F4, F5, F6: NATS dies, stands still, or is out of one hub's reach. Only latency suffers, and no user is told of it.

use std::time::{Duration, Instant};

use chat_testkit::fault_proxy::Direction;
use chat_testkit::nats::{Nats, wanted};
use chat_testkit::server::Server;
use tokio::time::sleep;

use super::crew::{Crew, FIRST, PAIRS};
use super::{Cluster, NODES, holds_memory};
use crate::support::{Dice, usual_or_long};

/// How long a message may take to cross without NATS: a poll, and what a busy machine adds. Of a hundred, one may take longer.
const CROSSES: Duration = Duration::from_millis(1_000);

/// How soon all hubs agree on who is online.
const AGREED: Duration = Duration::from_secs(20);

/// How soon a hub notices that NATS is silent.
const NOTICED: Duration = Duration::from_secs(7);

impl Cluster {
    /// Holds that all hubs are ready, and returns how many of them have NATS.
    async fn relays(&self) -> usize {
        let mut up = 0;
        for hub in &self.hubs {
            let asker = hub.person(1);
            asker.get("/health/ready").await.is(200);
            let metrics = asker.get("/metrics").await.text;
            up += usize::from(metrics.lines().any(|line| line == "chat_relay_up 1"));
        }
        up
    }

    /// Holds that all hubs say of all users at work that they are online, 20 s after the last fault at the latest.
    async fn shows_all_online(&self) {
        let began = Instant::now();
        loop {
            let mut missing = Vec::new();
            for (hub, pair) in (0..NODES).flat_map(|hub| (0..PAIRS).map(move |pair| (hub, pair))) {
                let (author, reader) = (FIRST + 2 * pair, FIRST + 2 * pair + 1);
                for (asks, about) in [(author, reader), (reader, author)] {
                    let path = format!("/chat/presence?user_ids={about}");
                    let answer = self.hubs[hub].person(asks).get(&path).await.is(200);
                    if answer["users"][0]["online"] != true {
                        missing.push(format!("{about} at n{}", hub + 1));
                    }
                }
            }
            if missing.is_empty() {
                return;
            }
            assert!(began.elapsed() < AGREED, "offline by mistake: {missing:?}");
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until so many hubs have NATS.
    async fn has_relays(&self, wanted: usize, within: Duration) {
        let began = Instant::now();
        while self.relays().await != wanted {
            assert!(began.elapsed() < within, "not {wanted} of {NODES} hubs have NATS after {within:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_cross_by_polling_while_nats_is_gone() {
    let Some(database) = Server::mariadb("messages_cross_by_polling_while_nats_is_gone")
        .filter(|_| wanted("messages_cross_by_polling_while_nats_is_gone"))
    else {
        return;
    };
    // It is not there at the start.
    let mut cluster = Cluster::with_nats(database).await;
    cluster.has_nats(Nats::kill).await;
    let crew = Crew::begin(&cluster).await;
    crew.goes_on(300).await;
    assert_eq!(cluster.relays().await, 0);
    let (mut dice, before) = (Dice::new(4), cluster.memory());
    let (deaths, longest) = usual_or_long((6, 4_000), (100, 20_000));
    for death in 0..deaths {
        cluster.has_nats(Nats::restart).await;
        cluster.has_relays(NODES, Duration::from_secs(10)).await;
        crew.goes_on(100).await;
        let killed = Instant::now();
        cluster.has_nats(Nats::kill).await;
        sleep(Duration::from_millis(dice.below(longest) as u64)).await;
        let (crossed, relays) = (crew.seen.crossing(killed), cluster.relays().await);
        assert!(crossed <= CROSSES, "death {death}: without NATS a message took {crossed:?} to cross");
        assert!(relays == 0 || killed.elapsed() < NOTICED, "death {death}: {relays} hubs believe that NATS lives");
    }
    // It never comes back.
    crew.goes_on(300).await;
    crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_server_that_stands_still_is_noticed_and_outlived() {
    let Some(database) = Server::mariadb("a_nats_server_that_stands_still_is_noticed_and_outlived")
        .filter(|_| wanted("a_nats_server_that_stands_still_is_noticed_and_outlived"))
    else {
        return;
    };
    let mut cluster = Cluster::with_nats(database).await;
    let crew = Crew::begin(&cluster).await;
    cluster.has_relays(NODES, Duration::from_secs(10)).await;
    crew.goes_on(300).await;
    let (mut dice, before) = (Dice::new(5), cluster.memory());
    let (pauses, longest) = usual_or_long((2, 10_000), (40, 60_000));
    for pause in 0..pauses {
        let stopped = Instant::now();
        cluster.nats().stop();
        cluster.has_relays(0, NOTICED).await;
        sleep(Duration::from_millis(dice.below(longest) as u64).saturating_sub(stopped.elapsed())).await;
        let crossed = crew.seen.crossing(stopped);
        assert!(crossed <= CROSSES, "pause {pause}: a message took {crossed:?} to cross");
        cluster.nats().go_on();
        cluster.has_relays(NODES, Duration::from_secs(15)).await;
        crew.goes_on(100).await;
    }
    cluster.shows_all_online().await;
    crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_nats_does_not_hear_or_that_does_not_hear_nats_loses_nothing() {
    let Some(database) = Server::mariadb("a_hub_that_nats_does_not_hear_or_that_does_not_hear_nats_loses_nothing")
        .filter(|_| wanted("a_hub_that_nats_does_not_hear_or_that_does_not_hear_nats_loses_nothing"))
    else {
        return;
    };
    let mut cluster = Cluster::with_nats(database).await;
    let crew = Crew::begin(&cluster).await;
    cluster.has_relays(NODES, Duration::from_secs(10)).await;
    crew.goes_on(300).await;
    let (mut dice, before) = (Dice::new(6), cluster.memory());
    let (cuts, longest) = usual_or_long((4, 6_000), (60, 30_000));
    for cut in 0..cuts {
        let hub = dice.below(NODES);
        let direction = if cut % 2 == 0 { Direction::Up } else { Direction::Down };
        let began = Instant::now();
        cluster.nats_links[hub].black_hole(direction);
        sleep(Duration::from_millis(500 + dice.below(longest) as u64)).await;
        let crossed = crew.seen.crossing(began);
        cluster.nats_links[hub].heal();
        assert!(crossed <= CROSSES, "cut {cut} of n{}, {direction:?}: {crossed:?} to cross", hub + 1);
        cluster.has_relays(NODES, Duration::from_secs(15)).await;
        crew.goes_on(100).await;
    }
    cluster.shows_all_online().await;
    crew.finishes(&cluster).await;
    holds_memory(&before, &cluster.memory());
}
