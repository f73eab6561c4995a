//! The frames that wait in an outbox: a plain queue, without a lock and without a task.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use chat_database::ids::{CommitNo, Rev, ThreadId};
use tokio::time::Instant;

use crate::metrics;
use crate::protocol::CloseCode;

/// About how many bytes are taken and written at a time.
pub(super) const CHUNK: usize = 64 << 10;

/// With this many threads in `sent`, the queue forgets those that need not be remembered.
const SWEEP_SENT_AT: usize = 64;

/// How much an outbox holds.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Bytes of all waiting frames.
    pub bytes: usize,
    /// Waiting frames.
    pub frames: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { bytes: 1 << 20, frames: 4_096 }
    }
}

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: CloseCode,
    /// The reason that the client is told, at most 123 bytes.
    pub reason: String,
}

impl Close {
    /// Makes a close with the code's usual reason.
    #[must_use]
    pub fn new(code: CloseCode) -> Self {
        Self { code, reason: code.reason().to_owned() }
    }

    /// Tells whether requests under way are still answered: only on a node that is ending.
    fn takes_answers(&self) -> bool {
        self.code == CloseCode::ShuttingDown
    }
}

/// A change of a thread, and its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadMark {
    /// The thread.
    pub thread: ThreadId,
    /// The change.
    pub rev: Rev,
    /// The commit, or a later one. `None` if the message has changed again since: then the mark says nothing of earlier
    /// changes of the thread.
    pub commit: Option<CommitNo>,
}

/// The latest change of each thread that a connection has been sent.
pub type ThreadMarks = HashMap<ThreadId, Rev>;

/// The durable events that were not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// They are of later commits than this one.
    pub since: CommitNo,
    /// The latest change of each thread that had been sent before.
    pub sent: ThreadMarks,
}

/// What becomes of a frame for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surplus {
    /// The frame must not be left out: the connection is closed.
    Closes,
    /// The frame is left out, and its event is read from the database later.
    IsReplayed,
    /// The frame would be worth nothing later: it is dropped.
    IsDropped,
}

impl Surplus {
    /// Returns how much may wait in all, with this frame: the rest is reserved for frames that are kept nowhere else.
    pub(super) fn share(self, of: Capacity) -> Capacity {
        match self {
            Self::Closes => of,
            Self::IsReplayed | Self::IsDropped => Capacity { bytes: of.bytes / 4 * 3, frames: of.frames / 4 * 3 },
        }
    }
}

/// The frames that wait for their connection.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) ready: Vec<Bytes>,
    /// While a replay runs, live frames wait here.
    pub(super) held: Option<Box<Held>>,
    /// The latest change of each thread that was sent, of commits that are perhaps still being delivered. A tree: an empty one
    /// takes half of an empty hash table's bytes, and every connection has one.
    sent: BTreeMap<ThreadId, (Rev, CommitNo)>,
    replayed: Option<Box<Replayed>>,
    pub(super) bytes: usize,
    /// Boxed: there are many connections, and few of them are being closed.
    pub(super) close: Option<Box<Close>>,
    /// Since when the connection's task has been writing what it took.
    pub(super) writing: Option<Instant>,
}

/// What a replay sends: live frames of it are not sent again.
#[derive(Debug)]
pub(super) struct Replayed {
    /// The last commit of it: once that has been delivered, no live frame of it comes any more.
    pub(super) up_to: CommitNo,
    /// The latest change of each thread, of all those that were looked up.
    pub(super) marks: ThreadMarks,
    /// Later changes of messages among these: the replay sends their present state. Earlier changes of their threads may come live.
    pub(super) changed_again: HashSet<(ThreadId, Rev)>,
}

impl Replayed {
    fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.changed_again.is_empty()
    }

    fn has(&self, mark: ThreadMark) -> bool {
        let is_looked_up = self.marks.get(&mark.thread).is_some_and(|rev| mark.rev <= *rev);
        is_looked_up || self.changed_again.contains(&(mark.thread, mark.rev))
    }
}

/// Live frames while a replay runs, or is to come.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) frames: Vec<(Bytes, Surplus, Option<ThreadMark>)>,
    /// The durable events that were not kept, if there are any.
    pub(super) missed: Option<Missed>,
    /// Whether the session has been asked for more of the replay.
    pub(super) asked: bool,
}

