//! Membership: which other nodes live. A pure table without a clock.
//!
//! Every node gives a sign of life each second over the relay, and writes its row in the database every two seconds. A node
//! is *suspect* after three seconds of silence. It is *dead* after five, if its row is older than five seconds as well: if
//! the row is fresh, the relay is at fault, and the node lives. The row must be found old for a while, because a database
//! that was away comes back with old rows for all nodes.
//!
//! A process is known by its node's name and an incarnation. When another incarnation of a name sends a message, the former
//! one has ended, and its late messages are ignored.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chat_database::nodes::NodeId;
use chat_database::sabotage::Sabotage;
use tokio::time::Instant;

/// How long a node is silent before it is suspect.
pub(crate) const SUSPECT: Duration = Duration::from_secs(3);

/// How long a node is silent, and how old its row is, before it is dead.
pub(crate) const DEAD: Duration = Duration::from_secs(5);

/// How often a node gives a sign of life, and how often it writes its row.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);
const ROW: Duration = Duration::from_secs(2);

/// How long a row is found old before that counts: longer than a node takes to write it again.
const CONFIRMED: Duration = Duration::from_millis(2_500);

/// How long a replaced process is remembered, so that a late message of it is not taken for a new process.
const REMEMBERED: Duration = Duration::from_secs(120);

/// A node's row in the database, as the witness of its life.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    pub(crate) node: NodeId,
    /// How long ago the row was written, by the database's clock.
    pub(crate) age: Duration,
}

/// A change of membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A process is heard for the first time.
    Joined(NodeId),
    /// A process that was taken for dead is heard again.
    Returned(NodeId),
    /// A process has ended: it is dead, or another one has its name. It may have lived until this instant.
    Ended(NodeId, Instant),
}

/// The other nodes.
#[derive(Debug)]
pub(crate) struct Membership {
    me: NodeId,
    /// The process that was heard last under each name.
    peers: HashMap<Arc<str>, Peer>,
    /// Processes that were replaced by another one of their name.
    replaced: HashMap<NodeId, Instant>,
    /// Whether the database names a live node that is not heard; `None` if the database could not be asked.
    unheard: Option<bool>,
}

#[derive(Debug)]
struct Peer {
    incarnation: u64,
    heard: Instant,
    /// Since when each reading of the rows has found its row old.
    old_since: Option<Instant>,
    dead: bool,
}

impl Membership {
    pub(crate) fn new(me: NodeId) -> Self {
        Self { me, peers: HashMap::new(), replaced: HashMap::new(), unheard: None }
    }

    /// Takes in that a process has sent a message, and returns the changes; `None` if the message must be ignored, because
    /// the process was replaced, or has this node's name.
    pub(crate) fn heard(&mut self, from: &NodeId, now: Instant) -> Option<Vec<Event>> {
        if from.name() == self.me.name() || self.replaced.contains_key(from) {
            return None;
        }
        let fresh = Peer { incarnation: from.incarnation(), heard: now, old_since: None, dead: false };
        let Some(peer) = self.peers.get_mut(from.name()) else {
            self.peers.insert(Arc::clone(from.name()), fresh);
            return Some(vec![Event::Joined(from.clone())]);
        };
        if peer.incarnation == from.incarnation() || Sabotage::PresenceWithoutIncarnation.is_on() {
            (peer.heard, peer.old_since) = (now, None);
            let returned = std::mem::take(&mut peer.dead);
            return Some(if returned { vec![Event::Returned(from.clone())] } else { Vec::new() });
        }
        let old = NodeId::of(Arc::clone(from.name()), peer.incarnation);
        let (was_dead, until) = (peer.dead, peer.heard + HEARTBEAT);
        *peer = fresh;
        self.replaced.insert(old.clone(), now);
        let ended = (!was_dead).then_some(Event::Ended(old, until));
        Some(ended.into_iter().chain([Event::Joined(from.clone())]).collect())
    }

