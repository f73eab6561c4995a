//! Presence over all nodes: which users are online anywhere, and who tells of it. A pure state machine without a clock.
//!
//! Each node owns the entries of its own users, and tells the others which users came to it and which have left it for long
//! enough. A user is online while any node has an entry. The node of a user's arrival tells the users around, on whichever
//! node they are, if the user was offline everywhere; the node that a user has left last tells of the absence:
//!
//! - A node whose user has left, and whom no other node has, says that it tells of it (`announces`).
//! - If two nodes let go of a user at the same time, each thinks that the other one still has them. So both remember it for a
//!   while, and once the user is nowhere the one that saw the user last tells.
//! - The users of a node that has died stay online for as long as if they had left it then, or longer if it drained. Then one
//!   of the others tells, which is chosen by the user's number.
//! - Where messages were lost, a snapshot shows what has changed, and each node tells its own users alone.

mod absences;
mod entries;
mod upkeep;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use tokio::time::Instant;

use super::announcements::{Announcement, Announcements, Reach, Reason};
use super::peer::Peer;
use super::remote::{Digest, RemoteTable};
use super::table::OnlineTable;
use super::wire::{Announced, Body, EntryVersion, Heartbeat, Snapshot, Transition, Transitions};
use crate::membership::{Event, Membership, SUSPECT, Witness};
use crate::relay::message::Destination;
use absences::Absences;

/// How long a node that has started listens before it announces users: by then each other node has sent something.
const LISTENS: Duration = Duration::from_millis(1_500);

/// How long after a node's start no client is connected yet who would have to be told of the other nodes' users.
const SETTLED: Duration = Duration::from_secs(2);

/// How long an announcement waits. By then this node knows which recipients have just come to other nodes.
const KNOWN: Duration = Duration::from_millis(100);

/// How long the users of a node that drained count as online after its end: they were told to come back within half a minute.
const DRAINED: Duration = Duration::from_secs(60);

/// How many departures are announced before the table is read again, for many users of a crowd that has left come back
/// meanwhile.
pub(crate) const AT_ONCE: usize = 64;

/// How many announcements wait for the database at a time.
const OUTSTANDING: usize = 16;

/// The settings of a node.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) me: NodeId,
    /// The version of this release.
    pub(crate) version: &'static str,
    /// How long after the last connection a user counts as gone.
    pub(crate) offline_after: Duration,
    /// Whether the node has no relay to other nodes.
    pub(crate) alone: bool,
}

/// An action that the actor is to carry out.
#[derive(Debug)]
pub(crate) enum Output {
    /// Send this to other nodes.
    Send(Destination, Body),
    /// Find out who is around the user and tell them; see [`Nodes::resolved`].
    Announce(Announcement),
    /// Another node has found out who is around the user: tell these users, who are connected here.
    Deliver { user: UserId, online: bool, seen: Option<Timestamp>, recipients: Vec<UserId> },
}

/// The tables of who is online.
pub(crate) struct Tables<'a> {
    pub(crate) local: &'a mut OnlineTable,
    pub(crate) remote: &'a mut RemoteTable,
}

impl Tables<'_> {
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.local.is_online(user) || self.remote.is_online(user)
    }
}

/// The state machine of presence over all nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    settings: Settings,
    membership: Membership,
    peers: HashMap<NodeId, Peer>,
    /// Processes whose users were removed: if one is heard again after all, its users are announced.
    removed: HashMap<NodeId, Instant>,
    entry_version: EntryVersion,
    digest: Digest,
    /// Changes to be sent with the next tick.
    changes: Vec<Transition>,
    /// How many announcements each node was sent.
    announced: HashMap<Arc<str>, u64>,
    absences: Absences,
    announcements: Announcements,
    /// How many announcements wait for the database.
    outstanding: usize,
    started: Instant,
    last_tick: Instant,
    next_beat: Instant,
    /// Until then no user is announced, because too little is known.
    quiet_until: Instant,
    draining: bool,
    outputs: Vec<Output>,
}

