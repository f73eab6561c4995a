//! The periodic work of a node: departures, signs of life, and the ends of other nodes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::{AT_ONCE, DRAINED, LISTENS, Nodes, OUTSTANDING, Output, Tables, absences};
use crate::membership::{HEARTBEAT, SUSPECT};
use crate::presence::announcements::{Reach, Reason};
use crate::presence::peer::Peer;
use crate::presence::wire::{Body, Transition};
use crate::relay::message::Destination;

/// How much longer than a single node one of several waits before a user counts as gone: meanwhile it hears whether the
/// user has come back elsewhere.
const ON_ITS_WAY: Duration = Duration::from_millis(300);

/// How long a node that has stood still listens before it announces users.
const WAKES: Duration = Duration::from_secs(3);

impl Nodes {
    /// Does the work that is due.
    pub(crate) fn tick(&mut self, draining: bool, released: u64, tables: &mut Tables<'_>, now: Instant) {
        self.notice_pause(now);
        if draining && !self.draining {
            self.next_beat = now;
        }
        self.draining = draining;
        self.let_go(tables, now);
        self.flush();
        if now >= self.next_beat {
            // A node that has just started makes itself known: its first signs may come before the relay is up.
            let pause = if now < self.started + LISTENS { HEARTBEAT / 5 } else { HEARTBEAT };
            self.next_beat = now + pause;
            self.absences.sweep(now);
            self.announcements.sweep(now);
            self.beat(released);
        }
        self.unannounced(now);
        self.ask(now);
        self.announce(tables, now);
    }

    /// Asks the nodes of which something is missing for a snapshot.
    pub(super) fn ask(&mut self, now: Instant) {
        for (node, peer) in &mut self.peers {
            if peer.asks(now) {
                let to = Destination::Node(Arc::clone(node.name()));
                self.outputs.push(Output::Send(to, Body::SnapshotRequest));
            }
        }
    }

    /// Gives out the announcements whose turn it is.
    pub(crate) fn announce(&mut self, tables: &Tables<'_>, now: Instant) {
        while now >= self.quiet_until && self.outstanding < OUTSTANDING {
            let Some(next) = self.announcements.next(now, |user| tables.is_online(user)) else { return };
            self.outstanding += 1;
            self.outputs.push(Output::Announce(next));
        }
    }

    /// Notices that this process, or the machine, was stopped: messages were lost, and what is due may be long over.
    fn notice_pause(&mut self, now: Instant) {
        let paused = now - std::mem::replace(&mut self.last_tick, now);
        if self.settings.alone || paused < SUSPECT {
            return;
        }
        tracing::warn!(seconds = paused.as_secs(), "this node stood still: it asks the others anew");
        self.membership.reset_timeouts(now);
        for peer in self.peers.values_mut() {
            peer.heard = now;
            peer.doubt();
        }
        self.quiet_until = self.quiet_until.max(now + WAKES);
        self.next_beat = now;
    }

    /// Takes out users who have left this node for long enough, a few at a time. Returns them with their last-seen times,
    /// to be written down.
    pub(crate) fn departures(
        &mut self,
        draining: bool,
        tables: &mut Tables<'_>,
        now: Instant,
    ) -> Vec<(UserId, Timestamp)> {
        self.notice_pause(now);
        // On a node that ends, all users are being sent away: no departure is announced.
        if draining || now < self.quiet_until || self.announcements.len() >= AT_ONCE {
            return Vec::new();
        }
        let others = self.membership.live().next().is_some();
        let after = self.settings.offline_after + if others { ON_ITS_WAY } else { Duration::ZERO };
        let departed = tables.local.gone(now, after, AT_ONCE);
        for &(user, seen) in &departed {
            let announces = !tables.remote.is_online(user);
            self.digest.remove(user);
            self.changes.push(Transition::left(user, seen, announces));
            self.absences.note(user, &self.settings.me, seen, announces, now);
            if announces {
                let reason = Reason::left(Some(seen), Reach::Everywhere);
                self.announcements.want(user, reason, now);
            }
        }
        departed
    }