    /// Compares the rows of all nodes, read just now, with the messages that came, and returns the changes. `None`: the
    /// database could not be read, and earlier readings do not count any more.
    pub(crate) fn witness(&mut self, rows: Option<&[Witness]>, now: Instant) -> Vec<Event> {
        self.replaced.retain(|_, since| now < *since + REMEMBERED);
        let Some(rows) = rows else {
            self.peers.values_mut().for_each(|peer| peer.old_since = None);
            self.unheard = None;
            return Vec::new();
        };
        let age = |name: &Arc<str>, incarnation| {
            let is_it = |row: &&Witness| row.node.name() == name && row.node.incarnation() == incarnation;
            rows.iter().find(is_it).map(|row| row.age)
        };
        let mut events = Vec::new();
        for (name, peer) in &mut self.peers {
            let node = || NodeId::of(Arc::clone(name), peer.incarnation);
            let is_fresh = age(name, peer.incarnation).is_some_and(|age| age <= DEAD);
            let is_fresh = is_fresh && !Sabotage::NoDatabaseWitness.is_on();
            if peer.dead && is_fresh {
                // The process was stopped for a while; that no message of it has come yet is the relay's fault.
                events.push(Event::Returned(node()));
                (peer.dead, peer.heard) = (false, now);
            } else if peer.dead || is_fresh || now < peer.heard + DEAD {
                peer.old_since = None;
            } else if now >= *peer.old_since.get_or_insert(now) + CONFIRMED {
                // It may have lived until its next sign of life, or its next row, was due.
                let written = age(name, peer.incarnation).and_then(|age| now.checked_sub(age));
                let until = (peer.heard + HEARTBEAT).max(written.map_or(peer.heard, |written| written + ROW));
                events.push(Event::Ended(node(), until));
                peer.dead = true;
            }
        }
        let is_heard = |row: &Witness| {
            self.peers
                .get(row.node.name())
                .is_some_and(|peer| peer.incarnation == row.node.incarnation() && now < peer.heard + SUSPECT)
        };
        let unheard = |row: &&Witness| row.node.name() != self.me.name() && row.age <= DEAD && !is_heard(row);
        self.unheard = Some(rows.iter().find(unheard).is_some());
        events
    }

    /// Takes all nodes for heard just now: this node has stood still, so their silence proves nothing.
    pub(crate) fn reset_timeouts(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            (peer.heard, peer.old_since) = (now, None);
        }
    }

    /// Tells whether a live node is suspect.
    pub(crate) fn suspects(&self, now: Instant) -> bool {
        self.peers.values().any(|peer| !peer.dead && now >= peer.heard + SUSPECT)
    }

    /// Returns the other nodes that live, as far as is known.
    pub(crate) fn live(&self) -> impl Iterator<Item = NodeId> + '_ {
        let live = self.peers.iter().filter(|(_, peer)| !peer.dead);
        live.map(|(name, peer)| NodeId::of(Arc::clone(name), peer.incarnation))
    }

    /// Tells whether a process is taken for dead.
    #[cfg(test)]
    pub(crate) fn is_dead(&self, node: &NodeId) -> bool {
        self.peers.get(node.name()).is_some_and(|peer| peer.incarnation == node.incarnation() && peer.dead)
    }

    /// Tells whether every node that had a fresh row was heard when the rows were read last.
    pub(crate) fn hears_all(&self) -> bool {
        self.unheard == Some(false)
    }

    /// Tells whether every node that the database knows to live is heard.
    pub(crate) fn is_whole(&self, now: Instant) -> bool {
        let heard = self.peers.values().all(|peer| peer.dead || now < peer.heard + SUSPECT);
        heard && self.hears_all()
    }
}

/// Whether all live nodes are heard, for other actors to read. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct MembershipView(Arc<AtomicBool>);

impl MembershipView {
    /// Tells whether every node that the database knows to live is heard over the relay.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Publishes the state of a membership.
    pub(crate) fn show(&self, membership: &Membership, now: Instant) {
        self.0.store(membership.is_whole(now), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
