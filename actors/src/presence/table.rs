//! Which users are online on this node: a pure table without a clock.

use std::collections::HashMap;
use std::time::Duration;

use chat_database::ids::UserId;
use chat_database::time::Timestamp;
use tokio::time::Instant;

/// The users who are online on this node.
#[derive(Debug, Default)]
pub(crate) struct OnlineTable(HashMap<UserId, Presence>);

#[derive(Debug, Clone, Copy)]
struct Presence {
    connections: u32,
    /// Whether the other nodes are told of the user.
    published: bool,
    /// When the last connection was found to have gone.
    left: Option<Instant>,
    /// The latest of: when the user came, and when each connection went that has gone since.
    seen: Timestamp,
    /// When `seen`, or a later time, was last handed over to be written.
    noted: Instant,
}

impl OnlineTable {
    /// Counts a connection; tells whether its user was offline.
    pub(crate) fn came(&mut self, user: UserId, now: Instant, at: Timestamp) -> bool {
        let mut is_new = false;
        let presence = self.0.entry(user).or_insert_with(|| {
            is_new = true;
            Presence { connections: 0, published: false, left: None, seen: at, noted: now }
        });
        presence.connections += 1;
        presence.left = None;
        is_new
    }

    /// Counts a connection off, which ended, or gave its last sign of life, at `seen`.
    pub(crate) fn left(&mut self, user: UserId, now: Instant, seen: Timestamp) {
        let Some(presence) = self.0.get_mut(&user) else { return };
        presence.connections = presence.connections.saturating_sub(1);
        presence.seen = presence.seen.max(seen);
        if presence.connections == 0 {
            presence.left = Some(now);
        }
    }

    /// Marks a user as announced to the other nodes; returns whether that is new.
    pub(crate) fn publish(&mut self, user: UserId) -> bool {
        self.0.get_mut(&user).is_some_and(|presence| !std::mem::replace(&mut presence.published, true))
    }

    /// Marks all users as announced to the other nodes.
    pub(crate) fn publish_all(&mut self) {
        self.0.values_mut().for_each(|presence| presence.published = true);
    }

    /// Returns the users who are marked as announced to the other nodes.
    pub(crate) fn published(&self) -> impl Iterator<Item = UserId> + '_ {
        self.0.iter().filter(|(_, presence)| presence.published).map(|(user, _)| *user)
    }

    /// Takes out users who left at least `after` ago, at most `most` of them, with the time when each was last seen. A user
    /// whose arrival was not published yet stays.
    pub(crate) fn gone(&mut self, now: Instant, after: Duration, most: usize) -> Vec<(UserId, Timestamp)> {
        let gone = |_: &UserId, presence: &mut Presence| {
            presence.published && presence.left.is_some_and(|left| now >= left + after)
        };
        self.0.extract_if(gone).map(|(user, presence)| (user, presence.seen)).take(most).collect()
    }

    /// Returns users whose time was not noted for `every`, at most `most` of them, with the latest time at which each was
    /// certainly there: for a user who is connected, that is `alive` or later.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        every: Duration,
        alive: Timestamp,
        most: usize,
    ) -> Vec<(UserId, Timestamp)> {
        let due = self.0.iter_mut().filter(|(_, presence)| now >= presence.noted + every).take(most);
        let noted = due.map(|(user, presence)| {
            presence.noted = now;
            (*user, presence.seen_by(alive))
        });
        noted.collect()
    }

    /// Returns every user with the latest time at which each was certainly there: for a user who is connected, that is
    /// `alive` or later.
    pub(crate) fn all(&self, alive: Timestamp) -> Vec<(UserId, Timestamp)> {
        self.0.iter().map(|(user, presence)| (*user, presence.seen_by(alive))).collect()
    }

    /// Tells whether a user is online.
    pub(crate) fn is_online(&self, user: UserId) -> bool {
        self.0.contains_key(&user)
    }
}

impl Presence {
    /// Returns the latest time at which the user was certainly there, if connected users were alive at `alive`.
    fn seen_by(&self, alive: Timestamp) -> Timestamp {
        if self.connections > 0 { self.seen.max(alive) } else { self.seen }
    }
}

#[cfg(test)]
mod tests;
