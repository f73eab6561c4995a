//! The queue of one endpoint, and the order in which events are sent: pure state; callers name the time.
//!
//! The events of a thread are a *lane*: the next one waits for the one before it. An event without a thread has a lane of
//! its own. A lane whose first event has failed waits, others go on.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::schedule;

/// How many events may be under way at a time.
pub(super) const AT_A_TIME: usize = 8;

/// Events that keep their order: those of a thread, or one event that stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Lane {
    Thread(u64),
    Alone(u64),
}

/// Why an event waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// It waits for its scheduled time, or for the success of another event, which brings it forward.
    Scheduled,
    /// It was brought forward by the success of another event.
    Forward,
    /// It was brought forward and failed again, though the endpoint is well: it waits for its scheduled time.
    Full,
}

/// An event that waits, or is under way.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    /// How often it was tried.
    tries: u32,
    /// When it is tried next, in Unix milliseconds.
    due: i64,
    wait: Wait,
}

/// An event that is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(super) lane: Lane,
    pub(super) id: u64,
    /// How often it was tried before.
    pub(super) tries: u32,
}

/// What becomes of an event that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    /// It is tried again at this time.
    Again(i64),
    /// It has used up its tries.
    ForGood,
}

/// The queue of one endpoint.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lanes: HashMap<Lane, VecDeque<Entry>>,
    /// The first event of each lane that is not under way, by the time when it is due and by its id.
    due: BTreeSet<(i64, u64, Lane)>,
    /// The lanes under way, and when each began.
    taken: HashMap<Lane, i64>,
    len: usize,
    /// Until when the receiver has asked for no requests.
    paused_until: i64,
    /// When the last success came.
    succeeded_at: Option<i64>,
}

impl Queue {
    /// Returns how many events wait or are under way.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Tells whether an event of a lane waits or is under way.
    #[cfg(test)]
    fn has(&self, lane: Lane) -> bool {
        self.lanes.contains_key(&lane)
    }

    /// Adds an event that was tried `tries` times, behind all others of its lane.
    pub(super) fn push(&mut self, lane: Lane, id: u64, tries: u32, due: i64) {
        let entry = Entry { id, tries, due, wait: Wait::Scheduled };
        let waiting = self.lanes.entry(lane).or_default();
        waiting.push_back(entry);
        self.len += 1;
        if waiting.len() == 1 {
            self.due.insert((due, id, lane));
        }
    }

    /// Makes a waiting event due, as if it had never been tried; one that is under way stays as it is.
    pub(super) fn hasten(&mut self, lane: Lane, id: u64, due: i64) {
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        let Some(at) = waiting.iter().position(|entry| entry.id == id) else { return };
        let is_first = at == 0;
        if is_first && self.taken.contains_key(&lane) {
            return;
        }
        let entry = Entry { id, tries: 0, due, wait: Wait::Scheduled };
        let before = std::mem::replace(&mut waiting[at], entry);
        if is_first {
            self.due.remove(&(before.due, id, lane));
            self.due.insert((due, id, lane));
        }
    }

    /// Takes events that are due, each of another lane, as long as fewer than `most` are under way.
    pub(super) fn take(&mut self, now: i64, most: usize) -> Vec<Taken> {
        let mut taken = Vec::new();
        while now >= self.paused_until
            && self.taken.len() < most
            && let Some(&(due, id, lane)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            self.taken.insert(lane, now);
            let tries = self.lanes.get(&lane).and_then(VecDeque::front).map_or(0, |entry| entry.tries);
            taken.push(Taken { lane, id, tries });
        }
        taken
    }

    /// Returns the event that is taken next, if one is due.
    pub(super) fn next(&self, now: i64, most: usize) -> Option<u64> {
        let is_ready = now >= self.paused_until && self.taken.len() < most;
        self.due.first().filter(|(due, ..)| is_ready && *due <= now).map(|(_, id, _)| *id)
    }

    /// Notes that the event under way in a lane has arrived. All events that wait for their scheduled time are due now.
    pub(super) fn succeeded(&mut self, lane: Lane, now: i64) {
        self.finish(lane);
        self.succeeded_at = Some(now);
        let later: Vec<_> = self.due.range((now + 1, 0, Lane::Thread(0))..).copied().collect();
        for (due, id, lane) in later {
            let Some(entry) = self.lanes.get_mut(&lane).and_then(VecDeque::front_mut) else { continue };
            if entry.wait == Wait::Scheduled {
                self.due.remove(&(due, id, lane));
                *entry = Entry { due: now, wait: Wait::Forward, ..*entry };
                self.due.insert((now, id, lane));
            }
        }
    }

    /// Notes that the event under way in a lane has failed, and returns what becomes of it. `pause`: for how long the
    /// receiver has asked for no requests; `chance` is from 0 to 1.
    pub(super) fn failed(&mut self, lane: Lane, now: i64, pause: Option<Duration>, chance: f64) -> Failed {
        let began = self.taken.remove(&lane).unwrap_or(now);
        if let Some(pause) = pause {
            self.paused_until = self.paused_until.max(after(now, pause));
        }
        let Some(entry) = self.lanes.get_mut(&lane).and_then(VecDeque::front_mut) else { return Failed::ForGood };
        entry.tries += 1;
        let Some(wait) = schedule::wait(entry.tries, chance) else {
            self.finish(lane);
            return Failed::ForGood;
        };
        let has_recovered = self.succeeded_at.is_some_and(|at| began <= at);
        let recovered_meanwhile = has_recovered && entry.wait == Wait::Scheduled && pause.is_none();
        entry.due = match (pause, recovered_meanwhile) {
            (Some(pause), _) => after(now, pause),
            (None, true) => now,
            (None, false) => after(now, wait),
        };
        entry.wait = match entry.wait {
            Wait::Scheduled if recovered_meanwhile => Wait::Forward,
            Wait::Forward => Wait::Full,
            Wait::Scheduled | Wait::Full => Wait::Scheduled,
        };
        let entry = *entry;
        self.due.insert((entry.due, entry.id, lane));
        Failed::Again(entry.due)
    }

    /// Puts the event under way in a lane back, as if it had not been taken.
    pub(super) fn put_back(&mut self, lane: Lane) {
        self.taken.remove(&lane);
        if let Some(entry) = self.lanes.get(&lane).and_then(VecDeque::front) {
            self.due.insert((entry.due, entry.id, lane));
        }
    }

    /// Returns when something is due that is not under way.
    #[cfg(test)]
    fn next_due(&self) -> Option<i64> {
        self.due.first().map(|(due, ..)| (*due).max(self.paused_until))
    }

    /// Ends the first event of a lane, and lets the next one come.
    fn finish(&mut self, lane: Lane) {
        self.taken.remove(&lane);
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        self.len -= usize::from(waiting.pop_front().is_some());
        match waiting.front() {
            Some(next) => {
                self.due.insert((next.due, next.id, lane));
            }
            None => {
                self.lanes.remove(&lane);
            }
        }
    }
}

fn after(now: i64, span: Duration) -> i64 {
    now.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