    /// Takes in that another node has ended: its users stay online for a while.
    pub(super) fn ended(&mut self, node: &NodeId, until: Instant, tables: &mut Tables<'_>, now: Instant) {
        let witnesses = self.witnesses(node);
        let Some(peer) = self.peers.get_mut(node) else { return };
        let after = if peer.draining { DRAINED.max(self.settings.offline_after) } else { self.settings.offline_after };
        peer.ends_at = Some((until + after).max(now));
        tables.remote.set_live(peer.slot, false);
        tracing::info!(%node, draining = peer.draining, "another node has ended");
        for user in peer.unannounced_changes() {
            if absences::chosen(user, &witnesses) == Some(&self.settings.me) {
                self.announcements.want(user, Reason::uncertain(Reach::Everywhere), now);
            }
        }
    }

    /// Returns the nodes that know the users of an ended node, and go on themselves.
    fn witnesses(&self, node: &NodeId) -> Vec<NodeId> {
        let Some(ended) = self.peers.get(node) else { return Vec::new() };
        let goes_on = |peer: &Peer| peer.ends_at.is_none() && !peer.draining && peer.since <= ended.heard;
        let others = self.peers.iter().filter(|(id, peer)| *id != node && goes_on(peer));
        let me = (!self.draining).then(|| self.settings.me.clone());
        others.map(|(id, _)| id.clone()).chain(me).collect()
    }

    /// Removes the users of nodes that have ended, when their time is over.
    fn let_go(&mut self, tables: &mut Tables<'_>, now: Instant) {
        if now < self.quiet_until {
            return;
        }
        let over = |peer: &Peer| peer.ends_at.is_some_and(|end| now >= end);
        let ended: Vec<NodeId> =
            self.peers.iter().filter(|(_, peer)| over(peer)).map(|(node, _)| node.clone()).collect();
        for node in ended {
            let witnesses = self.witnesses(&node);
            let Some(peer) = self.peers.remove(&node) else { continue };
            for user in tables.remote.users_of(peer.slot) {
                if tables.remote.remove(peer.slot, user) && !tables.local.is_online(user) {
                    self.tell_for_the_dead(user, &witnesses, now);
                    if !peer.is_known() {
                        // Other nodes may have announced the user while this one heard nothing.
                        self.announcements.want(user, Reason::left(None, Reach::Here), now);
                    }
                }
            }
            tables.remote.close(peer.slot);
            self.removed.insert(node, now);
        }
        self.removed.retain(|_, since| now < *since + DRAINED * 10);
    }

    /// One of the nodes that knew a dead one announces its user: the node that the user had left a moment before, which
    /// relied on the dead one, or else one that is chosen by the user's number.
    fn tell_for_the_dead(&mut self, user: UserId, witnesses: &[NodeId], now: Instant) {
        let me = &self.settings.me;
        let announcer = self.absences.announcer(user).filter(|announcer| witnesses.contains(announcer));
        let teller = announcer.or_else(|| absences::chosen(user, witnesses)).cloned();
        match teller {
            Some(other) if other != *me => self.absences.delegate(user, &other, now),
            _ if self.announce_if_responsible(user, now) => {}
            _ => self.tell_absence(user, None, now),
        }
    }

    /// Takes over announcements that a dead node may not have made, of users who are offline everywhere.
    pub(super) fn take_over(&mut self, node: &NodeId, tables: &Tables<'_>, now: Instant) {
        let witnesses = self.witnesses(node);
        let mine = |user: &UserId| absences::chosen(*user, &witnesses) == Some(&self.settings.me);
        let unannounced: Vec<UserId> = self.absences.unannounced_by(node).into_iter().filter(mine).collect();
        for user in self.absences.delegated_to(node).into_iter().chain(unannounced) {
            if !tables.is_online(user) {
                self.tell_absence(user, None, now);
            }
        }
    }

    /// Announces to users here what they may have missed, because announcements of other nodes were lost.
    fn unannounced(&mut self, now: Instant) {
        // Every peer is asked, for the call also resets what it has noted.
        let misses = self.peers.values_mut().filter_map(|peer| peer.misses_announcements(now).then_some(())).count();
        if misses == 0 {
            return;
        }
        let recent: BTreeSet<UserId> = self.peers.values_mut().flat_map(|peer| peer.recent(now)).collect();
        for user in recent {
            self.announcements.want(user, Reason::uncertain(Reach::Here), now);
        }
    }
}
