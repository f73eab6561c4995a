//! Three hubs on one database, each link through a proxy that puts faults on it, and sixty users at work who are spread over them.
//!
//! ```text
//!  pairs ── n1 ── proxies ─┐
//!        ── n2 ── proxies ─┼─ database, and one NATS server in some tests, or three of a cluster
//!        ── n3 ── proxies ─┘
//! ```
//!
//! Whatever a test does to the hubs, to the links and to the database, [`crew::Crew::finishes`] holds the same of all users: no
//! acknowledged message is lost, doubled or moved; `seq` and `rev` are dense on all hubs; every connection hears everything, by push,
//! replay or reset; no cursor leads; and the hubs' memory has not grown.
//!
//! Runs with `CHAT_TEST_MARIADB=1` and `CHAT_TEST_POSTGRES=1`, with NATS by `CHAT_TEST_NATS=1`. `CHAT_TEST_LONG=1` runs the long
//! counts; `CHAT_TEST_SEED` runs the random schedule of one seed, which a failure prints; `CHAT_TEST_PREVIOUS=<program>` upgrades
//! hubs of a previous build.

/// Makes a test of each function of a module, once for hubs that poll the database and once for hubs with NATS between them.
macro_rules! on_each_relay {
    ($($test:ident),* $(,)?) => {
        mod by_polling {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                if let Some(database) = chat_testkit::server::Server::mariadb(stringify!($test)) {
                    super::$test(database, Vec::new()).await;
                }
            })*
        }
        mod over_nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)] async fn $test() {
                if chat_testkit::nats::wanted(stringify!($test))
                    && let Some(database) = chat_testkit::server::Server::postgres(stringify!($test))
                {
                    super::$test(database, vec![chat_testkit::nats::Nats::start()]).await;
                }
            })*
        }
    };
}

mod at_work;
mod breaks;
mod crew;
mod crowd;
mod database;
mod deaths;
mod known;
mod nats;
mod pauses;
mod presence;
mod put_back;
mod rolling;
mod routes;
mod schedule;
mod seen;
mod starved;
mod user;
mod versions;

use std::path::Path;
use std::time::Duration;

use chat_loadtest::usage;
use chat_testkit::fault_proxy::FaultProxy;
use chat_testkit::nats::Nats;
use chat_testkit::server::Server;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Runtime};

use crate::support::{Hub, Person, hub, until_within};

/// How many hubs a cluster has.
const NODES: usize = 3;

/// By how much a hub's memory may have grown after a fault, and what a small process may need besides, in KB.
const GROWTH: (f64, f64) = (1.2, 6_000.0);

/// Hubs on one database, with a proxy on each link.
struct Cluster {
    hubs: Vec<Hub>,
    /// The links from each hub to the database.
    links: Vec<FaultProxy>,
    /// It is away for as long as it starts or ends.
    database: Option<Server>,
    /// One server, the servers of a cluster, or none.
    nats: Vec<Nats>,
    /// The link from each hub to a NATS server: all to the first one, or each to its own if there are several.
    nats_links: Vec<FaultProxy>,
    /// The proxies run on a thread of their own, so that a crowd of users does not slow them down.
    proxies: Option<Runtime>,
}

impl Cluster {
    /// Starts three hubs, n1 to n3.
    async fn start(database: Server) -> Self {
        Self::with(database, Vec::new(), &[]).await
    }

    /// Starts three hubs with some settings, and with NATS between them if there is a server.
    async fn with(database: Server, nats: Vec<Nats>, settings: &[(&str, &str)]) -> Self {
        Self::of(&hub::program(), database, nats, settings).await
    }

    /// Starts three hubs of a given program.
    async fn of(program: &Path, database: Server, nats: Vec<Nats>, settings: &[(&str, &str)]) -> Self {
        // It has no name: each hub reaches it through a proxy of its own.
        database.database("chat");
        let proxies = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let proxy = async |port: u16| proxies.spawn(FaultProxy::to(port)).await.expect("a proxy");
        let (mut launches, mut links, mut nats_links) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=NODES {
            let link = proxy(database.port()).await;
            let mut own = vec![
                ("DATABASE_URL", database.url_through(link.port(), "chat")),
                ("CHAT_NODE_NAME", format!("n{number}")),
            ];
            if !nats.is_empty() {
                let link = proxy(nats[(number - 1) % nats.len()].port()).await;
                own.push(("NATS_URL", format!("nats://127.0.0.1:{}", link.port())));
                nats_links.push(link);
            }
            own.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
            launches.push(own);
            links.push(link);
        }
        let start = async |own: Vec<(&str, String)>| {
            let mut hub = Hub::with(|launch| {
                program.clone_into(&mut launch.binary);
                for (name, value) in own {
                    launch.set(name, value);
                }
            })
            .await;
            // A hub that loses its database says so.
            hub.expects_errors();
            hub
        };
        // The first one makes the tables.
        let mut launches = launches.into_iter();
        let mut hubs = vec![start(launches.next().expect("a hub")).await];
        hubs.extend(join_all(launches.map(start)).await);
        Self { hubs, links, database: Some(database), nats, nats_links, proxies: Some(proxies) }
    }

    fn database(&self) -> &Server {
        self.database.as_ref().expect("it neither starts nor ends")
    }

    /// Kills the database, or starts it again, beside the users at work.
    async fn has_database(&mut self, change: fn(&mut Server)) {
        let mut database = self.database.take().expect("it neither starts nor ends");
        let changing = tokio::task::spawn_blocking(move || {
            change(&mut database);
            database
        });
        self.database = Some(changing.await.expect("the database does as it is told"));
    }

    /// Kills a NATS server, or starts it again, beside the users at work.
    async fn has_nats(&mut self, server: usize, change: fn(&mut Nats)) {
        let mut nats = self.nats.remove(server);
        let changing = tokio::task::spawn_blocking(move || {
            change(&mut nats);
            nats
        });
        self.nats.insert(server, changing.await.expect("NATS does as it is told"));
    }

    /// Returns a user as each hub knows them.
    fn doors(&self, user: u64) -> Vec<Person> {
        self.hubs.iter().map(|hub| hub.person(user)).collect()
    }

    /// Returns the resident memory of each hub in KB.
    fn memory(&mut self) -> Vec<f64> {
        let resident = |hub: &mut Hub| f64::from(usage::resident_kb(hub.server().pid()).expect("the hub runs"));
        self.hubs.iter_mut().map(resident).collect()
    }

    /// Waits until all hubs are ready.
    async fn is_ready(&self) {
        for hub in &self.hubs {
            let asker = hub.person(1);
            let is_ready = || async {
                let asked = asker.request(reqwest::Method::GET, "/health/ready").send().await;
                asked.is_ok_and(|answer| answer.status() == 200).then_some(())
            };
            until_within(Duration::from_secs(30), "the hub is ready again", is_ready).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(proxies) = self.proxies.take() {
            proxies.shutdown_background();
        }
    }
}

/// Holds that no hub's memory has grown beyond what it may.
fn holds_memory(before: &[f64], after: &[f64]) {
    for (number, (before, after)) in before.iter().zip(after).enumerate() {
        let allowed = before * GROWTH.0 + GROWTH.1;
        assert!(*after <= allowed, "n{}: {after} KB resident, {before} KB before", number + 1);
    }
}
