//! How tests of what happens to NATS begin and end: hubs with NATS, users at work, and a crowd that is to hear nothing of all this.

use chat_testkit::nats::{Nats, wanted};
use chat_testkit::server::Server;

use super::crew::Crew;
use super::crowd::Crowd;
use super::nats::BACK;
use super::presence::Friends;
use super::{Cluster, NODES, holds_memory};

/// The first of the idle users, and how many there are: friends on different hubs.
pub(super) const CROWD: (u64, u64) = (50_000, 30);

/// The first of two friends.
pub(super) const FRIENDS: u64 = 40_000;

/// Hubs with NATS between them, and their users.
pub(super) struct AtWork {
    pub(super) cluster: Cluster,
    pub(super) crew: Crew,
    crowd: Crowd,
    /// What the hubs' memory was before the first fault.
    memory: Vec<f64>,
}

impl AtWork {
    /// Starts hubs on a MariaDB with one NATS server; `None` if tests that need these are not to run.
    pub(super) async fn begin(test: &str, nats: impl FnOnce() -> Nats) -> Option<Self> {
        let database = wanted(test).then(|| Server::mariadb(test)).flatten()?;
        Some(Self::on(Cluster::with(database, vec![nats()], &[]).await).await)
    }

    /// Puts users to work on hubs, all of which have NATS.
    pub(super) async fn on(mut cluster: Cluster) -> Self {
        let crew = Crew::begin(&cluster).await;
        cluster.has_relays(NODES, BACK).await;
        let crowd = Crowd::connect(&cluster, CROWD.0, CROWD.1, &[0, 1, 2]).await;
        crew.goes_on(300).await;
        let memory = cluster.memory();
        Self { cluster, crew, crowd, memory }
    }

    /// Holds, once the last fault is over, that no promise was broken, and that no user was told of an absence that was none.
    pub(super) async fn finishes(self) {
        let Self { mut cluster, crew, crowd, memory } = self;
        crew.finishes_with_friends(&cluster).await;
        assert_eq!(crowd.told_offline(), 0, "users were told of an absence that was none");
        holds_memory(&memory, &cluster.memory());
    }
}

impl Crew {
    /// Holds that all hubs agree on who is online, and lets all finish. When this returns, a friend has been told that another one has
    /// left after the last fault: so an absence that lasted ten seconds has been told as well.
    pub(super) async fn finishes_with_friends(self, cluster: &Cluster) {
        cluster.shows_all_online().await;
        let friends = Friends::meet(cluster, FRIENDS, [0, 1]).await;
        // What all have seen is judged while the friend waits to be told.
        tokio::join!(friends.part(), self.finishes(cluster));
    }
}
