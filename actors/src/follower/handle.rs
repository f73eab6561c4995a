//! The way to the follower.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_database::history::{Head, Mark};
use chat_database::ids::CommitNo;
use chat_database::queries::changes::LogEntry;
use ractor::ActorRef;

use crate::actor_slot::ActorSlot;
use crate::relay::message::Received;

/// The way to the follower. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct FollowerHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    actor: ActorSlot<FollowerMsg>,
    /// Whether commits of other nodes wait for one before them, which may be one of ours.
    waits: AtomicBool,
}

impl FollowerHandle {
    /// Asks the follower to look into the database now.
    pub(crate) fn wake(&self) {
        self.send(FollowerMsg::Look);
    }

    /// Hands over what another node said of a commit: a header, or content.
    pub(crate) fn heard(&self, received: Received) {
        self.send(FollowerMsg::Heard(received));
    }

    /// Notes that one of our commits is on its way, and whether commits of others lie before it.
    pub(crate) fn dispatched(&self, gap: bool) {
        if gap || self.0.waits.load(Ordering::Acquire) {
            self.send(FollowerMsg::Next);
        }
    }

    /// Notes that a part of a commit was lost.
    pub(crate) fn lost(&self) {
        self.send(FollowerMsg::Next);
    }

    pub(super) fn set_actor(&self, actor: ActorRef<FollowerMsg>) {
        self.0.actor.set(actor);
    }

    /// Notes whether commits of other nodes wait for one before them; tells whether that was known.
    pub(super) fn set_waits(&self, waits: bool) -> bool {
        self.0.waits.swap(waits, Ordering::AcqRel)
    }

    fn send(&self, message: FollowerMsg) {
        // A follower that has not started yet looks into the database by itself.
        let _ = self.0.actor.send(message);
    }
}

/// A message to the follower.
#[derive(Debug)]
pub(crate) enum FollowerMsg {
    /// Look into the database at once.
    Look,
    /// Another node said something of a commit.
    Heard(Received),
    /// See what is to be done next.
    Next,
    /// From itself: time to look into the database, unless nothing can have been missed.
    Tick,
    /// From itself: what was seen in the database.
    Seen(Result<Seen, chat_database::Error>),
}

/// What was seen in the database.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It has gone on.
    On {
        /// Its newest commit.
        head: Head,
        /// After which commit was looked, and up to which.
        from: CommitNo,
        up_to: CommitNo,
        /// The log's entries between the two; `None` if the log was not read, because nothing was missing at that moment.
        log: Option<Vec<LogEntry>>,
    },
    /// It had gone back to an earlier state, and is at this commit now.
    Back(Mark),
}