impl Nodes {
    /// Starts with the users who are connected already; `count` differs for each start.
    pub(crate) fn new(settings: Settings, count: u64, local: &mut OnlineTable, now: Instant) -> Self {
        local.publish_all();
        let mut digest = Digest::default();
        local.published().for_each(|user| digest.add(user));
        let listens = if settings.alone { Duration::ZERO } else { LISTENS };
        Self {
            membership: Membership::new(settings.me.clone()),
            peers: HashMap::new(),
            removed: HashMap::new(),
            entry_version: EntryVersion { count, seq: 0 },
            digest,
            changes: Vec::new(),
            announced: HashMap::new(),
            absences: Absences::default(),
            announcements: Announcements::new(now, if settings.alone { Duration::ZERO } else { KNOWN }),
            outstanding: 0,
            started: now,
            last_tick: now,
            next_beat: now,
            quiet_until: now + listens,
            draining: false,
            outputs: Vec::new(),
            settings,
        }
    }

    /// Returns the other nodes.
    pub(crate) fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Tells whether users wait to be announced.
    pub(crate) fn has_waiting(&self) -> bool {
        self.announcements.len() > 0
    }

    /// Tells whether all users of all other nodes are known.
    pub(crate) fn is_settled(&self) -> bool {
        self.membership.hears_all() && self.peers.values().all(|peer| peer.ends_at.is_some() || peer.is_known())
    }

    /// Takes the actions that are to be carried out.
    pub(crate) fn outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Takes in a user's first connection to this node.
    pub(crate) fn came(&mut self, user: UserId, tables: &mut Tables<'_>, now: Instant) {
        if !tables.local.publish(user) {
            return;
        }
        self.digest.add(user);
        self.absences.forget(user);
        let announces = !tables.remote.is_online(user);
        self.changes.push(Transition::came(user, announces));
        if announces {
            let reason = Reason::came(Reach::Everywhere);
            self.announcements.want(user, reason, now);
        } else {
            // Another node may have announced that the user had gone, unnoticed by this one.
            self.announcements.came(user, now);
        }
    }

    /// Takes in a message of another node.
    pub(crate) fn heard(&mut self, from: &NodeId, body: Body, tables: &mut Tables<'_>, now: Instant) {
        let Some(events) = self.membership.heard(from, now) else { return };
        self.follow(events, tables, now);
        let me = Arc::clone(self.settings.me.name());
        let Some(peer) = self.peers.get_mut(from) else { return };
        peer.heard = now;
        match body {
            Body::Transitions(changes) => {
                let ready = peer.takes(changes, now);
                self.apply(from, &ready, tables, now);
            }
            Body::Heartbeat(beat) => {
                peer.draining = beat.draining;
                peer.beats(&beat, tables.remote.digest(peer.slot), &me, now);
            }
            Body::SnapshotRequest => self.serve(from, tables, now),
            Body::Snapshot(part) => {
                if let Some(complete) = peer.collects(&part, now) {
                    self.replace(from, complete, tables, now);
                }
            }
            Body::Announcement(announced) => {
                peer.announces(announced.number, now);
                self.deliver(from, announced, tables, now);
            }
            // Typing is the threads' business.
            Body::Typing(_) => {}
        }
        self.ask(now);
    }

    /// Takes in the rows of all nodes in the database, read just now; `None` if the database could not be read.
    pub(crate) fn witness(&mut self, rows: Option<&[Witness]>, tables: &mut Tables<'_>, now: Instant) {
        let events = self.membership.witness(rows, now);
        self.follow(events, tables, now);
    }

    /// Takes in who is around an announced user, by node, and has the nodes tell them. Returns whether that is news on all
    /// nodes.
    pub(crate) fn resolved(
        &mut self,
        announcement: &Announcement,
        elsewhere: Vec<(Arc<str>, Vec<UserId>)>,
        tables: &Tables<'_>,
        now: Instant,
    ) -> bool {
        self.outstanding = self.outstanding.saturating_sub(1);
        let Announcement { user, online, seen, reach } = *announcement;
        let is_news = self.announcements.tells(user, online, reach, now) && reach == Reach::Everywhere;
        // The user may have come or gone meanwhile.
        self.announcements.heard(user, tables.is_online(user), now);
        for (node, recipients) in elsewhere {
            let number = self.announced.entry(Arc::clone(&node)).or_default();
            *number += 1;
            let announced = Announced {
                number: *number,
                user: user.get(),
                online,
                seen: seen.map(Timestamp::millis),
                recipients: recipients.into_iter().map(UserId::get).collect(),
            };
            self.outputs.push(Output::Send(Destination::Node(node), Body::Announcement(announced)));
        }
        is_news
    }

