//! The table of users who are online, for reading, and the way to the presence actor.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use ractor::ActorRef;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::table::OnlineTable;
use crate::actor_slot::ActorSlot;
use crate::metrics;
use crate::relay::message::Received;

/// The table of users who are online, and the way to the presence actor. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct PresenceHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    table: RwLock<OnlineTable>,
    actor: ActorSlot<PresenceMsg>,
}

/// A message to the presence actor.
#[derive(Debug)]
pub(crate) enum PresenceMsg {
    /// A user is online who was not.
    Came(UserId),
    /// Time to look who has gone.
    Tick,
    /// Another node said something of its users or of itself.
    Heard(Received),
    /// The node ends: write down when every user was last seen; users who are connected, at this time.
    NoteAll(Timestamp, oneshot::Sender<()>),
}

impl PresenceHandle {
    /// Counts a connection of a user, until the guard is dropped.
    pub(crate) fn connect(&self, user: UserId) -> PresenceGuard {
        if self.change(|table| table.came(user, Instant::now(), Timestamp::now())) {
            metrics::get().users_online.increment(1);
            self.send(PresenceMsg::Came(user));
        }
        PresenceGuard { presence: self.clone(), user, ended: None }
    }

    fn disconnect(&self, user: UserId, seen: Timestamp) {
        self.change(|table| table.left(user, Instant::now(), seen));
    }

    /// Tells whether a user is online on this node.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.0.table.read().unwrap_or_else(PoisonError::into_inner).is_online(user)
    }

    /// Has the actor write down when every user was last seen, and waits for it; users who are connected were seen at
    /// `alive`.
    pub(crate) async fn note_all(&self, alive: Timestamp) {
        let (done, noted) = oneshot::channel();
        self.send(PresenceMsg::NoteAll(alive, done));
        // An actor that is not there, or ends meanwhile, drops the other side.
        let _ = noted.await;
    }

    /// Hands over what another node said of its users or of itself.
    pub(crate) fn heard(&self, received: Received) {
        self.send(PresenceMsg::Heard(received));
    }

    pub(super) fn set_actor(&self, actor: ActorRef<PresenceMsg>) {
        self.0.actor.set(actor);
    }

    fn send(&self, message: PresenceMsg) {
        let _ = self.0.actor.send(message);
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut OnlineTable) -> T) -> T {
        change(&mut self.0.table.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A connection, as presence counts it: until this is dropped.
pub(crate) struct PresenceGuard {
    presence: PresenceHandle,
    user: UserId,
    ended: Option<Timestamp>,
}

impl PresenceGuard {
    /// Says when the connection ended, or gave its last sign of life; without a word it ends when this is dropped.
    pub(crate) fn ended(&mut self, at: Timestamp) {
        self.ended = Some(at);
    }
}

impl fmt::Debug for PresenceGuard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("PresenceGuard").field(&self.user).finish()
    }
}

impl Drop for PresenceGuard {
    fn drop(&mut self) {
        self.presence.disconnect(self.user, self.ended.unwrap_or_else(Timestamp::now));
    }
}
