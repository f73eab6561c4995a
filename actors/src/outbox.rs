//! A connection's outbox: a bounded queue of encoded frames.
//!
//! Actors push and never wait; the connection's task drains. A client that reads too slowly finds its
//! outbox full: it is closed, never skipped, and its cursor lets it catch up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::metrics;
use crate::protocol::{CloseCode, ServerFrame};
use crate::timing::Timing;

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

#[derive(Debug)]
struct Shared {
    capacity: Capacity,
    state: Mutex<State>,
    /// Wakes the connection's task: something to write.
    filled: Notify,
    /// Wakes a replay that waits for room.
    drained: Notify,
    /// Wakes whoever waits for the end.
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: Vec<Bytes>,
    /// While a replay runs, what is live waits here.
    held: Option<Vec<Bytes>>,
    bytes: usize,
    close: Option<Close>,
    /// Of frames that are ready.
    timing: Timing,
}

impl Outbox {
    /// Makes an outbox that lets frames through at once.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(Shared {
            capacity,
            state: Mutex::default(),
            filled: Notify::new(),
            drained: Notify::new(),
            closed: Notify::new(),
        }))
    }

    /// Puts an encoded frame in line.
    ///
    /// # Errors
    /// [`Slow`] if there is no room; the outbox is closed with [`CloseCode::TooSlow`] then, and what waited is dropped.
    pub fn push(&self, frame: Bytes) -> Result<(), Slow> {
        self.put(frame, Timing::none())
    }

    fn put(&self, frame: Bytes, timing: Timing) -> Result<(), Slow> {
        let mut state = self.lock();
        if state.close.as_ref().is_some_and(|close| !close.takes_answers()) {
            return Err(Slow);
        }
        let frames = state.ready.len() + state.held.as_ref().map_or(0, Vec::len);
        let room = frames < self.0.capacity.frames && state.bytes + frame.len() <= self.0.capacity.bytes;
        if !room {
            *state = State { close: Some(Close::new(CloseCode::TooSlow)), ..State::default() };
            drop(state);
            metrics::get().outbox_overflows.increment(1);
            self.wake();
            return Err(Slow);
        }
        state.bytes += frame.len();
        let State { ready, held, timing: of_ready, .. } = &mut *state;
        match held {
            Some(held) => held.push(frame),
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
        Ok(())
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
        self.put(frame.encode(), timing)
    }

    /// Lets live frames wait from now on, for a replay to go before them.
    pub fn hold(&self) {
        self.lock().held.get_or_insert_default();
    }

    /// Puts a frame of a replay in line, before everything that is held; waits for room.
    ///
    /// # Errors
    /// [`Slow`] if the outbox was closed meanwhile.
    pub async fn replay(&self, frame: Bytes) -> Result<(), Slow> {
        loop {
            let room = self.0.drained.notified();
            {
                let mut state = self.lock();
                if state.close.is_some() {
                    return Err(Slow);
                }
                // Half of the room is left to what is live meanwhile.
                let fits = state.ready.is_empty()
                    || (state.ready.len() < self.0.capacity.frames / 2
                        && state.bytes + frame.len() <= self.0.capacity.bytes / 2);
                if fits {
                    state.bytes += frame.len();
                    state.ready.push(frame);
                    break;
                }
            }
            room.await;
        }
        self.0.filled.notify_one();
        Ok(())
    }

    /// Lets live frames go again, those that were held first.
    pub fn release(&self) {
        let mut state = self.lock();
        if let Some(held) = state.held.take() {
            state.ready.extend(held);
            drop(state);
            self.0.filled.notify_one();
        }
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

    /// Waits until there is something to write, and takes all of it. For the connection's task alone.
    pub async fn drain(&self) -> Drained {
        loop {
            let filled = self.0.filled.notified();
            {
                let mut state = self.lock();
                if !state.ready.is_empty() {
                    let frames = std::mem::take(&mut state.ready);
                    state.bytes -= frames.iter().map(Bytes::len).sum::<usize>();
                    let timing = std::mem::take(&mut state.timing);
                    drop(state);
                    timing.end();
                    self.0.drained.notify_one();
                    return Drained::Frames(frames);
                }
                if let Some(close) = &state.close {
                    return Drained::Closed(close.clone());
                }
            }
            filled.await;
        }
    }

    /// Waits until the connection is being closed, whatever waits to be written: for a task that is stuck in writing.
    pub async fn closed(&self) -> Close {
        loop {
            let closed = self.0.closed.notified();
            if let Some(close) = self.closing() {
                return close;
            }
            closed.await;
        }
    }

    fn wake(&self) {
        self.0.filled.notify_one();
        self.0.drained.notify_one();
        self.0.closed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything that could panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
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
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const SMALL: Capacity = Capacity { bytes: 10, frames: 3 };

    fn frames(texts: &[&'static str]) -> Drained {
        Drained::Frames(texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect())
    }

    fn push(outbox: &Outbox, text: &'static str) -> Result<(), Slow> {
        outbox.push(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn frames_come_out_in_the_order_in_which_they_went_in() {
        let outbox = Outbox::new(SMALL);
        push(&outbox, "a").expect("room");
        push(&outbox, "b").expect("room");
        assert_eq!(outbox.drain().await, frames(&["a", "b"]));
    }

    #[tokio::test]
    async fn a_full_outbox_closes_its_connection_and_drops_what_waits() {
        for texts in [["a", "b", "c", "d"], ["aaaaa", "bbbbb", "c", "d"]] {
            let outbox = Outbox::new(SMALL);
            let pushed: Vec<_> = texts.into_iter().map(|text| push(&outbox, text)).collect();
            assert!(pushed.contains(&Err(Slow)), "{texts:?}");
            assert_eq!(outbox.drain().await, Drained::Closed(Close::new(CloseCode::TooSlow)));
        }
    }

    #[tokio::test]
    async fn a_drained_outbox_has_room_again() {
        let outbox = Outbox::new(SMALL);
        for _ in 0..100 {
            push(&outbox, "aaaaa").expect("room");
            push(&outbox, "bbbbb").expect("room");
            assert_eq!(outbox.drain().await, frames(&["aaaaa", "bbbbb"]));
        }
    }

    #[tokio::test]
    async fn what_is_live_waits_for_the_replay() {
        let outbox = Outbox::new(SMALL);
        outbox.hold();
        push(&outbox, "live").expect("room");
        outbox.replay(Bytes::from_static(b"old")).await.expect("open");
        assert_eq!(outbox.drain().await, frames(&["old"]));
        outbox.replay(Bytes::from_static(b"end")).await.expect("open");
        outbox.release();
        push(&outbox, "new").expect("room");
        assert_eq!(outbox.drain().await, frames(&["end", "live", "new"]));
    }

    #[tokio::test]
    async fn a_replay_longer_than_the_outbox_waits_for_its_reader() {
        let outbox = Outbox::new(SMALL);
        let writer = outbox.clone();
        let replay = tokio::spawn(async move {
            for _ in 0..100 {
                writer.replay(Bytes::from_static(b"aaaa")).await.expect("open");
            }
            writer.close(CloseCode::ShuttingDown);
        });
        let mut read = 0;
        while let Drained::Frames(frames) = outbox.drain().await {
            read += frames.len();
        }
        replay.await.expect("no panic");
        assert_eq!(read, 100);
    }

    /// A replay once waited for ever for a reader that had gone, and kept all that it had read.
    #[tokio::test]
    async fn a_replay_that_waits_for_room_ends_with_its_connection() {
        let outbox = Outbox::new(SMALL);
        outbox.replay(Bytes::from_static(b"aaaaaaaa")).await.expect("room");
        let mut replay = std::pin::pin!(outbox.replay(Bytes::from_static(b"bbbbbbbb")));
        assert_eq!((&mut replay).now_or_never(), None, "there is no room");
        outbox.close(CloseCode::Internal);
        assert_eq!(replay.now_or_never(), Some(Err(Slow)));
    }

    #[tokio::test]
    async fn a_node_that_is_ending_still_answers_what_was_begun() {
        let outbox = Outbox::new(SMALL);
        outbox.close(CloseCode::ShuttingDown);
        push(&outbox, "ack").expect("room");
        assert_eq!(outbox.drain().await, frames(&["ack"]));
    }

    /// The task that is stuck in writing watches for the end while the session replays: it once took the replay's wake-up.
    #[tokio::test]
    async fn whoever_waits_for_the_end_takes_no_wake_up_from_a_replay() {
        let outbox = Outbox::new(SMALL);
        push(&outbox, "aaaaaaaa").expect("room");
        let mut closed = std::pin::pin!(outbox.closed());
        let mut replay = std::pin::pin!(outbox.replay(Bytes::from_static(b"bbbbbbbb")));
        tokio::select! {
            biased;
            _ = &mut closed => panic!("open"),
            _ = &mut replay => panic!("no room"),
            () = tokio::task::yield_now() => {}
        }
        outbox.drain().await;
        tokio::select! {
            biased;
            _ = &mut closed => panic!("open"),
            replayed = &mut replay => replayed.expect("room"),
        }
    }

    #[tokio::test]
    async fn while_something_is_written_only_the_end_is_waited_for() {
        let outbox = Outbox::new(SMALL);
        push(&outbox, "a").expect("room");
        assert_eq!(outbox.next(true).now_or_never(), None, "it would be taken, and have no place to go");
        assert_eq!(outbox.next(false).await, frames(&["a"]));
        outbox.close(CloseCode::TokenExpired);
        assert_eq!(outbox.next(true).await, Drained::Closed(Close::new(CloseCode::TokenExpired)));
    }

    #[tokio::test]
    async fn what_waits_is_written_before_a_close_and_nothing_after() {
        let outbox = Outbox::new(SMALL);
        push(&outbox, "a").expect("room");
        outbox.close(CloseCode::TokenExpired);
        outbox.close(CloseCode::Internal);
        assert_eq!(push(&outbox, "b"), Err(Slow));
        assert_eq!(outbox.drain().await, frames(&["a"]));
        assert_eq!(outbox.drain().await, Drained::Closed(Close::new(CloseCode::TokenExpired)));
        assert_eq!(outbox.closed().await.code, CloseCode::TokenExpired);
    }
}
