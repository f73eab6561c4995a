//! Updates: connected users, on whichever node, are told when a profile or card that they see has changed.
//!
//! A message from node to node names what has changed, and nothing else. Each node reads the present state and tells its
//! own users, so that late or reordered messages cause no outdated news. A lost message is not repeated: clients read
//! profiles and cards when they load.

mod wire;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chat_database::Database;
use chat_database::ids::UserId;
use chat_database::objects::CardRef;
use chat_database::queries::cards::{self, CardReaders};
use chat_database::queries::{people, profiles};
use chat_database::time::Timestamp;
use tokio::sync::{Mutex, Semaphore};

use crate::connections::{Audience, ConnectionTable};
use crate::protocol::ServerFrame;
use crate::protocol::server::ProfileUpdated;
use crate::relay::handle::RelayHandle;
use crate::relay::message::{Destination, Kind};
use crate::restrictions::Restrictions;

pub(crate) use wire::Updated;

/// How many updates wait to be told; while so many wait, further ones are not told.
const WAITING: usize = 64;

/// How old a message may be whose readers are told of a change of its card.
const RECENT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How many users or cards are looked up at a time, and how many pairs with the users around them at most.
const AT_A_TIME: usize = 100;
const MOST_PAIRS: u32 = 100_000;

/// Tells connected users of updates. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Updates(Arc<Inner>);

struct Inner {
    database: Database,
    connections: ConnectionTable,
    restrictions: Restrictions,
    waiting: Arc<Semaphore>,
    /// Held by the update that is being told: each of them uses the database.
    turn: Mutex<()>,
}

impl Updates {
    pub(crate) fn new(database: Database, connections: ConnectionTable, restrictions: Restrictions) -> Self {
        let waiting = Arc::new(Semaphore::new(WAITING));
        Self(Arc::new(Inner { database, connections, restrictions, waiting, turn: Mutex::default() }))
    }

    /// Tells users of all nodes of an update.
    pub(crate) fn announce(&self, relay: &RelayHandle, updated: Updated) {
        if updated.is_empty() {
            return;
        }
        if !relay.is_alone() {
            relay.publish(Destination::AllPresence, Kind::Update, updated.encode());
        }
        self.tell(updated);
    }

    /// Tells users of this node what another node has announced.
    pub(crate) fn heard(&self, body: &Bytes) {
        match Updated::decode(body) {
            Some(updated) => self.tell(updated),
            None => tracing::debug!("an update cannot be read: of another version?"),
        }
    }

    fn tell(&self, updated: Updated) {
        if updated == Updated::Restrictions {
            return self.0.restrictions.read_soon();
        }
        let inner = Arc::clone(&self.0);
        if inner.connections.is_empty() {
            return;
        }
        let Ok(permit) = Arc::clone(&inner.waiting).try_acquire_owned() else {
            return tracing::debug!("an update is not told: too many others wait");
        };
        tokio::spawn(async move {
            let _turn = inner.turn.lock().await;
            if let Err(error) = inner.tell_users(&updated).await {
                tracing::debug!(%error, "an update is not told");
            }
            drop(permit);
        });
    }
}

impl Inner {
    async fn tell_users(&self, updated: &Updated) -> Result<(), chat_database::Error> {
        match updated {
            Updated::Profiles(users) => self.tell_profiles(users).await,
            Updated::Cards(named) => self.tell_cards(named).await,
            Updated::Restrictions => Ok(()),
        }
    }

    /// Tells connected users of the profiles of users with whom they share a thread.
    async fn tell_profiles(&self, users: &[u64]) -> Result<(), chat_database::Error> {
        for users in users.chunks(AT_A_TIME) {
            let users: Vec<UserId> = users.iter().filter_map(|user| UserId::new(*user).ok()).collect();
            let mut around = people::sharing_a_thread(&self.database, &users, MOST_PAIRS).await?;
            around.retain(|(_, other)| self.connections.is_connected(*other));
            let mut users: Vec<UserId> = around.iter().map(|(user, _)| *user).collect();
            users.sort_unstable();
            users.dedup();
            for profile in profiles::of(&self.database, &users).await? {
                let user_id = profile.user_id;
                let frame = ServerFrame::ProfileUpdated(ProfileUpdated { user_id, profile: profile.public }).encode();
                for (_, other) in around.iter().filter(|(user, _)| *user == user_id) {
                    self.connections.send_ephemeral(*other, Audience::Chat, &frame);
                }
            }
        }
        Ok(())
    }

    /// Tells connected members of threads of the cards that were sent there lately.
    async fn tell_cards(&self, named: &[(String, String)]) -> Result<(), chat_database::Error> {
        let named: Vec<CardRef> = named.iter().filter_map(|(kind, id)| CardRef::from_parts(kind, id)).collect();
        let since = Timestamp::now().before(RECENT);
        for named in named.chunks(AT_A_TIME) {
            let threads = cards::recent_readers(&self.database, named, since, MOST_PAIRS).await?;
            let mut readers: Vec<(CardRef, UserId)> = threads
                .into_iter()
                .flat_map(|CardReaders { card, members }| members.map(|member| (card.clone(), member)))
                .filter(|(_, member)| self.connections.is_connected(*member))
                .collect();
            readers.sort_unstable();
            readers.dedup();
            let mut named: Vec<CardRef> = readers.iter().map(|(card, _)| card.clone()).collect();
            named.dedup();
            for card in cards::of(&self.database, &named).await? {
                let reference = card.reference();
                let frame = ServerFrame::CardUpdated { card: Box::new(card) }.encode();
                for (_, reader) in readers.iter().filter(|(card, _)| *card == reference) {
                    self.connections.send_ephemeral(*reader, Audience::Chat, &frame);
                }
            }
        }
        Ok(())
    }
}
