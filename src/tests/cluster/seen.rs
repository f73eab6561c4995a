//! What a crew has seen: its acknowledgements, how long messages took, and what was wrong.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What all of them have seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) wrong: Mutex<Vec<String>>,
    pub(super) acks: Mutex<Vec<Acked>>,
    /// When messages were acknowledged that were not heard yet, by author and number.
    pub(super) unheard: Mutex<BTreeMap<(u64, u64), Instant>>,
    /// When readers who stay heard messages, and how long after the acknowledgement.
    crossed: Mutex<Vec<(Instant, Duration)>>,
    /// What was sent and is not acknowledged, by author: since when, and to which hub.
    pub(super) waiting: Mutex<BTreeMap<u64, (Instant, usize)>>,
}

/// An acknowledgement on the connection on which the message was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acked {
    pub(super) at: Instant,
    pub(super) took: Duration,
    pub(super) hub: usize,
}

/// Locks a mutex, also after a panic.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    pub(super) fn wrong(&self, what: String) {
        locked(&self.wrong).push(what);
    }

    /// Records that a reader who stays has heard a message.
    pub(super) fn heard(&self, author: u64, number: u64) {
        let now = Instant::now();
        // The reader may hear of it before its author does.
        let acked = locked(&self.unheard).remove(&(author, number)).unwrap_or(now);
        locked(&self.crossed).push((now, now.duration_since(acked)));
    }

    /// Returns the longest time between sending and acknowledgement since `since`, on connections to these hubs that lasted; what
    /// still waits counts with the time until now.
    pub(super) fn longest_wait(&self, since: Instant, hubs: &[usize]) -> Duration {
        let acks = locked(&self.acks);
        let done = acks.iter().filter(|ack| ack.at >= since && hubs.contains(&ack.hub)).map(|ack| ack.took);
        let waiting = locked(&self.waiting);
        let open = waiting.values().filter(|(_, hub)| hubs.contains(hub)).map(|(sent, _)| sent.elapsed());
        done.chain(open).max().unwrap_or_default()
    }

    /// Returns how long after its acknowledgement a message is heard on another hub: of those since `since` all but one in a hundred
    /// took less.
    pub(super) fn crossing(&self, since: Instant) -> Duration {
        let crossed = locked(&self.crossed);
        all_but_one_in_a_hundred(crossed.iter().filter(|(at, _)| *at >= since).map(|(_, took)| *took))
    }

    /// Returns how long an acknowledgement within one of these spans took: all but one in a hundred took less.
    pub(super) fn acknowledging(&self, spans: &[(Instant, Instant)]) -> Duration {
        let acks = locked(&self.acks);
        let is_within = |ack: &&Acked| spans.iter().any(|(from, to)| (*from..*to).contains(&ack.at));
        all_but_one_in_a_hundred(acks.iter().filter(is_within).map(|ack| ack.took))
    }

    /// Returns how many messages have been acknowledged.
    pub(super) fn acked(&self) -> usize {
        locked(&self.acks).len()
    }
}

fn all_but_one_in_a_hundred(took: impl Iterator<Item = Duration>) -> Duration {
    let mut took: Vec<Duration> = took.collect();
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}
