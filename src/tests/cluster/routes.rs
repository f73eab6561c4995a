//! F7: three NATS servers, one for each hub, with a route between each two: a route is cut, and the servers go one by one.
//!
//! A hub is told of its own server alone, and learns of the others from it.

use std::path::Path;
use std::time::{Duration, Instant};

use chat_testkit::fault_proxy::FaultProxy;
use chat_testkit::mariadb;
use chat_testkit::nats::{self, Nats};
use chat_testkit::server::Server;

use super::at_work::AtWork;
use super::nats::BACK;
use super::{Cluster, NODES};
use crate::support::{Dice, passes, until, usual_or_long};

/// How soon the hubs of a server that has gone hear of each other over another one.
const MOVED: Duration = Duration::from_secs(5);

/// What a server logs when a connection of a route is open.
const ROUTE_OPENED: &str = "Route connection created";

/// Starts three servers that form a cluster, and returns the routes between them, each through a proxy.
async fn nats_cluster(program: &Path) -> (Vec<Nats>, Vec<FaultProxy>) {
    let (mut servers, mut ports, mut routes) = (Vec::new(), Vec::<u16>::new(), Vec::new());
    for _ in 0..NODES {
        let port = chat_loadtest::server::free_port().expect("a free port");
        let mut to = Vec::new();
        // A server opens the routes to those that were started before it.
        for earlier in &ports {
            let route = FaultProxy::to(*earlier).await;
            to.push(format!("\"nats://127.0.0.1:{}\"", route.port()));
            routes.push(route);
        }
        // Servers tell each other where they are. What they tell leads nowhere, so that no route goes around its proxy.
        let cluster = format!(
            "cluster {{ name: chat, listen: \"127.0.0.1:{port}\", advertise: \"127.0.0.1:1\", routes: [{}] }}",
            to.join(", ")
        );
        servers.push(Nats::with(program, &cluster));
        ports.push(port);
    }
    (servers, routes)
}

/// Returns how many connections of routes a server has opened since it was started.
fn routes_opened(server: &Nats) -> usize {
    server.log().matches(ROUTE_OPENED).count()
}

/// Waits until each hub has heard of a commit of another one over NATS, and returns how long that took.
async fn all_hear(cluster: &Cluster, within: Duration) -> Duration {
    let began = Instant::now();
    for hub in &cluster.hubs {
        let heard = async || hub.metric("chat_commits_heard_total").await;
        let before = heard().await;
        let hearing = until("a commit is heard", || async { (heard().await > before).then_some(()) });
        hearing.await;
    }
    let took = began.elapsed();
    assert!(took <= within, "the hubs heard of each other's commits only after {took:?}");
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_move_to_another_nats_server_when_theirs_goes_and_outlive_a_route_that_is_cut() {
    let test = "hubs_move_to_another_nats_server_when_theirs_goes_and_outlive_a_route_that_is_cut";
    if !(nats::wanted(test) && mariadb::wanted(test)) {
        return;
    }
    let programs = nats::programs();
    let mut dice = Dice::new(7);
    // Each round has a cluster of its own, of the old servers or of the new ones.
    for round in 0..usual_or_long(2, 40) {
        let database = Server::mariadb(test).expect("it is wanted");
        let (servers, routes) = nats_cluster(&programs[round % programs.len()]).await;
        let mut at_work = AtWork::on(Cluster::with(database, servers, &[]).await).await;
        let AtWork { cluster, crew, .. } = &mut at_work;
        all_hear(cluster, BACK).await;

        // A new server has several connections on each route. One that is cut is opened again, and counts once more.
        let opened: Vec<usize> = cluster.nats.iter().map(routes_opened).collect();
        assert!(opened.iter().all(|opened| *opened >= NODES - 1), "{opened:?}");

        // The hubs at its ends do not hear each other, and both have NATS: their rows in the database tell that they live.
        let route = &routes[dice.below(routes.len())];
        route.cut();
        passes(Duration::from_millis(2_000 + dice.below(4_000) as u64)).await;
        crew.goes_on(60).await;
        route.heal();

        for (server, opened) in opened.into_iter().enumerate() {
            cluster.has_nats(server, Nats::kill).await;
            let killed = Instant::now();
            cluster.has_relays(NODES, MOVED).await;
            all_hear(cluster, MOVED.saturating_sub(killed.elapsed())).await;
            crew.goes_on(60).await;
            cluster.has_nats(server, Nats::restart).await;
            // Before the next server goes, this one has its routes to the two others again.
            let has_routes = || routes_opened(&cluster.nats[server]) >= opened;
            until("a server has its routes again", || async { has_routes().then_some(()) }).await;
        }
        at_work.finishes().await;
    }
}
