//! Events: what the commit log says has happened, for consumers outside the hub.
//!
//! An event is named by what it is about and when that was, never by a row of its own: every node, and every process after a
//! crash, computes the same id for it.

use std::sync::Arc;

use crate::ids::{CommitNo, MessageId, NotificationId, Rev, Seq, ThreadId, UserId};
use crate::time::Timestamp;

/// How many letters of a history's name stand in an event's id.
const EPOCH_LETTERS: usize = 8;

/// The position of an event among all events: in the order of commits, and within one by thread and change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPosition {
    /// The commit that made it happen.
    pub commit: CommitNo,
    /// Changes of messages come first, then watermarks, then notifications; [`EventPosition::END`] is behind all of them.
    pub class: u8,
    /// The thread or the notification.
    pub object: u64,
    /// The position among the events of that object: a `rev`, or a user.
    pub part: u64,
}

impl EventPosition {
    /// The class behind all events of a commit.
    pub const END: u8 = 3;

    /// Returns the position behind all events of a commit.
    #[must_use]
    pub const fn end_of(commit: CommitNo) -> Self {
        Self { commit, class: Self::END, object: 0, part: 0 }
    }

    /// Returns the first commit whose events may lie behind this position.
    #[must_use]
    pub const fn next_commit(self) -> CommitNo {
        if self.class >= Self::END { CommitNo(self.commit.0 + 1) } else { self.commit }
    }
}

/// Something that has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventRef {
    /// Two users wrote to each other for the first time.
    ThreadCreated(ThreadId),
    /// A message was stored.
    MessageCreated(ThreadId, MessageId),
    /// A message's text was changed; by which change of its thread.
    MessageUpdated(ThreadId, MessageId, Rev),
    /// A message was deleted; by which change of its thread.
    MessageDeleted(ThreadId, MessageId, Rev),
    /// A member of a thread has read up to a place.
    ThreadSeen(ThreadId, UserId, Seq),
    /// The marketplace notified a user.
    NotificationCreated(NotificationId),
}

impl EventRef {
    /// Returns the thread whose order the event keeps.
    #[must_use]
    pub fn thread(self) -> Option<ThreadId> {
        match self {
            Self::ThreadCreated(thread)
            | Self::MessageCreated(thread, _)
            | Self::MessageUpdated(thread, ..)
            | Self::MessageDeleted(thread, ..)
            | Self::ThreadSeen(thread, ..) => Some(thread),
            Self::NotificationCreated(_) => None,
        }
    }

    /// Returns the message whose present state the event carries.
    #[must_use]
    pub fn message(self) -> Option<MessageId> {
        match self {
            Self::MessageCreated(_, message)
            | Self::MessageUpdated(_, message, _)
            | Self::MessageDeleted(_, message, _) => Some(message),
            Self::ThreadCreated(_) | Self::ThreadSeen(..) | Self::NotificationCreated(_) => None,
        }
    }

    /// Returns the event's id in a history.
    #[must_use]
    pub fn id(self, epoch: &str) -> String {
        let epoch = epoch.get(..EPOCH_LETTERS).unwrap_or(epoch);
        match self {
            Self::ThreadCreated(thread) => format!("evt_{epoch}_t{thread}_c"),
            Self::MessageCreated(_, message) => format!("evt_{epoch}_m{message}_c"),
            Self::MessageUpdated(_, message, rev) | Self::MessageDeleted(_, message, rev) => {
                format!("evt_{epoch}_m{message}_r{rev}")
            }
            Self::ThreadSeen(thread, user, seq) => format!("evt_{epoch}_t{thread}_seen_{user}_{seq}"),
            Self::NotificationCreated(notification) => format!("evt_{epoch}_n{notification}_c"),
        }
    }
}

impl EventRef {
    /// Reads what an event is about from its type's name, its id, and its thread.
    #[must_use]
    pub fn parse(kind: &str, id: &str, thread: Option<ThreadId>) -> Option<Self> {
        let (_, rest) = id.strip_prefix("evt_")?.split_once('_')?;
        let (object, part) = rest.split_once('_')?;
        let number = |prefix| object.strip_prefix(prefix);
        let rev = || part.strip_prefix('r')?.parse().ok().map(Rev);
        match kind {
            "thread.created" => Some(Self::ThreadCreated(number('t')?.parse().ok()?)),
            "message.created" => Some(Self::MessageCreated(thread?, number('m')?.parse().ok()?)),
            "message.updated" => Some(Self::MessageUpdated(thread?, number('m')?.parse().ok()?, rev()?)),
            "message.deleted" => Some(Self::MessageDeleted(thread?, number('m')?.parse().ok()?, rev()?)),
            "thread.seen" => {
                let (user, seq) = part.strip_prefix("seen_")?.split_once('_')?;
                Some(Self::ThreadSeen(number('t')?.parse().ok()?, user.parse().ok()?, Seq(seq.parse().ok()?)))
            }
            "notification.created" => Some(Self::NotificationCreated(number('n')?.parse().ok()?)),
            _ => None,
        }
    }
}

/// Something that has happened, without the objects that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its position in the order of events.
    pub position: EventPosition,
    /// The name of the history in which it happened.
    pub epoch: Arc<str>,
    /// When: a time that is not earlier than those of the events before it, nor than what the event's commit has written.
    pub at: Timestamp,
    /// What happened.
    pub event_ref: EventRef,
}

impl Event {
    /// Returns the event's id.
    #[must_use]
    pub fn id(&self) -> String {
        self.event_ref.id(&self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_the_history_the_object_and_the_change() {
        let thread = ThreadId::from_column(7);
        let message = MessageId::from_column(9);
        let user = UserId::from_column(42);
        for (event_ref, kind, id) in [
            (EventRef::ThreadCreated(thread), "thread.created", "evt_0b51c4aa_t7_c"),
            (EventRef::MessageCreated(thread, message), "message.created", "evt_0b51c4aa_m9_c"),
            (EventRef::MessageUpdated(thread, message, Rev(3)), "message.updated", "evt_0b51c4aa_m9_r3"),
            (EventRef::MessageDeleted(thread, message, Rev(4)), "message.deleted", "evt_0b51c4aa_m9_r4"),
            (EventRef::ThreadSeen(thread, user, Seq(5)), "thread.seen", "evt_0b51c4aa_t7_seen_42_5"),
            (
                EventRef::NotificationCreated(NotificationId::from_column(3)),
                "notification.created",
                "evt_0b51c4aa_n3_c",
            ),
        ] {
            assert_eq!(event_ref.id("0b51c4aa99887766"), id);
            assert_eq!(EventRef::parse(kind, id, event_ref.thread()), Some(event_ref));
            assert_eq!(EventRef::parse(kind, "evt_x", event_ref.thread()), None);
        }
    }

    #[test]
    fn the_end_of_a_commit_is_behind_its_events_and_before_the_next_commit() {
        let event = EventPosition { commit: CommitNo(5), class: 2, object: u64::MAX, part: u64::MAX };
        assert!(event < EventPosition::end_of(CommitNo(5)));
        assert!(EventPosition::end_of(CommitNo(5)) < EventPosition { commit: CommitNo(6), ..EventPosition::default() });
        assert_eq!(event.next_commit(), CommitNo(5));
        assert_eq!(EventPosition::end_of(CommitNo(5)).next_commit(), CommitNo(6));
    }
}
