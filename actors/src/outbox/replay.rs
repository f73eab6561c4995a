//! Replays: their frames go before the live ones, which the outbox holds meanwhile.

use std::collections::HashSet;

use bytes::Bytes;
use chat_database::ids::{CommitNo, Rev, ThreadId};

use super::queue::{Missed, Replayed, ThreadMarks};
use super::{Outbox, Slow};

impl Outbox {
    /// Holds live frames from now on, so that a replay goes before them.
    pub fn hold(&self) {
        self.lock().held.get_or_insert_default().asked = true;
    }

    /// Returns which durable events were not kept, if there are any.
    #[must_use]
    pub fn behind(&self) -> Option<Missed> {
        self.lock().held.as_ref()?.missed.clone()
    }

    /// Keeps durable events again from now on: the session is about to look up those before.
    pub fn catch_up(&self) {
        if let Some(held) = &mut self.lock().held {
            held.missed = None;
        }
    }

    /// Notes the latest changes that a replay of everything up to a commit sends: they are not sent again.
    pub fn replays(&self, up_to: CommitNo, marks: ThreadMarks) {
        self.lock().note_replayed(Replayed { up_to, marks, changed_again: HashSet::new() });
    }

    /// Notes later changes, up to a commit, that a replay sends, because it reads messages as they are: they are not sent again.
    pub fn replays_later(&self, up_to: CommitNo, changed_again: HashSet<(ThreadId, Rev)>) {
        self.lock().note_replayed(Replayed { up_to, marks: ThreadMarks::new(), changed_again });
    }

    /// Queues frames of a replay before everything that is held. When they have been taken, the outbox asks for more.
    ///
    /// # Errors
    /// [`Slow`] if the outbox was closed meanwhile.
    pub fn replay(&self, frames: Vec<Bytes>) -> Result<(), Slow> {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return Err(Slow);
        }
        queue.make_ready(frames);
        if let Some(held) = &mut queue.held {
            held.asked = false;
        }
        drop(queue);
        self.0.filled.notify_one();
        Ok(())
    }

    /// Ends a replay: queues its last frames, then the held ones, and lets live frames through again. Does nothing, and
    /// returns `false`, if durable events were not kept meanwhile.
    ///
    /// # Errors
    /// [`Slow`] if the outbox was closed meanwhile.
    pub fn release(&self, last: Vec<Bytes>) -> Result<bool, Slow> {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return Err(Slow);
        }
        if queue.is_behind() {
            return Ok(false);
        }
        queue.make_ready(last);
        if let Some(held) = queue.held.take() {
            queue.ready.extend(held.frames.into_iter().map(|(frame, ..)| frame));
        }
        drop(queue);
        self.0.filled.notify_one();
        Ok(true)
    }
}
