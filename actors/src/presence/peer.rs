//! How far this node knows the users of another one: a pure state machine without a clock.
//!
//! A node numbers the changes to its users. Changes are applied in order. For a missing one this node waits a moment,
//! because messages overtake each other; then it asks the other node for a snapshot, and applies the later changes to that.
//! It does the same when a sign of life names a later change, or another digest.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use chat_database::ids::UserId;
use tokio::time::Instant;

use super::remote::{Digest, Slot};
use super::wire::{EntryVersion, Heartbeat, Snapshot, Transition, Transitions};
use crate::membership::SUSPECT;

/// How long a missing change is waited for, when later ones have come.
const OVERTAKEN: Duration = Duration::from_millis(150);

/// How long after it was asked for a snapshot is asked for again.
const SNAPSHOT: Duration = Duration::from_secs(2);

/// How many messages with changes may wait until they can be applied.
const WAITING: usize = 1_024;

/// How long it is remembered that a user came or left, in case the announcement is lost.
const RECENT: Duration = Duration::from_secs(10);

/// How long before its end a node may have noticed a user's arrival or departure without announcing it.
const UNANNOUNCED_WITHIN: Duration = Duration::from_millis(500);

/// How many arrivals and departures are remembered.
const MOST_RECENT: usize = 1_024;

/// How many missing announcements are noted when a later one comes.
const MOST_MISSING: usize = 1_024;

/// How far a node's users are known.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) slot: Slot,
    /// When it was heard for the first time.
    pub(super) since: Instant,
    /// When anything was heard of it last, and whether it drained then.
    pub(super) heard: Instant,
    pub(super) draining: bool,
    /// If it has ended: until when its users count as online.
    pub(super) ends_at: Option<Instant>,
    /// Whether users here are told of changes that a snapshot shows.
    pub(super) tells: bool,
    /// When this node last sent it a snapshot.
    pub(super) served: Option<Instant>,
    entry_version: Option<EntryVersion>,
    /// Changes that cannot be applied yet, and since when there are some.
    waiting: Vec<Transitions>,
    waiting_since: Option<Instant>,
    /// Since when a sign of life has named a later change than is known here.
    behind: Option<Instant>,
    /// Whether a snapshot is needed; when one was last asked for.
    lost: bool,
    asked: Option<Instant>,
    collected: Option<Collected>,
    /// The number of the last announcement to this node, and since when a sign of life has named a higher one.
    announced: Option<u64>,
    announcement_behind: Option<Instant>,
    /// Those that are certainly missing, for later ones have come, and since when there are some.
    missing: BTreeSet<u64>,
    announcement_missing: Option<Instant>,
    /// How many announcements it had sent to this node, by its last sign of life.
    sent: u64,
    recent: VecDeque<(Instant, UserId)>,
}

/// Parts of a snapshot.
#[derive(Debug)]
struct Collected {
    entry_version: EntryVersion,
    parts: Vec<Option<Vec<UserId>>>,
}

impl Peer {
    pub(super) fn new(slot: Slot, now: Instant, tells: bool) -> Self {
        Self {
            slot,
            since: now,
            heard: now,
            draining: false,
            ends_at: None,
            tells,
            served: None,
            entry_version: None,
            waiting: Vec::new(),
            waiting_since: None,
            behind: None,
            lost: true,
            asked: None,
            collected: None,
            announced: None,
            announcement_behind: None,
            missing: BTreeSet::new(),
            announcement_missing: None,
            sent: 0,
            recent: VecDeque::new(),
        }
    }

    /// Has a snapshot asked for, because what is known is not certain any more.
    pub(super) fn doubt(&mut self) {
        (self.lost, self.asked) = (true, None);
    }

    /// Takes in changes; returns those that can be applied now, in order.
    pub(super) fn takes(&mut self, changes: Transitions, now: Instant) -> Vec<Transition> {
        match self.entry_version {
            Some(version)
                if version.count == changes.entry_version.count && changes.entry_version.seq <= version.seq =>
            {
                return Vec::new();
            }
            Some(version) if version.count != changes.entry_version.count => self.lost = true,
            _ => {}
        }
        if self.waiting.len() >= WAITING {
            self.waiting.clear();
            self.lost = true;
        }
        self.waiting.push(changes);
        self.waiting_since.get_or_insert(now);
        self.ready()
    }

    /// Takes out the changes that follow directly on what is known.
    fn ready(&mut self) -> Vec<Transition> {
        let mut ready = Vec::new();
        let Some(mut version) = self.entry_version.filter(|_| !self.lost) else { return ready };
        self.waiting.sort_by_key(|changes| changes.entry_version.seq);
        self.waiting.retain_mut(|changes| {
            if changes.entry_version.count != version.count {
                return true;
            }
            if changes.entry_version.seq == version.seq + 1 {
                version = changes.entry_version;
                ready.append(&mut changes.changes);
            }
            changes.entry_version.seq > version.seq
        });
        self.entry_version = Some(version);
        if self.waiting.is_empty() {
            self.waiting_since = None;
        }
        ready
    }

