//! Users who only listen, in great numbers, each with a friend in the crowd; F17: all of those on a hub that is killed come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chat_loadtest::client::Received;
use chat_testkit::nats::Nats;
use chat_testkit::server::Server;
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::task::JoinSet;

use super::at_work::FRIENDS;
use super::presence::Friends;
use super::user::{Habit, User, frame};
use super::{Cluster, holds_memory};
use crate::support::person::text;
use crate::support::{comes, until_within, usual_or_long};

/// How many users connect concurrently.
const CONCURRENCY: usize = 64;

/// How soon all users of a killed hub are back on the others. A hub that is built for debugging takes several times as long, the more
/// so on a machine that does other work.
const BACK: Duration = Duration::from_secs(if cfg!(debug_assertions) { 45 } else { 5 });

/// The span after which a user counts as absent: no announcement waits for users who are back before.
const ABSENT: Duration = Duration::from_secs(10);

/// When the test gives up.
const NEVER: Duration = Duration::from_secs(60);

/// How many frames about presence a user may be sent for it.
const PRESENCE_FRAMES: u64 = 3;

/// Users who only listen, and come back to another hub whenever their connection ends.
pub(super) struct Crowd {
    listeners: Vec<Arc<Listener>>,
    here: Arc<AtomicUsize>,
    /// Dropping it ends the users.
    _tasks: JoinSet<()>,
}

/// What one of them has been told.
#[derive(Default)]
struct Listener {
    offline: AtomicU64,
    presence: AtomicU64,
}

impl Crowd {
    /// Connects users with the ids from `first` on to these hubs in turn. Two that follow each other have a thread.
    pub(super) async fn connect(cluster: &Cluster, first: u64, users: u64, hubs: &[usize]) -> Self {
        let friends = stream::iter((0..users / 2).map(|pair| first + 2 * pair)).map(async |user| {
            let hub = &cluster.hubs[usize::try_from(user / 2).expect("small") % cluster.hubs.len()];
            let hello = json!({"receiver_id": user + 1, "content": "hello"});
            hub.person(user).post("/chat/send", &hello).await.is(201);
        });
        friends.buffer_unordered(CONCURRENCY).collect::<Vec<()>>().await;
        let here = Arc::<AtomicUsize>::default();
        let opening = stream::iter(0..users).map(async |number| {
            let at = hubs[usize::try_from(number).expect("small") % hubs.len()];
            let mut me = User::new(cluster.doors(first + number), at, Habit::InACrowd, first + number);
            let connection = me.connects().await;
            (me, connection)
        });
        let connected: Vec<_> = opening.buffer_unordered(CONCURRENCY).collect().await;
        let (mut tasks, mut listeners) = (JoinSet::new(), Vec::new());
        for (me, connection) in connected {
            let listener = Arc::<Listener>::default();
            here.fetch_add(1, Ordering::SeqCst);
            tasks.spawn(listens(me, connection.client, Arc::clone(&listener), Arc::clone(&here)));
            listeners.push(listener);
        }
        Self { listeners, here, _tasks: tasks }
    }

    /// Waits until all of them are connected, and have caught up.
    pub(super) async fn is_back(&self, within: Duration) {
        let all = self.listeners.len();
        let coming = comes(async || (self.here() >= all).then_some(()));
        let late = |_| panic!("{} of {all} are back after {within:?}", self.here());
        tokio::time::timeout(within, coming).await.unwrap_or_else(late);
    }

    /// Returns how many of them are connected.
    pub(super) fn here(&self) -> usize {
        self.here.load(Ordering::SeqCst)
    }

    /// Returns how often one of them was told that a user had gone.
    pub(super) fn told_offline(&self) -> u64 {
        self.listeners.iter().map(|listener| listener.offline.load(Ordering::SeqCst)).sum()
    }

    /// Returns the most frames about presence that one of them was sent, the lists of a greeting included.
    fn most_presence(&self) -> u64 {
        self.listeners.iter().map(|listener| listener.presence.load(Ordering::SeqCst)).max().unwrap_or_default()
    }

    fn forgets(&self) {
        for listener in &self.listeners {
            listener.presence.store(0, Ordering::SeqCst);
            // When two hubs are killed at once, the last of thousands are back after more than `ABSENT`: that is an absence.
            listener.offline.store(0, Ordering::SeqCst);
        }
    }
}

async fn listens(mut me: User, mut client: chat_loadtest::Client, listener: Arc<Listener>, here: Arc<AtomicUsize>) {
    // Whether it counts among those who are here.
    let mut counted = true;
    loop {
        let how = loop {
            let received = client.next().await;
            let Received::Text(raw) = received else { break received };
            let frame = frame(&raw);
            match text(&frame, "type") {
                "user_offline" => {
                    listener.offline.fetch_add(1, Ordering::SeqCst);
                    listener.presence.fetch_add(1, Ordering::SeqCst);
                }
                "user_online" | "online_users" => drop(listener.presence.fetch_add(1, Ordering::SeqCst)),
                "synced" if !counted => {
                    counted = true;
                    here.fetch_add(1, Ordering::SeqCst);
                }
                _ => {}
            }
            me.hears(&frame);
        };
        if std::mem::take(&mut counted) {
            here.fetch_sub(1, Ordering::SeqCst);
        }
        me.is_sent_away(&how).await;
        me.moves();
        let connection = me.connects().await;
        if connection.greeting["resumed"] != true {
            counted = true;
            here.fetch_add(1, Ordering::SeqCst);
        }
        client = connection.client;
    }
}

on_each_relay!(the_clients_of_a_killed_hub_come_back_to_the_others);

async fn the_clients_of_a_killed_hub_come_back_to_the_others(database: Server, nats: Vec<Nats>) {
    let has_presence = !nats.is_empty();
    // How they come back is the same by polling: there a smaller crowd shows as much.
    let users = if has_presence { 3_000 } else { usual_or_long(600, 3_000) };
    let mut cluster = Cluster::with(database, nats, &[]).await;
    let crowd = Crowd::connect(&cluster, 100_000, users, &[0]).await;
    for death in 0..usual_or_long(1, 10) {
        crowd.is_back(Duration::from_secs(30)).await;
        crowd.forgets();
        let before = cluster.memory();
        let friends = if has_presence { Some(Friends::meet(&cluster, FRIENDS, [0, 1]).await) } else { None };
        let killed = Instant::now();
        cluster.hubs[0].kill().await;
        let gone = async || (crowd.here() < crowd.listeners.len()).then_some(());
        until_within(NEVER, "a killed hub's connections end", gone).await;
        crowd.is_back(NEVER).await;
        let took = killed.elapsed();
        assert!(took <= BACK, "death {death}: all {users} users were back after {took:?}");
        if let Some(friends) = friends {
            friends.are_parted(killed, if took < ABSENT { 0 } else { users }).await;
            assert_eq!(crowd.told_offline(), 0, "users were told of an absence that was none");
        }
        assert!(crowd.most_presence() <= PRESENCE_FRAMES, "{} frames about presence", crowd.most_presence());
        cluster.hubs[0].restart().await;
        let allowed: Vec<f64> = before.iter().map(|_| before[0]).collect();
        holds_memory(&allowed, &cluster.memory());
        // All to the first hub again, for the next death.
        if death + 1 < usual_or_long(1, 10) {
            cluster.hubs[1].kill().await;
            cluster.hubs[2].kill().await;
            crowd.is_back(NEVER).await;
            cluster.hubs[1].restart().await;
            cluster.hubs[2].restart().await;
        }
    }
}
