//! Who is writing in a thread right now: a pure table without a clock.

use std::time::Duration;

use chat_database::ids::{ThreadId, UserId};
use tokio::time::Instant;

/// How long somebody counts as writing without saying so again.
pub(crate) const LASTS: Duration = Duration::from_secs(6);

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// They say that they write.
    Begins,
    /// They say that they have stopped.
    Stops,
    /// They have gone without a word.
    Leaves,
}

/// The table; at most the two members stand in it.
#[derive(Debug, Default)]
pub(crate) struct Typing(Vec<Writing>);

#[derive(Debug)]
struct Writing {
    who: UserId,
    thread_id: ThreadId,
    until: Instant,
}

impl Typing {
    /// Somebody writes, or goes on writing.
    pub(crate) fn begin(&mut self, who: UserId, thread_id: ThreadId, now: Instant) {
        self.0.retain(|writing| writing.who != who);
        self.0.push(Writing { who, thread_id, until: now + LASTS });
    }

    /// Somebody stops; returns the thread's id if they were writing.
    pub(crate) fn end(&mut self, who: UserId) -> Option<ThreadId> {
        let place = self.0.iter().position(|writing| writing.who == who)?;
        Some(self.0.swap_remove(place).thread_id)
    }

    /// Takes those out who have not said for too long that they are writing.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<(UserId, ThreadId)> {
        let due = self.0.extract_if(.., |writing| writing.until <= now);
        due.map(|writing| (writing.who, writing.thread_id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_does_not_say_it_again_stops_after_six_seconds() {
        let (alice, bob) = (UserId::new(42).expect("an id"), UserId::new(7).expect("an id"));
        let thread = ThreadId::new(77).expect("an id");
        let start = Instant::now();
        let mut typing = Typing::default();
        typing.begin(alice, thread, start);
        typing.begin(bob, thread, start);
        typing.begin(alice, thread, start + LASTS / 2);
        assert_eq!(typing.due(start + LASTS), [(bob, thread)]);
        assert_eq!(typing.end(bob), None);
        assert_eq!(typing.end(alice), Some(thread));
        assert!(typing.due(start + LASTS * 2).is_empty());
    }
}