    /// Takes in a sign of life; `digest` is of the users that are known here, `me` is this node's name.
    pub(super) fn beats(&mut self, beat: &Heartbeat, digest: Digest, me: &str, now: Instant) {
        match self.entry_version {
            Some(version) if version == beat.entry_version => {
                self.behind = None;
                self.lost |= digest != beat.digest();
            }
            // What is known here is newer: the sign of life was overtaken.
            Some(version) if version.count == beat.entry_version.count && version.seq > beat.entry_version.seq => {}
            Some(version) if version.count != beat.entry_version.count => self.lost = true,
            _ => drop(self.behind.get_or_insert(now)),
        }
        let sent = beat.announced.iter().find(|(to, _)| to == me).map_or(0, |(_, sent)| *sent);
        self.sent = self.sent.max(sent);
        match self.announced {
            None => self.announced = Some(sent),
            Some(heard) if self.sent > heard => drop(self.announcement_behind.get_or_insert(now)),
            Some(_) => self.announcement_behind = None,
        }
    }

    /// Takes in an announcement's number.
    pub(super) fn announces(&mut self, number: u64, now: Instant) {
        match self.announced {
            // It was overtaken, or is repeated.
            Some(heard) if number <= heard => drop(self.missing.remove(&number)),
            Some(heard) => {
                self.missing.extend((heard + 1..number).take(MOST_MISSING));
                self.announced = Some(number);
            }
            None => self.announced = Some(number),
        }
        if self.missing.is_empty() {
            self.announcement_missing = None;
        } else {
            self.announcement_missing.get_or_insert(now);
        }
        if self.announced >= Some(self.sent) {
            // A sign of life had overtaken it.
            self.announcement_behind = None;
        }
    }

    /// Tells whether announcements to this node were lost; a loss is told once.
    pub(super) fn misses_announcements(&mut self, now: Instant) -> bool {
        let late = |since: Option<Instant>| since.is_some_and(|since| now >= since + OVERTAKEN * 4);
        let misses = late(self.announcement_behind) || late(self.announcement_missing);
        if misses {
            (self.announcement_behind, self.announcement_missing) = (None, None);
            self.missing.clear();
            self.announced = self.announced.max(Some(self.sent));
        }
        misses
    }

    /// Returns the users who came or left lately.
    pub(super) fn recent(&mut self, now: Instant) -> Vec<UserId> {
        while self.recent.front().is_some_and(|(at, _)| now >= *at + RECENT) {
            self.recent.pop_front();
        }
        self.recent.iter().map(|(_, user)| *user).collect()
    }

    /// Returns the users who came or left just before the node ended, and whom it may not have announced.
    pub(super) fn unannounced_changes(&self) -> Vec<UserId> {
        let just_before = |at: Instant| at + UNANNOUNCED_WITHIN >= self.heard;
        self.recent.iter().filter(|(at, _)| just_before(*at)).map(|(_, user)| *user).collect()
    }

    /// Remembers that a user came or left whose announcement is to follow.
    pub(super) fn remember(&mut self, user: UserId, now: Instant) {
        if self.recent.len() >= MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((now, user));
    }

    /// Tells whether the node is to be asked for a snapshot now, and notes that it is.
    pub(super) fn asks(&mut self, now: Instant) -> bool {
        let late = |since: Option<Instant>| since.is_some_and(|since| now >= since + OVERTAKEN);
        self.lost |= late(self.waiting_since) || late(self.behind);
        let silent = self.ends_at.is_some() || now >= self.heard + SUSPECT;
        if !self.lost || silent || self.asked.is_some_and(|asked| now < asked + SNAPSHOT) {
            return false;
        }
        self.asked = Some(now);
        true
    }

    /// Takes in a part of a snapshot; once it is complete, returns all users and the changes that came after it.
    pub(super) fn collects(&mut self, part: &Snapshot, now: Instant) -> Option<(Vec<UserId>, Vec<Transition>)> {
        let version = part.entry_version;
        let is_old = |known: EntryVersion| known.count == version.count && known.seq > version.seq;
        if self.entry_version.is_some_and(is_old) || part.part >= part.parts || part.parts > 4_096 {
            return None;
        }
        let fresh = || Collected { entry_version: version, parts: (0..part.parts).map(|_| None).collect() };
        let collected = match &mut self.collected {
            Some(collected) if collected.entry_version == version && collected.parts.len() == part.parts as usize => {
                collected
            }
            other => other.insert(fresh()),
        };
        collected.parts[part.part as usize] = Some(part.users().collect());
        if collected.parts.iter().any(Option::is_none) {
            return None;
        }
        let users = self.collected.take()?.parts.into_iter().flatten().flatten().collect();
        (self.entry_version, self.lost, self.asked, self.behind, self.waiting_since) =
            (Some(version), false, None, None, Some(now));
        self.waiting
            .retain(|changes| changes.entry_version.count == version.count && changes.entry_version.seq > version.seq);
        let above = self.ready();
        Some((users, above))
    }

    /// Tells whether everything is known, as far as this node can tell.
    pub(super) fn is_known(&self) -> bool {
        !self.lost && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests;
