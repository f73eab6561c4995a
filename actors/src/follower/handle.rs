//! The handle of the follower.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chat_database::history::{CommitRef, Head};
use chat_database::ids::CommitNo;
use chat_database::queries::changes::LogEntry;
use ractor::ActorRef;

use crate::actor_slot::ActorSlot;
use crate::relay::message::Received;

/// From how many reads under way on, by threads and streams, further commits that must be read wait. While the database is slow
/// they become more, and then one read of a thread or of a user serves many commits.
const MAX_READS: usize = 64;

/// The handle of the follower. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct FollowerHandle(Arc<Shared>);

#[derive(Default)]
struct Shared {
    actor: ActorSlot<FollowerMsg>,
    /// Whether commits of other nodes wait for one before them, which may be one of ours. The follower sets it and then looks once more;
    /// what ends the wait is noted before this is read. All of that in one order (`SeqCst`), or both might miss the other.
    waits: AtomicBool,
    /// How many threads and streams read, or will read, what commits of other nodes have done.
    reads: AtomicUsize,
}

impl FollowerHandle {
    /// Asks the follower to read the database now.
    pub(crate) fn wake(&self) {
        self.send(FollowerMsg::Poll);
    }

    /// Hands over a header or a content that another node sent.
    pub(crate) fn heard(&self, received: Received) {
        self.send(FollowerMsg::Heard(received));
    }

    /// Notes that a commit of this node was dispatched; `gap` tells whether undelivered commits of others lie before it.
    pub(crate) fn dispatched(&self, gap: bool) {
        if gap || self.0.waits.load(Ordering::SeqCst) {
            self.send(FollowerMsg::Next);
        }
    }

    /// Notes that a part of a commit was lost.
    pub(crate) fn lost(&self) {
        self.send(FollowerMsg::Next);
    }

    /// Counts a read of a thread or a stream, until the guard is dropped.
    pub(super) fn begin_read(&self) -> ReadGuard {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        ReadGuard(self.clone())
    }

    /// Tells whether [`MAX_READS`] are under way.
    pub(super) fn has_enough_reads(&self) -> bool {
        self.0.reads.load(Ordering::SeqCst) >= MAX_READS
    }

    pub(super) fn set_actor(&self, actor: ActorRef<FollowerMsg>) {
        self.0.actor.set(actor);
    }

    /// Sets whether commits of other nodes wait for one before them; returns the value until now.
    pub(super) fn set_waits(&self, waits: bool) -> bool {
        self.0.waits.swap(waits, Ordering::SeqCst)
    }

    fn send(&self, message: FollowerMsg) {
        // A follower that has not started yet reads the database by itself.
        let _ = self.0.actor.send(message);
    }
}

/// A read, under way, of what commits of other nodes have done to a thread or a user. It ends when this is dropped.
pub(crate) struct ReadGuard(FollowerHandle);

impl fmt::Debug for ReadGuard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ReadGuard")
    }
}

impl Drop for ReadGuard {
    fn drop(&mut self) {
        let Self(handle) = self;
        let before = handle.0.reads.fetch_sub(1, Ordering::SeqCst);
        if before == MAX_READS && handle.0.waits.load(Ordering::SeqCst) {
            handle.send(FollowerMsg::Next);
        }
    }
}

/// A message to the follower.
#[derive(Debug)]
pub(crate) enum FollowerMsg {
    /// Read the database at once.
    Poll,
    /// Another node sent a header or a content.
    Heard(Received),
    /// See what is to be done next.
    Next,
    /// From itself: time to read the database, unless nothing can have been missed.
    Tick,
    /// From itself: what the database has.
    Seen(Result<Seen, chat_database::Error>),
}

/// The result of a poll.
#[derive(Debug)]
pub(crate) enum Seen {
    /// The history goes on.
    On {
        /// Its newest commit.
        head: Head,
        /// The log was read after the commit `from`, up to the commit `up_to`.
        from: CommitNo,
        up_to: CommitNo,
        /// The log's entries of these commits; `None` if the log was not read, because nothing was missing at that moment.
        log: Option<Vec<LogEntry>>,
    },
    /// The database had gone back to an earlier state; this is its newest commit now.
    Back(CommitRef),
}
