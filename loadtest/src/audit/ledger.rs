//! What went from one author to one reader.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Fault, Faults};

/// What went from one author to one reader. Messages are numbered from 0 as they are sent.
///
/// It holds only what is not complete, so a long run takes no more memory than a short one.
#[derive(Debug)]
pub struct Ledger {
    who: String,
    deadline: Duration,
    /// Messages from `base` on.
    open: VecDeque<Entry>,
    base: u64,
    /// Messages that may still become complete.
    waiting: usize,
    last_acked: Option<u64>,
    last_delivered: Option<Place>,
    refused: BTreeSet<u64>,
    confirmed: u64,
    receipted: u64,
    history: Option<History>,
    tally: Tally,
    faults: Faults,
}

/// How often each thing happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Messages sent.
    pub sent: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Messages looked for in history, of those sent: all, or the newest; `None` if nobody looked.
    #[serde(default)]
    pub sought: Option<u64>,
    /// Messages found there.
    pub stored: Option<u64>,
    /// Messages delivered.
    pub delivered: u64,
    /// Delivered messages that their author knows to be delivered; `None` if no receipts were sent.
    pub receipted: Option<u64>,
    /// Messages refused for the moment.
    pub refused: u64,
}

/// A message that is complete: acknowledged and delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// When it was meant to be sent.
    pub intended: Instant,
    /// When it was written to the socket.
    pub written: Instant,
}

#[derive(Debug)]
struct Entry {
    sent: Done,
    acked: bool,
    delivered: bool,
    refused: bool,
    given_up: bool,
    late: bool,
    seq: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    number: u64,
    seq: Option<u64>,
}

/// What was read back.
#[derive(Debug)]
struct History {
    /// The first message that was looked for.
    from: u64,
    seen: Vec<bool>,
    highest: Option<u64>,
}

impl Tally {
    /// Adds another.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let both = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        Self {
            sent: self.sent + other.sent,
            acknowledged: self.acknowledged + other.acknowledged,
            sought: both(self.sought, other.sought),
            stored: both(self.stored, other.stored),
            delivered: self.delivered + other.delivered,
            receipted: both(self.receipted, other.receipted),
            refused: self.refused + other.refused,
        }
    }
}

impl Ledger {
    /// Opens one. `who` names it in faults; what takes longer than `deadline` is delayed, and is not waited for.
    #[must_use]
    pub fn new(who: String, deadline: Duration) -> Self {
        Self {
            who,
            deadline,
            open: VecDeque::new(),
            base: 0,
            waiting: 0,
            last_acked: None,
            last_delivered: None,
            refused: BTreeSet::new(),
            confirmed: 0,
            receipted: 0,
            history: None,
            tally: Tally::default(),
            faults: Faults::default(),
        }
    }

