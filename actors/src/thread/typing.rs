//! Which members of a thread are typing right now, and on which of their connections: a pure table without a clock.
//!
//! The other member is told of users, not of connections: a user types until the last of the user's connections has
//! stopped, on whichever node. Nodes tell each other; and as each node runs the timer by itself, a user whose node has died
//! stops, too.

use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::{ThreadId, UserId};
use tokio::time::Instant;

use crate::connections::ConnectionId;

/// How long a user counts as typing without saying so again.
pub(crate) const LASTS: Duration = Duration::from_secs(6);

/// What a user does on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The user has started to type, or goes on.
    Starts,
    /// The user has stopped typing.
    Stops,
    /// The user has sent the message, or the connection has ended.
    Ends,
}

/// Where a user types: on a connection of this node, or on another node, by its name. The other node keeps track of the
/// user's connections there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Connection(ConnectionId),
    Node(Arc<str>),
}

/// A user has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stopped {
    pub(crate) thread_id: ThreadId,
    /// Whether the user has stopped on all connections of this node: then the other nodes are told.
    pub(crate) here: bool,
    /// Whether the user has stopped everywhere, as far as this node knows: then users here are told.
    pub(crate) everywhere: bool,
}

/// The table. It holds at most the connections of the two members and the nodes where they type; the latest to type is at
/// the end.
#[derive(Debug, Default)]
pub(crate) struct Typing(Vec<Writing>);

#[derive(Debug)]
struct Writing {
    who: UserId,
    origin: Origin,
    thread_id: ThreadId,
    until: Instant,
}

impl Typing {
    /// Notes that a user types somewhere, or goes on typing.
    pub(crate) fn begin(&mut self, who: UserId, origin: Origin, thread_id: ThreadId, now: Instant) {
        self.0.retain(|writing| !writing.is(who, &origin));
        self.0.push(Writing { who, origin, thread_id, until: now + LASTS });
    }

    /// Notes that a user stops somewhere; returns how far the user has stopped by that.
    pub(crate) fn end(&mut self, who: UserId, origin: &Origin) -> Option<Stopped> {
        let place = self.0.iter().position(|writing| writing.is(who, origin))?;
        self.stop(place)
    }

    /// Notes that a user has sent a message otherwise than on a connection: the hub takes it for what the user typed last
    /// on this node. Returns how far the user has stopped by that.
    pub(crate) fn end_last(&mut self, who: UserId) -> Option<Stopped> {
        let place = self.0.iter().rposition(|writing| writing.who == who && writing.is_here())?;
        self.stop(place)
    }

    /// Returns the thread's id if a user is typing.
    pub(crate) fn of(&self, who: UserId) -> Option<ThreadId> {
        self.0.iter().find(|writing| writing.who == who).map(|writing| writing.thread_id)
    }

    /// Tells whether a user is typing on this node.
    pub(crate) fn is_here(&self, who: UserId) -> bool {
        self.0.iter().any(|writing| writing.who == who && writing.is_here())
    }

    /// Tells whether no user is typing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out entries that were not renewed in time; returns the users who have stopped by that, everywhere or on this
    /// node.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(UserId, Stopped)> {
        let due: Vec<Writing> = self.0.extract_if(.., |writing| writing.until <= now).collect();
        let stopped = |writing: Writing| (writing.who, self.stopped(&writing));
        let mut stopped: Vec<_> = due.into_iter().map(stopped).collect();
        stopped.sort_unstable();
        stopped.dedup();
        stopped.retain(|(_, stopped)| stopped.here || stopped.everywhere);
        stopped
    }

    fn stop(&mut self, place: usize) -> Option<Stopped> {
        let writing = self.0.remove(place);
        let stopped = self.stopped(&writing);
        (stopped.here || stopped.everywhere).then_some(stopped)
    }

    fn stopped(&self, writing: &Writing) -> Stopped {
        Stopped {
            thread_id: writing.thread_id,
            here: writing.is_here() && !self.is_here(writing.who),
            everywhere: self.of(writing.who).is_none(),
        }
    }
}

impl Writing {
    fn is(&self, who: UserId, origin: &Origin) -> bool {
        self.who == who && self.origin == *origin
    }

    fn is_here(&self) -> bool {
        matches!(self.origin, Origin::Connection(_))
    }
}

#[cfg(test)]
mod tests;
