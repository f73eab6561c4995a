//! Presence over three hubs: all agree on who is online, and friends are told of each other what is true.

use std::time::{Duration, Instant};

use super::crew::{FIRST, PAIRS};
use super::{Cluster, NODES};
use crate::support::{Device, Person, comes, until};

/// How soon after a fault all hubs agree on who is online.
const AGREED: Duration = Duration::from_secs(20);

/// How long after a user has gone, or the hub has died, the friends are told. A departure that is taken back is never told.
const TOLD: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(20)];

/// How many users a hub announces in a second (ADR 22). When a hub dies with thousands of users who stay away, the last of them wait
/// for their turn; users who are back by then take none.
const ANNOUNCEMENTS: u64 = 200;

impl Cluster {
    /// Holds that all hubs say of all users at work that they are online, soon after the last fault.
    pub(super) async fn shows_all_online(&self) {
        let began = Instant::now();
        let agree = comes(async || {
            let missing = self.missing().await;
            assert!(missing.is_empty() || began.elapsed() < AGREED, "offline by mistake: {missing:?}");
            missing.is_empty().then_some(())
        });
        agree.await;
    }

    /// Returns of whom the hubs do not say that they are online.
    async fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for (hub, pair) in (0..NODES).flat_map(|hub| (0..PAIRS).map(move |pair| (hub, pair))) {
            let (author, reader) = (FIRST + 2 * pair, FIRST + 2 * pair + 1);
            for (asks, about) in [(author, reader), (reader, author)] {
                if !is_online(&self.hubs[hub].person(asks), about).await {
                    missing.push(format!("{about} at n{}", hub + 1));
                }
            }
        }
        missing
    }
}

/// Tells whether a user is online, as a hub says to a friend.
async fn is_online(asks: &Person, about: u64) -> bool {
    let answer = asks.get(&format!("/chat/presence?user_ids={about}")).await.is(200);
    answer["users"][0]["online"].as_bool().expect("true or false")
}

/// Two friends on two hubs, one of whom will go.
pub(super) struct Friends {
    goes: Device,
    stays: Device,
}

impl Friends {
    /// Connects two users, with the ids `first` and the next one, to the hubs, and waits until each hub knows of both.
    pub(super) async fn meet(cluster: &Cluster, first: u64, [goes, stays]: [usize; 2]) -> Self {
        let (alice, bob) = (cluster.hubs[goes].person(first), cluster.hubs[stays].person(first + 1));
        let (mut desk, mut tablet) = (alice.connect().await, bob.connect().await);
        desk.sends_to(&bob, "hello").await;
        tablet.receives("hello").await;
        for (asks, about) in [(&alice, bob.id), (&bob, alice.id)] {
            until("the friend is online", || async { is_online(asks, about).await.then_some(()) }).await;
        }
        tablet.settles().await;
        Self { goes: desk, stays: tablet }
    }

    /// Has one of them leave, and holds what the other one is told.
    pub(super) async fn part(self) {
        let Self { goes, stays } = self;
        let left = Instant::now();
        goes.leaves().await;
        is_told(stays, left, Duration::ZERO).await;
    }

    /// Holds what the one is told of the other, whose hub died, and who stays away as so many other users did for a while.
    pub(super) async fn are_parted(self, died: Instant, users: u64) {
        is_told(self.stays, died, Duration::from_secs(users / ANNOUNCEMENTS)).await;
    }
}

/// Holds that a user is told that the friend has gone, and when: `queue` is how long the announcements of others may take.
async fn is_told(mut device: Device, gone: Instant, queue: Duration) {
    let is_offline = |frame: &serde_json::Value| frame["type"] == "user_offline";
    let latest = TOLD[1] + queue;
    device.expect_within(latest + Duration::from_secs(5), "user_offline", is_offline).await;
    let after = gone.elapsed();
    assert!(TOLD[0] <= after && after <= latest, "told {after:?} after the departure");
}