    /// Returns the number of the next message.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.base + self.open.len() as u64
    }

    /// Returns how many messages may still become complete.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Returns the place of the last delivered message in its thread; 0 if there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_delivered.and_then(|place| place.seq).unwrap_or_default()
    }

    /// A message was written.
    pub fn sent(&mut self, intended: Instant, written: Instant) {
        let sent = Done { intended, written };
        let entry =
            Entry { sent, acked: false, delivered: false, refused: false, given_up: false, late: false, seq: None };
        self.open.push_back(entry);
        self.waiting += 1;
        self.tally.sent += 1;
    }

    /// The author was told that a message is stored. `number`: which, if it is one of ours; `seq`: its place, if the server
    /// gives one; `duplicate`: whether the server says that it had it before. Returns the message if it is complete now.
    pub fn acked(&mut self, number: Option<u64>, seq: Option<u64>, duplicate: bool, now: Instant) -> Option<Done> {
        let number = self.known(number, "acknowledgement")?;
        if duplicate {
            self.fault(Fault::AcknowledgedTwice, || format!("message {number}, sent once, is called a duplicate"));
        }
        if self.last_acked.is_some_and(|last| number < last) && self.entry(number).is_some_and(|entry| !entry.acked) {
            self.fault(Fault::AcknowledgedOutOfOrder, || format!("message {number} after a later one"));
        }
        self.last_acked = self.last_acked.max(Some(number));
        let Some(entry) = self.entry(number).filter(|entry| !entry.acked) else {
            if !duplicate {
                self.fault(Fault::AcknowledgedTwice, || format!("message {number}"));
            }
            return None;
        };
        entry.acked = true;
        self.tally.acknowledged += 1;
        self.heard(number, seq, now)
    }

    /// The reader got a message. As [`Ledger::acked`].
    pub fn delivered(&mut self, number: Option<u64>, seq: Option<u64>, now: Instant) -> Option<Done> {
        let number = self.known(number, "delivery")?;
        let Some(entry) = self.entry(number).filter(|entry| !entry.delivered) else {
            self.fault(Fault::DeliveredTwice, || format!("message {number}"));
            return None;
        };
        entry.delivered = true;
        self.tally.delivered += 1;
        match self.last_delivered {
            Some(last) if number < last.number => {
                self.fault(Fault::DeliveredOutOfOrder, || format!("message {number} after message {}", last.number));
            }
            last => {
                self.in_line(last, Place { number, seq });
                self.last_delivered = Some(Place { number, seq });
            }
        }
        self.heard(number, seq, now)
    }

    /// The server did not take a message. `temporary`: it may be sent again.
    pub fn refused(&mut self, number: Option<u64>, temporary: bool, why: &str) {
        if !temporary {
            self.fault(Fault::Refused, || why.to_owned());
        }
        let Some(number) = self.known(number, "refusal") else { return };
        self.tally.refused += 1;
        self.refused.insert(number);
        if let Some(entry) = self.entry(number) {
            let waited = !entry.given_up && !entry.refused;
            entry.refused = true;
            self.waiting -= usize::from(waited);
        }
        self.shrink();
    }

    /// Stops waiting for messages that are past the deadline.
    pub fn give_up(&mut self, now: Instant) {
        let deadline = self.deadline;
        let mut given_up = 0;
        for entry in &mut self.open {
            if now.saturating_duration_since(entry.sent.written) <= deadline {
                break;
            }
            let settled = entry.given_up || entry.refused || (entry.acked && entry.delivered);
            if !settled {
                entry.given_up = true;
                given_up += 1;
            }
        }
        self.waiting -= given_up;
    }

    /// The reader has confirmed everything up to a place.
    pub fn confirmed(&mut self, up_to: u64) {
        self.confirmed = self.confirmed.max(up_to);
    }

    /// Returns how far the reader has confirmed.
    #[must_use]
    pub fn confirmed_up_to(&self) -> u64 {
        self.confirmed
    }

    /// Returns how many messages were refused.
    #[must_use]
    pub fn refused_count(&self) -> u64 {
        self.refused.len() as u64
    }

    /// The author was told that everything up to a place is confirmed.
    pub fn receipted(&mut self, up_to: u64) {
        self.receipted = self.receipted.max(up_to);
    }

    /// Tells whether the author knows of everything that the reader has confirmed.
    #[must_use]
    pub fn is_receipted(&self) -> bool {
        self.receipted >= self.confirmed
    }

    /// History is being read, from this message on.
    pub fn reads_history(&mut self, from: u64) {
        let count = usize::try_from(self.next_number().saturating_sub(from)).unwrap_or_default();
        self.history = Some(History { from, seen: vec![false; count], highest: None });
    }

    /// The next message of history.
    pub fn stored(&mut self, number: u64) {
        let Some(history) = &mut self.history else { return };
        let place = usize::try_from(number.saturating_sub(history.from)).unwrap_or(usize::MAX);
        if number < history.from {
            return;
        }
        let Some(seen) = history.seen.get_mut(place) else {
            return self.fault(Fault::Foreign, || format!("history holds message {number}, which was not sent"));
        };
        let twice = std::mem::replace(seen, true);
        let behind = history.highest.is_some_and(|highest| number < highest);
        history.highest = history.highest.max(Some(number));
        if twice {
            self.fault(Fault::StoredTwice, || format!("message {number}"));
        } else if behind {
            self.fault(Fault::StoredOutOfOrder, || format!("message {number} after a later one"));
        }
    }

    /// Says what is missing. Nothing is to come any more.
    #[must_use]
    pub fn close(mut self) -> (Tally, Faults) {
        for (place, entry) in std::mem::take(&mut self.open).into_iter().enumerate() {
            let number = self.base + place as u64;
            let fault = match (entry.acked, entry.delivered) {
                _ if entry.refused => continue,
                (true, true) => continue,
                (false, false) => Fault::Unanswered,
                (true, false) => Fault::Undelivered,
                (false, true) => Fault::Unacknowledged,
            };
            self.fault(fault, || format!("message {number}"));
            if !entry.acked {
                // It need not be in history.
                self.refused.insert(number);
            }
        }
        self.check_receipts();
        self.check_history();
        (self.tally, self.faults)
    }

    fn check_receipts(&mut self) {
        if self.confirmed == 0 {
            return;
        }
        let missing = self.confirmed.saturating_sub(self.receipted).min(self.tally.delivered);
        self.tally.receipted = Some(self.tally.delivered - missing);
        let (confirmed, receipted, who) = (self.confirmed, self.receipted, &self.who);
        self.faults.add_many(Fault::Unreceipted, missing, || {
            format!("{who}: the reader has confirmed up to {confirmed}, the author was told up to {receipted}")
        });
    }

    fn check_history(&mut self) {
        let Some(history) = self.history.take() else { return };
        let missing = (history.from..).zip(&history.seen).filter(|(_, seen)| !**seen).map(|(number, _)| number);
        let missing: Vec<u64> = missing.filter(|number| !self.refused.contains(number)).collect();
        for number in missing {
            self.fault(Fault::Unstored, || format!("message {number}"));
        }
        self.tally.sought = Some(history.seen.len() as u64);
        self.tally.stored = Some(history.seen.iter().filter(|seen| **seen).count() as u64);
    }

    /// A message was acknowledged or delivered: its numbers must agree, and it must not be late.
    fn heard(&mut self, number: u64, seq: Option<u64>, now: Instant) -> Option<Done> {
        let deadline = self.deadline;
        let entry = self.entry(number)?;
        let late = now.saturating_duration_since(entry.sent.written) > deadline;
        let newly_late = late && !entry.late;
        entry.late |= late;
        let differs = matches!((entry.seq, seq), (Some(one), Some(other)) if one != other);
        entry.seq = entry.seq.or(seq);
        let complete = entry.acked && entry.delivered;
        let waited = !entry.given_up && !entry.refused;
        let done = entry.sent;
        if newly_late {
            self.fault(Fault::Delayed, || format!("message {number}: more than {deadline:?} after it was sent"));
        }
        if differs {
            self.fault(Fault::Misnumbered, || format!("message {number} has two places"));
        }
        if !complete {
            return None;
        }
        self.waiting -= usize::from(waited);
        self.shrink();
        Some(done)
    }

    /// Places are dense: the next message is at the next place.
    fn in_line(&mut self, last: Option<Place>, next: Place) {
        let Some(Place { number, seq: Some(before) }) = last else { return };
        let Some(seq) = next.seq else { return };
        let gap = next.number - number;
        // A message in between may have been refused, so a longer gap proves nothing.
        if seq <= before || (gap == 1 && seq != before + 1) {
            self.fault(Fault::Misnumbered, || format!("message {} at place {seq} follows place {before}", next.number));
        }
    }

    fn known(&mut self, number: Option<u64>, what: &str) -> Option<u64> {
        let known = number.filter(|number| *number < self.next_number());
        if known.is_none() {
            self.fault(Fault::Foreign, || match number {
                Some(number) => format!("{what} of message {number}, which was not sent"),
                None => format!("{what} of a message that is not ours"),
            });
        }
        known
    }

    /// Returns a message that is not complete.
    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let place = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.open.get_mut(place)
    }

    fn shrink(&mut self) {
        while self.open.front().is_some_and(|entry| entry.refused || (entry.acked && entry.delivered)) {
            self.open.pop_front();
            self.base += 1;
        }
    }

    fn fault(&mut self, fault: Fault, what: impl FnOnce() -> String) {
        let who = &self.who;
        self.faults.add(fault, || format!("{who}: {}", what()));
    }
}

#[cfg(test)]
mod tests;
