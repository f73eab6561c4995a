//! The tables of users who are online, for reading, and the handle of the presence actor.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use ractor::ActorRef;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use super::announcements::Announcement;
use super::remote::{RemotePresence, RemoteTable};
use super::table::OnlineTable;
use crate::actor_slot::ActorSlot;
use crate::membership::{MembershipView, Witness};
use crate::metrics;
use crate::relay::message::Received;

/// The tables of users who are online, here and on other nodes, and the handle of the presence actor. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct PresenceHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Code that locks both tables locks this one first.
    local: RwLock<OnlineTable>,
    remote: RemotePresence,
    membership: MembershipView,
    /// Whether it is known who is online on the other nodes.
    settled: watch::Sender<bool>,
    actor: ActorSlot<PresenceMsg>,
}

/// A message to the presence actor.
#[derive(Debug)]
pub(crate) enum PresenceMsg {
    /// A user is online on this node who was not.
    Came(UserId),
    /// A tick of the actor's timer.
    Tick,
    /// Users wait to be announced.
    Due,
    /// Another node sent a message about its users or itself.
    Heard(Received),
    /// The rows of all nodes in the database; `None` if it could not be asked.
    Rows(Option<Vec<Witness>>),
    /// Users here were told of a user; the other nodes are to tell these users.
    Announced(Announcement, Vec<(Arc<str>, Vec<UserId>)>),
    /// The database could not be read to find out who is to be told of a user.
    Unannounced(Announcement),
    /// The node ends: write down when every user was last seen; for users who are connected, that is this time.
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

    /// Tells whether a user is online, on whichever node.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        let here = self.0.local.read().unwrap_or_else(PoisonError::into_inner).is_online(user);
        here || self.0.remote.is_online(user)
    }

    /// Returns the users who are online on other nodes.
    pub(crate) fn remote(&self) -> &RemotePresence {
        &self.0.remote
    }

    /// Returns which other nodes live.
    pub(crate) fn membership(&self) -> &MembershipView {
        &self.0.membership
    }

    /// Waits until it is known who is online on the other nodes, but no longer than `within`.
    pub(crate) async fn settled(&self, within: Duration) {
        let mut settled = self.0.settled.subscribe();
        // A node that receives nothing from the others starts without them.
        let _ = timeout(within, settled.wait_for(|settled| *settled)).await;
    }

    pub(super) fn set_settled(&self) {
        self.0.settled.send_replace(true);
    }

    /// Has the actor write down when every user was last seen, and waits for it; users who are connected were seen at
    /// `alive`.
    pub(crate) async fn note_all(&self, alive: Timestamp) {
        let (done, noted) = oneshot::channel();
        self.send(PresenceMsg::NoteAll(alive, done));
        // An actor that does not run, or ends meanwhile, drops the sender.
        let _ = noted.await;
    }

    /// Hands over a message of another node about its users or itself.
    pub(crate) fn heard(&self, received: Received) {
        self.send(PresenceMsg::Heard(received));
    }

    pub(super) fn set_actor(&self, actor: ActorRef<PresenceMsg>) {
        self.0.actor.set(actor);
    }

    pub(super) fn send(&self, message: PresenceMsg) {
        let _ = self.0.actor.send(message);
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut OnlineTable) -> T) -> T {
        change(&mut self.0.local.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_both<T>(&self, change: impl FnOnce(&mut OnlineTable, &mut RemoteTable) -> T) -> T {
        self.change(|local| self.0.remote.change(|remote| change(local, remote)))
    }
}

/// A connection that counts for presence until this is dropped.
pub(crate) struct PresenceGuard {
    presence: PresenceHandle,
    user: UserId,
    ended: Option<Timestamp>,
}

impl PresenceGuard {
    /// Sets when the connection ended, or gave its last sign of life. Otherwise it counts as ended when this is dropped.
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