    /// Takes in that the users around a user could not be read: the announcement is tried again later.
    pub(crate) fn unresolved(&mut self, announcement: &Announcement, now: Instant) {
        self.outstanding = self.outstanding.saturating_sub(1);
        self.announcements.want(announcement.user, Reason::not_made(announcement), now);
        self.quiet_until = self.quiet_until.max(now + Duration::from_secs(1));
    }

    /// Applies changes of membership.
    fn follow(&mut self, events: Vec<Event>, tables: &mut Tables<'_>, now: Instant) {
        for event in events {
            match event {
                Event::Joined(node) | Event::Returned(node) => {
                    let settled = now > self.started + SETTLED;
                    let tells = self.removed.remove(&node).is_some() || settled;
                    let Some(slot) = tables.remote.open(&node) else { continue };
                    tables.remote.set_live(slot, true);
                    let peer = self.peers.entry(node).or_insert_with(|| Peer::new(slot, now, tells));
                    peer.ends_at = None;
                    peer.doubt();
                }
                Event::Ended(node, until) => {
                    self.ended(&node, until, tables, now);
                    self.take_over(&node, tables, now);
                }
            }
        }
    }

    /// Sends another node all users of this one.
    fn serve(&mut self, to: &NodeId, tables: &mut Tables<'_>, now: Instant) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        if peer.served.is_some_and(|served| now < served + Duration::from_millis(200)) {
            return;
        }
        peer.served = Some(now);
        self.flush();
        for part in Snapshot::parts(self.entry_version, tables.local.published().collect()) {
            self.outputs.push(Output::Send(Destination::Node(Arc::clone(to.name())), Body::Snapshot(part)));
        }
    }

    /// Has those recipients told of an announcement who are connected here, unless it tells of an absence that is over.
    fn deliver(&mut self, from: &NodeId, announced: Announced, tables: &mut Tables<'_>, now: Instant) {
        let Ok(user) = UserId::new(announced.user) else { return };
        let is_heard =
            |node: &Arc<str>| self.peers.iter().any(|(id, peer)| id.name() == node && now < peer.heard + SUSPECT);
        let is_elsewhere = |node: &Arc<str>| node != from.name() && is_heard(node);
        let is_back = tables.local.is_online(user) || tables.remote.nodes_of(user).iter().any(is_elsewhere);
        if !announced.online && is_back {
            return;
        }
        self.announcements.tells(user, announced.online, Reach::Here, now);
        self.outputs.push(Output::Deliver {
            user,
            online: announced.online,
            seen: announced.seen.map(Timestamp::from_millis),
            recipients: announced.recipients.into_iter().filter_map(|user| UserId::new(user).ok()).collect(),
        });
    }

    /// Sends the changes that were collected.
    fn flush(&mut self) {
        if self.changes.is_empty() {
            return;
        }
        self.entry_version.seq += 1;
        let changes = Transitions { entry_version: self.entry_version, changes: std::mem::take(&mut self.changes) };
        self.outputs.push(Output::Send(Destination::AllPresence, Body::Transitions(changes)));
    }

    fn beat(&mut self, released: u64) {
        let announced = self.announced.iter().map(|(node, sent)| (node.to_string(), *sent)).collect();
        let beat = Heartbeat {
            entry_version: self.entry_version,
            users: self.digest.users,
            sum: self.digest.sum,
            announced,
            released,
            draining: self.draining,
            version: self.settings.version.to_owned(),
        };
        self.outputs.push(Output::Send(Destination::AllHeartbeats, Body::Heartbeat(beat)));
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
