//! A connection's outbox: a bounded queue of encoded frames.
//!
//! Actors push and never wait; the connection's task drains. A connection is never skipped; but what is in the database need
//! not wait here as well. So when there is no room for a durable event any more, the connection *falls behind*: such events
//! are not kept from then on, and when the client has read what waits, its session reads what it has missed from the database,
//! as much at a time as the client takes. Whoever reads, however slowly, is served, however much others have to tell them; who
//! takes nothing for a while is closed, and the cursor lets them catch up.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use chat_database::ids::{CommitNo, Rev, ThreadId};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout_at};

use crate::metrics;
use crate::protocol::{CloseCode, ServerFrame};
use crate::timing::Timing;

/// How many bytes are taken at a time, to be written: the client is reading as long as it takes them, one after the other.
const CHUNK: usize = 64 << 10;

/// How long a client may take for a chunk while more waits than there is room for: 50 kbit/s are enough.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of so many threads is it remembered how far they were told before those are forgotten that need not be remembered.
const MANY: usize = 64;

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

/// The outbox is full or closed: its connection is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection reads too slowly, or is closed")]
pub struct Slow;

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code.
    pub code: CloseCode,
    /// The reason that the client is told, at most 123 bytes.
    pub reason: String,
}

/// What the connection's task finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Drained {
    /// Frames to write, in order.
    Frames(Vec<Bytes>),
    /// Nothing more will come: write the close frame and end.
    Closed(Close),
}

/// A handle on a connection's outbox. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

struct Shared {
    capacity: Capacity,
    state: Mutex<State>,
    /// Wakes the connection's task: something to write.
    filled: Notify,
    /// Wakes whoever waits for the end.
    closed: Notify,
    /// Asks the session for more of what it replays.
    ask: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// A change of a thread, and its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The thread.
    pub thread: ThreadId,
    /// The change.
    pub rev: Rev,
    /// The commit, or a later one.
    pub commit: CommitNo,
}

/// How far threads have been told.
pub type Marks = HashMap<ThreadId, Rev>;

#[derive(Debug, Default)]
struct State {
    ready: Vec<Bytes>,
    /// While a replay runs, what is live waits here.
    held: Option<Box<Held>>,
    /// How far threads have been told by events of commits that are perhaps still being told.
    told: HashMap<ThreadId, (Rev, CommitNo)>,
    /// How far threads were told by a replay, of commits that are perhaps still being told: up to this one.
    replayed: Option<Box<(CommitNo, Marks)>>,
    bytes: usize,
    close: Option<Close>,
    /// Since when the connection's task has been writing what it took.
    writing: Option<Instant>,
    /// Of frames that are ready.
    timing: Timing,
}

/// What is live while a replay runs, or is to come.
#[derive(Debug, Default)]
struct Held {
    frames: Vec<(Bytes, Surplus, Option<Mark>)>,
    /// Durable events were not kept.
    missed: Option<Missed>,
    /// Whether the session knows that more can be written.
    asked: bool,
}

/// What was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// All of it is of later commits than this one.
    pub since: CommitNo,
    /// How far threads had been told before.
    pub told: Marks,
}

/// What becomes of a frame for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surplus {
    /// The connection cannot do without it, and is closed.
    Closes,
    /// It is in the database, and is read from there.
    IsReplayed,
    /// It would be worth nothing later.
    IsDropped,
}

impl Surplus {
    /// Returns how much may wait in all, this frame included: the rest is left to frames that nothing stands for.
    fn share(self, of: Capacity) -> Capacity {
        match self {
            Self::Closes => of,
            Self::IsReplayed | Self::IsDropped => Capacity { bytes: of.bytes / 4 * 3, frames: of.frames / 4 * 3 },
        }
    }
}

