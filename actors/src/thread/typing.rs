//! Which members of a thread are writing right now, and on which of their connections: a pure table without a clock.
//!
//! The other member is told of users, not of connections: a user writes until the last of the user's connections has stopped.

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
    /// The connection has ended without a word.
    Disconnects,
}

/// The table; at most the connections of the two members stand in it, the latest to write at the end.
#[derive(Debug, Default)]
pub(crate) struct Typing(Vec<Writing>);

#[derive(Debug)]
struct Writing {
    who: UserId,
    connection: ConnectionId,
    thread_id: ThreadId,
    until: Instant,
}

impl Typing {
    /// A user writes on a connection, or goes on writing.
    pub(crate) fn begin(&mut self, who: UserId, connection: ConnectionId, thread_id: ThreadId, now: Instant) {
        self.0.retain(|writing| writing.connection != connection);
        self.0.push(Writing { who, connection, thread_id, until: now + LASTS });
    }

    /// A connection stops; returns the thread's id if with it its user has stopped.
    pub(crate) fn end(&mut self, connection: ConnectionId) -> Option<ThreadId> {
        let place = self.0.iter().position(|writing| writing.connection == connection)?;
        self.stop(place)
    }

    /// A user has sent a message by another way than a connection: the hub takes it for what they wrote last. Returns the
    /// thread's id if with it the user has stopped.
    pub(crate) fn end_last(&mut self, who: UserId) -> Option<ThreadId> {
        let place = self.0.iter().rposition(|writing| writing.who == who)?;
        self.stop(place)
    }

    /// Returns the thread's id if a user writes.
    pub(crate) fn of(&self, who: UserId) -> Option<ThreadId> {
        self.0.iter().find(|writing| writing.who == who).map(|writing| writing.thread_id)
    }

    /// Tells whether no user writes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out entries that were not renewed for too long; returns the users who have stopped with them.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(UserId, ThreadId)> {
        let due = self.0.extract_if(.., |writing| writing.until <= now);
        let mut stopped: Vec<_> = due.map(|writing| (writing.who, writing.thread_id)).collect();
        stopped.retain(|(who, _)| self.of(*who).is_none());
        stopped.sort_unstable();
        stopped.dedup();
        stopped
    }

    fn stop(&mut self, place: usize) -> Option<ThreadId> {
        let Writing { who, thread_id, .. } = self.0.remove(place);
        self.of(who).is_none().then_some(thread_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> (UserId, UserId, ThreadId) {
        let user = |id| UserId::new(id).expect("an id");
        (user(42), user(7), ThreadId::new(77).expect("an id"))
    }

    #[test]
    fn a_user_who_does_not_say_it_again_stops_after_six_seconds() {
        let (alice, bob, thread) = users();
        let (phone, desk) = (ConnectionId::next(), ConnectionId::next());
        let start = Instant::now();
        let mut typing = Typing::default();
        typing.begin(alice, phone, thread, start);
        typing.begin(bob, desk, thread, start);
        typing.begin(alice, phone, thread, start + LASTS / 2);
        assert_eq!(typing.due(start + LASTS), [(bob, thread)]);
        assert_eq!(typing.end(desk), None);
        assert_eq!(typing.end(phone), Some(thread));
        assert!(typing.due(start + LASTS * 2).is_empty() && typing.is_empty());
    }

    /// Two tabs wrote, one was closed: the other member was told that the user had stopped.
    #[test]
    fn a_user_writes_until_their_last_connection_has_stopped() {
        let (alice, bob, thread) = users();
        let [phone, laptop, desk] = [(); 3].map(|()| ConnectionId::next());
        let start = Instant::now();
        let mut typing = Typing::default();
        for (who, connection) in [(alice, phone), (bob, desk), (alice, laptop)] {
            typing.begin(who, connection, thread, start);
        }
        assert_eq!(typing.end(phone), None, "the laptop goes on");
        assert_eq!(typing.end(phone), None);
        assert_eq!(typing.end(laptop), Some(thread));

        typing.begin(alice, phone, thread, start);
        typing.begin(alice, laptop, thread, start + LASTS / 2);
        assert_eq!(typing.due(start + LASTS), [(bob, thread)], "the phone's time is over, and the laptop goes on");
        assert_eq!(typing.of(alice), Some(thread));
        typing.begin(alice, phone, thread, start + LASTS / 2);
        assert_eq!(typing.due(start + LASTS * 2), [(alice, thread)], "both at once are one person");
    }

    #[test]
    fn a_message_that_came_by_no_connection_was_what_was_written_last() {
        let (alice, bob, thread) = users();
        let [phone, laptop, desk] = [(); 3].map(|()| ConnectionId::next());
        let start = Instant::now();
        let mut typing = Typing::default();
        for (who, connection) in [(alice, phone), (alice, laptop), (alice, phone), (bob, desk)] {
            typing.begin(who, connection, thread, start);
        }
        assert_eq!(typing.end_last(alice), None);
        assert_eq!(typing.end(phone), None, "it was the phone's");
        assert_eq!(typing.end_last(alice), Some(thread));
        assert_eq!(typing.end_last(alice), None);
        assert_eq!(typing.of(bob), Some(thread));
    }
}
