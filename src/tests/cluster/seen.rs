//! What a crew has seen: its acknowledgements, how long messages took, and what was wrong.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::user::User;

/// What all of them have seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) wrong: Mutex<Vec<String>>,
    pub(super) acks: Mutex<Vec<Acked>>,
    /// When messages were acknowledged that were not heard yet, by author and number.
    pub(super) unheard: Mutex<BTreeMap<(u64, u64), Instant>>,
    /// Messages that readers who stay have heard.
    crossed: Mutex<Vec<Crossed>>,
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

/// A message that a reader who stays has heard.
#[derive(Debug, Clone, Copy)]
struct Crossed {
    at: Instant,
    /// How long after its acknowledgement.
    took: Duration,
    reader: u64,
    hub: usize,
    /// How long the reader had been connected, and for how long it had been away before.
    connected: Duration,
    away: Duration,
}

impl fmt::Display for Crossed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { took, reader, hub, connected, away, .. } = self;
        write!(out, "{took:?} to {reader} at n{}, connected for {connected:?} after {away:?} away", hub + 1)
    }
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
    pub(super) fn heard(&self, author: u64, number: u64, reader: &User) {
        let now = Instant::now();
        // The reader may hear of it before its author does.
        let acked = locked(&self.unheard).remove(&(author, number)).unwrap_or(now);
        locked(&self.crossed).push(Crossed {
            at: now,
            took: now.duration_since(acked),
            reader: reader.id,
            hub: reader.at,
            connected: now.duration_since(reader.connected),
            away: reader.away,
        });
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
        all_but_one_in_a_hundred(crossed.iter().filter(|crossed| crossed.at >= since).map(|crossed| crossed.took))
    }

    /// Describes the messages since `since` that took longest, one for each reader.
    pub(super) fn slowest(&self, since: Instant) -> String {
        let mut slowest = BTreeMap::<u64, Crossed>::new();
        for crossed in locked(&self.crossed).iter().filter(|crossed| crossed.at >= since) {
            let most = slowest.entry(crossed.reader).or_insert(*crossed);
            if crossed.took > most.took {
                *most = *crossed;
            }
        }
        let mut slowest: Vec<Crossed> = slowest.into_values().collect();
        slowest.sort_by_key(|crossed| Reverse(crossed.took));
        slowest.iter().take(5).map(|crossed| format!("\n{crossed}")).collect()
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