impl Outbox {
    /// Makes an outbox that lets frames through at once.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(Shared {
            capacity,
            state: Mutex::default(),
            filled: Notify::new(),
            closed: Notify::new(),
            ask: OnceLock::new(),
        }))
    }

    /// Says whom to ask for more of a replay when the client has read what there was: whoever calls [`Outbox::replay`] and
    /// [`Outbox::release`]. Once.
    pub fn asks(&self, ask: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.ask.set(Box::new(ask));
    }

    /// Puts an encoded frame in line that the connection cannot do without.
    ///
    /// # Errors
    /// [`Slow`] if there is no room; the outbox is closed with [`CloseCode::TooSlow`] then, and what waited is dropped.
    pub fn push(&self, frame: Bytes) -> Result<(), Slow> {
        self.put(frame, Timing::none(), Surplus::Closes)
    }

    /// Puts an event in line that is in the database, of a message if it has a mark. Without room for it the connection falls
    /// behind. `released` says up to which commit everything has been pushed to everybody.
    ///
    /// # Errors
    /// [`Slow`] if the outbox is closed.
    pub fn push_durable(&self, frame: Bytes, mark: Option<Mark>, released: impl Fn() -> CommitNo) -> Result<(), Slow> {
        let mut state = self.lock();
        if state.is_closed() {
            return Err(Slow);
        }
        if state.held.as_ref().is_some_and(|held| held.missed.is_some()) {
            // It will be read with the rest.
            return self.unless_stuck(state);
        }
        if state.was_replayed(mark, &released) {
            return Ok(());
        }
        if !state.has_room(frame.len(), Surplus::IsReplayed.share(self.0.capacity)) {
            state.fall_behind(released());
            // From now on a client that takes nothing is waited for only so long.
            self.0.closed.notify_one();
            return self.unless_stuck(state);
        }
        state.tells(mark, &released);
        self.add(state, frame, Timing::none(), Surplus::IsReplayed, mark);
        Ok(())
    }

    /// Puts a frame in line that would be worth nothing later; without room for it, it is dropped.
    ///
    /// # Errors
    /// [`Slow`] if the outbox is closed.
    pub fn push_passing(&self, frame: Bytes) -> Result<(), Slow> {
        self.put(frame, Timing::none(), Surplus::IsDropped)
    }

    fn put(&self, frame: Bytes, timing: Timing, surplus: Surplus) -> Result<(), Slow> {
        let state = self.lock();
        if state.is_closed() {
            return Err(Slow);
        }
        if state.has_room(frame.len(), surplus.share(self.0.capacity)) {
            self.add(state, frame, timing, surplus, None);
        } else if surplus == Surplus::Closes {
            self.too_slow(state);
            return Err(Slow);
        }
        Ok(())
    }

    fn add(
        &self,
        mut state: MutexGuard<'_, State>,
        frame: Bytes,
        timing: Timing,
        surplus: Surplus,
        mark: Option<Mark>,
    ) {
        state.bytes += frame.len();
        let State { ready, held, timing: of_ready, .. } = &mut *state;
        match held {
            Some(held) => held.frames.push((frame, surplus, mark)),
            None => {
                ready.push(frame);
                of_ready.join(timing);
                let first = ready.len() == 1;
                drop(state);
                if first {
                    self.0.filled.notify_one();
                }
            }
        }
    }

    /// Encodes a frame and puts it in line.
    ///
    /// # Errors
    /// As [`Outbox::push`].
    pub fn tell(&self, frame: &ServerFrame) -> Result<(), Slow> {
        self.push(frame.encode())
    }

    /// As [`Outbox::tell`], of something whose time is noted until the frame is taken to be written.
    pub(crate) fn tell_timed(&self, frame: &ServerFrame, timing: Timing) -> Result<(), Slow> {
        self.put(frame.encode(), timing, Surplus::Closes)
    }

    /// Tells whether so many bytes are an eighth of what may wait at the most, together with what waits: what a client only
    /// wants to have back must not take the room of what others have to tell it.
    #[must_use]
    pub fn has_room_to_spare(&self, bytes: usize) -> bool {
        self.lock().bytes + bytes <= self.0.capacity.bytes / 8
    }

    /// Lets live frames wait from now on, for a replay to go before them.
    pub fn hold(&self) {
        self.lock().held.get_or_insert_default().asked = true;
    }

    /// Returns what was not kept, if there is anything.
    #[must_use]
    pub fn behind(&self) -> Option<Missed> {
        self.lock().held.as_ref()?.missed.clone()
    }

    /// Keeps durable events again from now on: those before are about to be looked up.
    pub fn catch_up(&self) {
        if let Some(held) = &mut self.lock().held {
            held.missed = None;
        }
    }

    /// Notes how far threads are told by a replay of everything up to a commit: that is not told again.
    pub fn replays(&self, up_to: CommitNo, marks: Marks) {
        let mut state = self.lock();
        let held = state.held.as_mut().map(|held| std::mem::take(&mut held.frames)).unwrap_or_default();
        let is_new =
            |mark: Option<Mark>| mark.is_none_or(|mark| marks.get(&mark.thread).is_none_or(|rev| mark.rev > *rev));
        let (kept, gone): (Vec<_>, Vec<_>) = held.into_iter().partition(|(.., mark)| is_new(*mark));
        state.bytes -= gone.iter().map(|(frame, ..)| frame.len()).sum::<usize>();
        if let Some(held) = &mut state.held {
            held.frames = kept;
        }
        if marks.is_empty() {
            return;
        }
        match &mut state.replayed {
            Some(replayed) => {
                replayed.0 = up_to.max(replayed.0);
                replayed.1.extend(marks);
            }
            none => *none = Some(Box::new((up_to, marks))),
        }
    }

    /// Puts frames of a replay in line, before everything that is held. When they have been taken, more is asked for.
    ///
    /// # Errors
    /// [`Slow`] if the outbox was closed meanwhile.
    pub fn replay(&self, frames: Vec<Bytes>) -> Result<(), Slow> {
        let mut state = self.lock();
        if state.close.is_some() {
            return Err(Slow);
        }
        state.make_ready(frames);
        if let Some(held) = &mut state.held {
            held.asked = false;
        }
        drop(state);
        self.0.filled.notify_one();
        Ok(())
    }

    /// Ends a replay with its last frames, and lets live frames go again, those that were held first. Does nothing, and says
    /// `false`, if events were not kept meanwhile.
    ///
    /// # Errors
    /// [`Slow`] if the outbox was closed meanwhile.
    pub fn release(&self, last: Vec<Bytes>) -> Result<bool, Slow> {
        let mut state = self.lock();
        if state.close.is_some() {
            return Err(Slow);
        }
        if state.held.as_ref().is_some_and(|held| held.missed.is_some()) {
            return Ok(false);
        }
        state.make_ready(last);
        if let Some(held) = state.held.take() {
            state.ready.extend(held.frames.into_iter().map(|(frame, ..)| frame));
        }
        drop(state);
        self.0.filled.notify_one();
        Ok(true)
    }

    /// Closes the connection: there is more to tell it than it can be told.
    pub fn give_up(&self) {
        self.too_slow(self.lock());
    }

    /// Goes on with a client that reads.
    fn unless_stuck(&self, state: MutexGuard<'_, State>) -> Result<(), Slow> {
        if state.writing.is_some_and(|since| since.elapsed() >= PATIENCE) {
            self.too_slow(state);
            return Err(Slow);
        }
        Ok(())
    }

    fn too_slow(&self, mut state: MutexGuard<'_, State>) {
        if state.close.is_some() {
            return;
        }
        *state = State { close: Some(Close::new(CloseCode::TooSlow)), ..State::default() };
        drop(state);
        metrics::get().outbox_overflows.increment(1);
        self.wake();
    }

    /// Ends the connection with the code's usual reason: what waits is written, then the close frame. The first call counts.
    pub fn close(&self, code: CloseCode) {
        self.close_with(Close::new(code));
    }

    /// Ends the connection with a reason.
    pub fn close_with(&self, close: Close) {
        let mut state = self.lock();
        if state.close.is_none() {
            state.close = Some(close);
            state.held = None;
        }
        drop(state);
        self.wake();
    }

    /// Tells whether the connection is being closed, and why.
    #[must_use]
    pub fn closing(&self) -> Option<Close> {
        self.lock().close.clone()
    }

    /// As [`Outbox::drain`] or, while something is still being written, as [`Outbox::closed`]. One future for both: it is
    /// kept in every connection's task.
    pub async fn next(&self, writing: bool) -> Drained {
        if writing { Drained::Closed(self.closed().await) } else { self.drain().await }
    }

    /// Waits until there is something to write, and takes it, or as much of it as is written at a time. For the connection's task
    /// alone: it has written what it took before.
    pub async fn drain(&self) -> Drained {
        loop {
            let filled = self.0.filled.notified();
            let wants_more = {
                let mut state = self.lock();
                state.writing = None;
                if !state.ready.is_empty() {
                    let frames = state.take();
                    state.writing = Some(Instant::now());
                    let timing = std::mem::take(&mut state.timing);
                    drop(state);
                    timing.end();
                    return Drained::Frames(frames);
                }
                if let Some(close) = &state.close {
                    return Drained::Closed(close.clone());
                }
                state.held.as_mut().is_some_and(|held| !std::mem::replace(&mut held.asked, true))
            };
            if wants_more && let Some(ask) = self.0.ask.get() {
                ask();
            }
            filled.await;
        }
    }

    /// Waits until the connection is being closed, whatever waits to be written: for a task that is stuck in writing. Closes it if
    /// the client takes nothing for too long while a replay runs, or is to come.
    pub async fn closed(&self) -> Close {
        loop {
            let closed = self.0.closed.notified();
            let waited_for = {
                let state = self.lock();
                if let Some(close) = &state.close {
                    return close.clone();
                }
                state.writing.filter(|_| state.held.is_some()).map(|since| since + PATIENCE)
            };
            match waited_for {
                None => closed.await,
                // In a box: it is rare, and every connection's task would have room for it.
                Some(end) => {
                    if Box::pin(timeout_at(end, closed)).await.is_err() {
                        let _ = self.unless_stuck(self.lock());
                    }
                }
            }
        }
    }

    fn wake(&self) {
        self.0.filled.notify_one();
        self.0.closed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything that could panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, bytes: usize, of: Capacity) -> bool {
        let frames = self.ready.len() + self.held.as_ref().map_or(0, |held| held.frames.len());
        frames < of.frames && self.bytes + bytes <= of.bytes
    }

    fn is_closed(&self) -> bool {
        self.close.as_ref().is_some_and(|close| !close.takes_answers())
    }

    /// Tells whether a replay has told an event already.
    fn was_replayed(&mut self, mark: Option<Mark>, released: impl Fn() -> CommitNo) -> bool {
        let Some(replayed) = &self.replayed else { return false };
        let (up_to, marks) = &**replayed;
        if released() >= *up_to {
            self.replayed = None;
            return false;
        }
        mark.is_some_and(|mark| marks.get(&mark.thread).is_some_and(|rev| mark.rev <= *rev))
    }

    /// Notes an event that is told, for as long as its commit is being told.
    fn tells(&mut self, mark: Option<Mark>, released: impl Fn() -> CommitNo) {
        let Some(Mark { thread, rev, commit }) = mark else { return };
        if self.told.len() >= MANY {
            let released = released();
            self.told.retain(|_, (_, commit)| *commit > released);
        }
        self.told.insert(thread, (rev, commit));
    }

    /// Forgets the durable events that are held: they are read from the database.
    fn fall_behind(&mut self, released: CommitNo) {
        metrics::get().fell_behind.increment(1);
        let told = std::mem::take(&mut self.told);
        let first = self.held.is_none();
        let held = self.held.get_or_insert_default();
        // What a replay goes on from is the replay's to know.
        let told =
            if first { told.into_iter().map(|(thread, (rev, _))| (thread, rev)).collect() } else { Marks::new() };
        held.missed = Some(Missed { since: released, told });
        held.frames.retain(|(_, surplus, _)| *surplus != Surplus::IsReplayed);
        let held: usize = held.frames.iter().map(|(frame, ..)| frame.len()).sum();
        self.bytes = held + self.ready.iter().map(Bytes::len).sum::<usize>();
    }

    fn make_ready(&mut self, frames: Vec<Bytes>) {
        self.bytes += frames.iter().map(Bytes::len).sum::<usize>();
        self.ready.extend(frames);
    }

    /// Takes what is written next.
    fn take(&mut self) -> Vec<Bytes> {
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

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shared").field("capacity", &self.capacity).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Close {
    /// Makes a close with the code's usual reason.
    #[must_use]
    pub fn new(code: CloseCode) -> Self {
        Self { code, reason: code.reason().to_owned() }
    }

    /// Tells whether what was begun is still answered: on a node that is ending, and on no other occasion.
    fn takes_answers(&self) -> bool {
        self.code == CloseCode::ShuttingDown
    }
}

#[cfg(test)]
mod tests;
