//! The queue of messages to other nodes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::message::{Destination, Kind};
use super::told;

/// How many messages may wait.
const MESSAGES: usize = 4_096;

/// How many bytes of bodies may wait.
const BYTES: usize = 8 * 1_024 * 1_024;

/// A message that waits to be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) to: Destination,
    pub(super) kind: Kind,
    /// Its place among the messages of this process to that destination, counted from 1.
    pub(super) sequence: u64,
    /// The name of the history at that moment.
    pub(super) epoch: Arc<str>,
    pub(super) body: Bytes,
}

/// A bounded queue of messages, and the sequence numbers of each destination.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Outgoing>,
    bytes: usize,
    sequences: HashMap<Destination, u64>,
}

impl Queue {
    /// Adds a message; the body of a heartbeat is put behind the numbers of messages sent to each destination. Tells
    /// whether there was room. The message uses up its sequence number in any case, so that the receivers notice a loss.
    pub(super) fn push(&self, to: Destination, kind: Kind, epoch: Arc<str>, body: Bytes) -> bool {
        let mut state = self.lock();
        let sequence = state.take_number(&to);
        if state.waiting.len() >= MESSAGES || state.bytes + body.len() > BYTES {
            return false;
        }
        let body = if kind == Kind::Heartbeat { told::encode(&state.last_sequences(), &body) } else { body };
        state.bytes += body.len();
        state.waiting.push_back(Outgoing { to, kind, sequence, epoch, body });
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Uses up a sequence number for a message that is not sent.
    pub(super) fn skip(&self, to: &Destination) {
        self.lock().take_number(to);
    }

    /// Waits for the next message. For one caller at a time.
    pub(super) async fn pop(&self) -> Outgoing {
        loop {
            if let Some(next) = self.try_pop() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    /// Returns the next message, if there is one.
    pub(super) fn try_pop(&self) -> Option<Outgoing> {
        let mut state = self.lock();
        let next = state.waiting.pop_front()?;
        state.bytes -= next.body.len();
        Some(next)
    }

    /// Returns how many messages wait, and how many bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let state = self.lock();
        (state.waiting.len(), state.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the last sequence number of each destination.
    fn last_sequences(&self) -> Vec<(Destination, u64)> {
        self.sequences.iter().map(|(to, last)| (to.clone(), *last)).collect()
    }

    fn take_number(&mut self, to: &Destination) -> u64 {
        if let Some(last) = self.sequences.get_mut(to) {
            *last += 1;
            return *last;
        }
        self.sequences.insert(to.clone(), 1);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue, to: &Destination, bytes: usize) -> bool {
        queue.push(to.clone(), Kind::Content, "epoch".into(), vec![0; bytes].into())
    }

    #[test]
    fn each_destination_has_its_own_sequence() {
        let queue = Queue::default();
        let (one, two) = (Destination::Node("one".into()), Destination::Node("two".into()));
        for to in [&one, &two, &one] {
            assert!(push(&queue, to, 1));
        }
        let taken: Vec<_> = std::iter::from_fn(|| queue.try_pop()).map(|next| (next.to, next.sequence)).collect();
        assert_eq!(taken, [(one.clone(), 1), (two.clone(), 1), (one, 2)]);
    }

    #[test]
    fn a_message_too_many_is_refused_and_uses_up_its_number() {
        let (queue, to) = (Queue::default(), Destination::AllCommits);
        for _ in 0..MESSAGES {
            assert!(push(&queue, &to, 1));
        }
        assert!(!push(&queue, &to, 1));
        assert_eq!(queue.try_pop().expect("the first").sequence, 1);
        assert!(push(&queue, &to, 1));
        assert_eq!(queue.lock().last_sequences(), [(to, MESSAGES as u64 + 2)]);
        let sequences: Vec<_> = std::iter::from_fn(|| queue.try_pop()).map(|next| next.sequence).collect();
        assert_eq!(sequences[MESSAGES - 2..], [MESSAGES as u64, MESSAGES as u64 + 2]);
    }

    #[test]
    fn bytes_are_bounded_and_freed() {
        let (queue, to) = (Queue::default(), Destination::AllPresence);
        assert!(push(&queue, &to, BYTES));
        assert!(!push(&queue, &to, 1));
        queue.try_pop().expect("the large one");
        assert!(push(&queue, &to, 1));
        assert_eq!(queue.size(), (1, 1));
    }
}
