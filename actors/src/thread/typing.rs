//! Which members of a thread are writing right now, and on which of their connections: a pure table without a clock.
//!
//! The other member is told of users, not of connections: a user writes until the last of the user's connections has stopped,
//! on whichever node. Nodes tell each other; and as each runs the timer by itself, a user whose node has died stops, too.

use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::{ThreadId, UserId};
use tokio::time::Instant;

use crate::connections::ConnectionId;

/// How long a user counts as writing without saying so again.
pub(crate) const LASTS: Duration = Duration::from_secs(6);

/// What a user does on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The user says that they write.
    Starts,
    /// The user says that they have stopped.
    Stops,
    /// They have sent what they wrote, or the connection has ended without a word.
    Ends,
}

/// Where a user types: on a connection of this node, or on another node, by its name. What a user does there on several
/// connections the other node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Connection(ConnectionId),
    Node(Arc<str>),
}

/// A user has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stopped {
    pub(crate) thread_id: ThreadId,
    /// Whether that was on the connections of this node: so it is told to the other nodes. If not, they know.
    pub(crate) here: bool,
    /// Whether the user has stopped everywhere, as far as this node has heard: so it is told to users here.
    pub(crate) everywhere: bool,
}

/// The table; at most the connections of the two members stand in it and the nodes where they are, the latest to write at the
/// end.
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
    /// A user writes somewhere, or goes on writing.
    pub(crate) fn begin(&mut self, who: UserId, origin: Origin, thread_id: ThreadId, now: Instant) {
        self.0.retain(|writing| !writing.is(who, &origin));
        self.0.push(Writing { who, origin, thread_id, until: now + LASTS });
    }

    /// A user stops somewhere; says how far with it the user has stopped.
    pub(crate) fn end(&mut self, who: UserId, origin: &Origin) -> Option<Stopped> {
        let place = self.0.iter().position(|writing| writing.is(who, origin))?;
        self.stop(place)
    }

    /// A user has sent a message by another way than a connection: the hub takes it for what they wrote last on this node.
    /// Says how far with it the user has stopped.
    pub(crate) fn end_last(&mut self, who: UserId) -> Option<Stopped> {
        let place = self.0.iter().rposition(|writing| writing.who == who && writing.is_here())?;
        self.stop(place)
    }

    /// Returns the thread's id if a user writes.
    pub(crate) fn of(&self, who: UserId) -> Option<ThreadId> {
        self.0.iter().find(|writing| writing.who == who).map(|writing| writing.thread_id)
    }

    /// Tells whether a user writes on this node.
    pub(crate) fn is_here(&self, who: UserId) -> bool {
        self.0.iter().any(|writing| writing.who == who && writing.is_here())
    }

    /// Tells whether no user writes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out entries that were not renewed for too long; returns the users who have stopped with them, everywhere or on
    /// this node.
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