impl Queue {
    pub(super) fn closed(close: Close) -> Self {
        Self { close: Some(Box::new(close)), ..Self::default() }
    }

    pub(super) fn has_room(&self, bytes: usize, of: Capacity) -> bool {
        let frames = self.ready.len() + self.held.as_ref().map_or(0, |held| held.frames.len());
        frames < of.frames && self.bytes + bytes <= of.bytes
    }

    pub(super) fn is_closed(&self) -> bool {
        self.close.as_ref().is_some_and(|close| !close.takes_answers())
    }

    /// Tells whether durable events are left out, to be read from the database later.
    pub(super) fn is_behind(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.missed.is_some())
    }

    /// Adds a frame; tells whether it is the first that can be written.
    pub(super) fn add(&mut self, frame: Bytes, surplus: Surplus, mark: Option<ThreadMark>) -> bool {
        self.bytes += frame.len();
        match &mut self.held {
            Some(held) => {
                held.frames.push((frame, surplus, mark));
                false
            }
            None => {
                self.ready.push(frame);
                self.ready.len() == 1
            }
        }
    }

    /// Tells whether a replay has sent an event already.
    pub(super) fn was_replayed(&mut self, mark: Option<ThreadMark>, released: impl Fn() -> CommitNo) -> bool {
        let Some(replayed) = &self.replayed else { return false };
        if released() >= replayed.up_to {
            self.replayed = None;
            return false;
        }
        mark.is_some_and(|mark| replayed.has(mark))
    }

    /// Notes an event that is sent, for as long as its commit is being delivered.
    pub(super) fn note_sent(&mut self, mark: Option<ThreadMark>, released: impl Fn() -> CommitNo) {
        let Some(ThreadMark { thread, rev, commit: Some(commit) }) = mark else { return };
        if self.sent.len() >= SWEEP_SENT_AT {
            let released = released();
            self.sent.retain(|_, (_, commit)| *commit > released);
        }
        self.sent.insert(thread, (rev, commit));
    }

    /// Notes what a replay sends, and drops held frames of it.
    pub(super) fn note_replayed(&mut self, more: Replayed) {
        if let Some(held) = &mut self.held {
            let gone = held.frames.extract_if(.., |(.., mark)| mark.is_some_and(|mark| more.has(mark)));
            self.bytes -= gone.map(|(frame, ..)| frame.len()).sum::<usize>();
        }
        if more.is_empty() {
            return;
        }
        match &mut self.replayed {
            Some(replayed) => {
                replayed.up_to = more.up_to.max(replayed.up_to);
                replayed.marks.extend(more.marks);
                replayed.changed_again.extend(more.changed_again);
            }
            none => *none = Some(Box::new(more)),
        }
    }

    /// Makes the connection fall behind: forgets the durable events that are held, which the session then reads from the
    /// database.
    pub(super) fn fall_behind(&mut self, released: CommitNo) {
        metrics::get().fell_behind.increment(1);
        let sent = std::mem::take(&mut self.sent);
        let first = self.held.is_none();
        let held = self.held.get_or_insert_default();
        // A replay that runs knows by itself where to go on.
        let sent =
            if first { sent.into_iter().map(|(thread, (rev, _))| (thread, rev)).collect() } else { ThreadMarks::new() };
        held.missed = Some(Missed { since: released, sent });
        held.frames.retain(|(_, surplus, _)| *surplus != Surplus::IsReplayed);
        let held: usize = held.frames.iter().map(|(frame, ..)| frame.len()).sum();
        self.bytes = held + self.ready.iter().map(Bytes::len).sum::<usize>();
    }

    pub(super) fn make_ready(&mut self, frames: Vec<Bytes>) {
        self.bytes += frames.iter().map(Bytes::len).sum::<usize>();
        self.ready.extend(frames);
    }

    /// Takes the next chunk to write.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        let mut taken = std::mem::take(&mut self.ready);
        let mut bytes = 0;
        let end = taken.iter().position(|frame| {
            let full = bytes >= CHUNK;
            bytes += if full { 0 } else { frame.len() };
            full
        });
        if let Some(end) = end {
            self.ready = taken.split_off(end);
        }
        self.bytes -= bytes;
        taken
    }
}
