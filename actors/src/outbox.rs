//! A connection's outbox: a bounded queue of encoded frames.
//!
//! Actors push and never wait; the connection's task drains. No connection is skipped, but an event that the database holds
//! need not wait here as well. When there is no room for a durable event, the connection *falls behind*: from then on
//! durable events are not kept. When the client has read what waits, its session reads the missed events from the database,
//! as many at a time as the client takes. So a client that reads, however slowly, is sent everything. One that takes
//! nothing for a while is closed, and catches up by its cursor.

mod queue;
mod replay;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use chat_database::ids::CommitNo;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout_at};

use crate::metrics;
use crate::protocol::{CloseCode, ServerFrame};
pub use queue::{Capacity, Close, Missed, ThreadMark, ThreadMarks};
use queue::{Queue, Surplus};

/// How long a client may take for a chunk while more waits than there is room for: 50 kbit/s are enough.
const PATIENCE: Duration = Duration::from_secs(10);

/// The outbox is full or closed: its connection is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection reads too slowly, or is closed")]
pub struct Slow;

/// What the connection's task gets from its outbox.
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
    queue: Mutex<Queue>,
    /// Wakes the connection's task: there is something to write.
    filled: Notify,
    /// Wakes the connection's task when it waits only for the close.
    closed: Notify,
    /// Asks the session for more of a replay.
    ask: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Outbox {
    /// Makes an outbox that lets frames through at once.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(Shared {
            capacity,
            queue: Mutex::default(),
            filled: Notify::new(),
            closed: Notify::new(),
            ask: OnceLock::new(),
        }))
    }

    /// Sets the callback that asks the session for more of a replay, when the client has read what there was. The session
    /// then calls [`Outbox::replay`] and [`Outbox::release`]. To be called once.
    pub fn on_drained(&self, ask: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.ask.set(Box::new(ask));
    }

    /// Queues an encoded frame that must not be left out.
    ///
    /// # Errors
    /// [`Slow`] if there is no room; the outbox is closed with [`CloseCode::TooSlow`] then, and what waited is dropped.
    pub fn push(&self, frame: Bytes) -> Result<(), Slow> {
        self.put(frame, Surplus::Closes)
    }

    /// Queues an event that the database holds; `mark` is set for a message. Without room for it the connection falls
    /// behind. `released` returns the commit up to which everything has been delivered on this node.
    ///
    /// # Errors
    /// [`Slow`] if the outbox is closed.
    pub fn push_durable(
        &self,
        frame: Bytes,
        mark: Option<ThreadMark>,
        released: impl Fn() -> CommitNo,
    ) -> Result<(), Slow> {
        let mut queue = self.lock();
        if queue.is_closed() {
            return Err(Slow);
        }
        if queue.is_behind() {
            // The session reads the event from the database.
            return self.unless_stuck(queue);
        }
        if queue.was_replayed(mark, &released) {
            return Ok(());
        }
        if !queue.has_room(frame.len(), Surplus::IsReplayed.share(self.0.capacity)) {
            queue.fall_behind(released());
            // Wakes the connection's task: from now on it waits only for [`PATIENCE`] if the client takes nothing.
            self.0.closed.notify_one();
            return self.unless_stuck(queue);
        }
        queue.note_sent(mark, &released);
        self.add(queue, frame, Surplus::IsReplayed, mark);
        Ok(())
    }

    /// Queues a frame that would be worth nothing later; without room for it, it is dropped.
    ///
    /// # Errors
    /// [`Slow`] if the outbox is closed.
    pub fn push_ephemeral(&self, frame: Bytes) -> Result<(), Slow> {
        self.put(frame, Surplus::IsDropped)
    }

    fn put(&self, frame: Bytes, surplus: Surplus) -> Result<(), Slow> {
        let queue = self.lock();
        if queue.is_closed() {
            return Err(Slow);
        }
        if queue.has_room(frame.len(), surplus.share(self.0.capacity)) {
            self.add(queue, frame, surplus, None);
        } else if surplus == Surplus::Closes {
            self.too_slow(queue);
            return Err(Slow);
        }
        Ok(())
    }

    fn add(&self, mut queue: MutexGuard<'_, Queue>, frame: Bytes, surplus: Surplus, mark: Option<ThreadMark>) {
        let first = queue.add(frame, surplus, mark);
        drop(queue);
        if first {
            self.0.filled.notify_one();
        }
    }

    /// Encodes a frame and queues it.
    ///
    /// # Errors
    /// As [`Outbox::push`].
    pub fn push_frame(&self, frame: &ServerFrame) -> Result<(), Slow> {
        self.push(frame.encode())
    }

    /// Tells whether `bytes` and what waits are at most an eighth of the capacity: an echo must not take the room of what
    /// other users send to the client.
    #[must_use]
    pub fn has_room_to_spare(&self, bytes: usize) -> bool {
        self.lock().bytes + bytes <= self.0.capacity.bytes / 8
    }

    /// Closes the connection as too slow, because there is more to send than it can be sent.
    pub fn give_up(&self) {
        self.too_slow(self.lock());
    }

    /// Closes the connection as too slow if its client has taken nothing for [`PATIENCE`].
    fn unless_stuck(&self, queue: MutexGuard<'_, Queue>) -> Result<(), Slow> {
        if queue.writing.is_some_and(|since| since.elapsed() >= PATIENCE) {
            self.too_slow(queue);
            return Err(Slow);
        }
        Ok(())
    }

    fn too_slow(&self, mut queue: MutexGuard<'_, Queue>) {
        if queue.close.is_some() {
            return;
        }
        *queue = Queue::closed(Close::new(CloseCode::TooSlow));
        drop(queue);
        metrics::get().outbox_overflows.increment(1);
        self.wake();
    }

    /// Ends the connection with the code's usual reason: what waits is written, then the close frame. The first call counts.
    pub fn close(&self, code: CloseCode) {
        self.close_with(Close::new(code));
    }

    /// Ends the connection with a reason.
    pub fn close_with(&self, close: Close) {
        let mut queue = self.lock();
        if queue.close.is_none() {
            queue.close = Some(Box::new(close));
            queue.held = None;
        }
        drop(queue);
        self.wake();
    }

    /// Tells whether the connection is being closed, and why.
    #[must_use]
    pub fn closing(&self) -> Option<Close> {
        self.lock().close.as_deref().cloned()
    }

    /// Calls [`Outbox::drain`] or, while something is still being written, [`Outbox::closed`]. Every connection's task
    /// keeps this future, so one serves for both.
    pub async fn next(&self, writing: bool) -> Drained {
        if writing { Drained::Closed(self.closed().await) } else { self.drain().await }
    }

    /// Waits until there is something to write, and takes a chunk of it. For the connection's task alone, which has then
    /// written what it took before.
    pub async fn drain(&self) -> Drained {
        loop {
            let filled = self.0.filled.notified();
            let wants_more = {
                let mut queue = self.lock();
                queue.writing = None;
                if !queue.ready.is_empty() {
                    let frames = queue.take();
                    queue.writing = Some(Instant::now());
                    return Drained::Frames(frames);
                }
                if let Some(close) = queue.close.as_deref() {
                    return Drained::Closed(close.clone());
                }
                queue.held.as_mut().is_some_and(|held| !std::mem::replace(&mut held.asked, true))
            };
            if wants_more && let Some(ask) = self.0.ask.get() {
                ask();
            }
            filled.await;
        }
    }

    /// Waits until the connection is being closed, even while frames wait: for a task that is still writing. Closes the
    /// connection if the client takes nothing for too long while a replay runs, or is due.
    pub async fn closed(&self) -> Close {
        loop {
            let closed = self.0.closed.notified();
            let waited_for = {
                let queue = self.lock();
                if let Some(close) = queue.close.as_deref() {
                    return close.clone();
                }
                queue.writing.filter(|_| queue.held.is_some()).map(|since| since + PATIENCE)
            };
            match waited_for {
                None => closed.await,
                // Boxed: it is rare, and every connection's task would reserve memory for it.
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

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is complete before anything that could panic.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Shared").field("capacity", &self.capacity).field("queue", &self.queue).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
