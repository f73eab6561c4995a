//! The ledger of the messages from one author to one reader.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::Tally;
use super::violation::{Violation, Violations};

/// The ledger of the messages from one author to one reader. Messages are numbered from 0 as they are sent.
///
/// It holds only messages that are not complete, so a long run takes no more memory than a short one.
#[derive(Debug)]
pub struct Ledger {
    name: String,
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
    violations: Violations,
}

/// A message that is complete: acknowledged and delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completed {
    /// When it was meant to be sent.
    pub intended: Instant,
    /// When it was sent.
    pub sent: Instant,
    /// When it was acknowledged.
    pub acked: Instant,
}

#[derive(Debug)]
struct Entry {
    times: Completed,
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

/// The messages that were read back.
#[derive(Debug)]
struct History {
    /// The first message that was looked for.
    from: u64,
    seen: Vec<bool>,
    highest: Option<u64>,
}

impl Ledger {
    /// Opens a ledger. `name` is its name in violations. A message that takes longer than `deadline` is delayed; the run does not
    /// wait for it.
    #[must_use]
    pub fn new(name: String, deadline: Duration) -> Self {
        Self {
            name,
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
            violations: Violations::default(),
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

    /// Returns the `seq` of the last delivered message; 0 if there is none.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.last_delivered.and_then(|place| place.seq).unwrap_or_default()
    }

    /// Records that a message was sent.
    pub fn sent(&mut self, intended: Instant, sent: Instant) {
        let times = Completed { intended, sent, acked: sent };
        let entry =
            Entry { times, acked: false, delivered: false, refused: false, given_up: false, late: false, seq: None };
        self.open.push_back(entry);
        self.waiting += 1;
        self.tally.sent += 1;
    }

    /// Records an acknowledgement to the author. `number` is the message's number, if it is of this ledger; `seq` its place in
    /// the thread, if the server sends one; `duplicate` whether the server calls it a duplicate. Returns the message if it is
    /// complete now.
    pub fn acked(&mut self, number: Option<u64>, seq: Option<u64>, duplicate: bool, now: Instant) -> Option<Completed> {
        let number = self.known(number, "acknowledgement")?;
        if duplicate {
            self.violation(Violation::AcknowledgedTwice, || {
                format!("message {number}, sent once, is called a duplicate")
            });
        }
        if self.last_acked.is_some_and(|last| number < last) && self.entry(number).is_some_and(|entry| !entry.acked) {
            self.violation(Violation::AcknowledgedOutOfOrder, || format!("message {number} after a later one"));
        }
        self.last_acked = self.last_acked.max(Some(number));
        let Some(entry) = self.entry(number).filter(|entry| !entry.acked) else {
            if !duplicate {
                self.violation(Violation::AcknowledgedTwice, || format!("message {number}"));
            }
            return None;
        };
        entry.acked = true;
        entry.times.acked = now;
        self.tally.acknowledged += 1;
        self.check(number, seq, now)
    }

    /// Records a delivery to the reader. The arguments and the result are as for [`Ledger::acked`].
    pub fn delivered(&mut self, number: Option<u64>, seq: Option<u64>, now: Instant) -> Option<Completed> {
        let number = self.known(number, "delivery")?;
        let Some(entry) = self.entry(number).filter(|entry| !entry.delivered) else {
            self.violation(Violation::DeliveredTwice, || format!("message {number}"));
            return None;
        };
        entry.delivered = true;
        self.tally.delivered += 1;
        match self.last_delivered {
            Some(last) if number < last.number => {
                self.violation(Violation::DeliveredOutOfOrder, || {
                    format!("message {number} after message {}", last.number)
                });
            }
            last => {
                self.check_place(last, Place { number, seq });
                self.last_delivered = Some(Place { number, seq });
            }
        }
        self.check(number, seq, now)
    }

    /// Records that the server refused a message. `temporary`: the client may send it again.
    pub fn refused(&mut self, number: Option<u64>, temporary: bool, reason: &str) {
        if !temporary {
            self.violation(Violation::Refused, || reason.to_owned());
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
            if now.saturating_duration_since(entry.times.sent) <= deadline {
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

    /// Records that the reader confirmed all messages up to a `seq`.
    pub fn confirmed(&mut self, up_to: u64) {
        self.confirmed = self.confirmed.max(up_to);
    }

    /// Returns the `seq` up to which the reader confirmed.
    #[must_use]
    pub fn confirmed_up_to(&self) -> u64 {
        self.confirmed
    }

    /// Returns how many messages the server refused.
    #[must_use]
    pub fn refused_count(&self) -> u64 {
        self.refused.len() as u64
    }

    /// Records a receipt to the author for all messages up to a `seq`.
    pub fn receipted(&mut self, up_to: u64) {
        self.receipted = self.receipted.max(up_to);
    }

    /// Tells whether the author has the receipts of all confirmed messages.
    #[must_use]
    pub fn is_receipted(&self) -> bool {
        self.receipted >= self.confirmed
    }

    /// Starts the check of history, from this message on.
    pub fn begin_history(&mut self, from: u64) {
        let count = usize::try_from(self.next_number().saturating_sub(from)).unwrap_or_default();
        self.history = Some(History { from, seen: vec![false; count], highest: None });
    }

    /// Records the next message of history.
    pub fn stored(&mut self, number: u64) {
        let Some(history) = &mut self.history else { return };
        let place = usize::try_from(number.saturating_sub(history.from)).unwrap_or(usize::MAX);
        if number < history.from {
            return;
        }
        let Some(seen) = history.seen.get_mut(place) else {
            return self
                .violation(Violation::Foreign, || format!("history holds message {number}, which was not sent"));
        };
        let twice = std::mem::replace(seen, true);
        let behind = history.highest.is_some_and(|highest| number < highest);
        history.highest = history.highest.max(Some(number));
        if twice {
            self.violation(Violation::StoredTwice, || format!("message {number}"));
        } else if behind {
            self.violation(Violation::StoredOutOfOrder, || format!("message {number} after a later one"));
        }
    }

    /// Closes the ledger and adds the violations of messages that are missing.
    #[must_use]
    pub fn close(mut self) -> (Tally, Violations) {
        for (place, entry) in std::mem::take(&mut self.open).into_iter().enumerate() {
            let number = self.base + place as u64;
            let violation = match (entry.acked, entry.delivered) {
                _ if entry.refused => continue,
                (true, true) => continue,
                (false, false) => Violation::Unanswered,
                (true, false) => Violation::Undelivered,
                (false, true) => Violation::Unacknowledged,
            };
            self.violation(violation, || format!("message {number}"));
            if !entry.acked {
                // It was not acknowledged, so it need not be in history.
                self.refused.insert(number);
            }
        }
        self.check_receipts();
        self.check_history();
        (self.tally, self.violations)
    }

    fn check_receipts(&mut self) {
        if self.confirmed == 0 {
            return;
        }
        let missing = self.confirmed.saturating_sub(self.receipted).min(self.tally.delivered);
        self.tally.receipted = Some(self.tally.delivered - missing);
        let (confirmed, receipted, name) = (self.confirmed, self.receipted, &self.name);
        self.violations.add_many(Violation::Unreceipted, missing, || {
            format!("{name}: the reader confirmed up to {confirmed}, the author has receipts up to {receipted}")
        });
    }

    fn check_history(&mut self) {
        let Some(history) = self.history.take() else { return };
        let missing = (history.from..).zip(&history.seen).filter(|(_, seen)| !**seen).map(|(number, _)| number);
        let missing: Vec<u64> = missing.filter(|number| !self.refused.contains(number)).collect();
        for number in missing {
            self.violation(Violation::Unstored, || format!("message {number}"));
        }
        self.tally.sought = Some(history.seen.len() as u64);
        self.tally.stored = Some(history.seen.iter().filter(|seen| **seen).count() as u64);
    }

    /// Checks a message that was acknowledged or delivered: both places must agree, and it must not be late.
    fn check(&mut self, number: u64, seq: Option<u64>, now: Instant) -> Option<Completed> {
        let deadline = self.deadline;
        let entry = self.entry(number)?;
        let late = now.saturating_duration_since(entry.times.sent) > deadline;
        let newly_late = late && !entry.late;
        entry.late |= late;
        let differs = matches!((entry.seq, seq), (Some(one), Some(other)) if one != other);
        entry.seq = entry.seq.or(seq);
        let complete = entry.acked && entry.delivered;
        let waited = !entry.given_up && !entry.refused;
        let completed = entry.times;
        if newly_late {
            self.violation(Violation::Delayed, || {
                format!("message {number}: more than {deadline:?} after it was sent")
            });
        }
        if differs {
            self.violation(Violation::Misnumbered, || format!("message {number} has two places"));
        }
        if !complete {
            return None;
        }
        self.waiting -= usize::from(waited);
        self.shrink();
        Some(completed)
    }

    /// Checks that places are dense: the next message is at the next place.
    fn check_place(&mut self, last: Option<Place>, next: Place) {
        let Some(Place { number, seq: Some(before) }) = last else { return };
        let Some(seq) = next.seq else { return };
        let gap = next.number - number;
        // The server may have refused a message in between, so a longer gap proves nothing.
        if seq <= before || (gap == 1 && seq != before + 1) {
            self.violation(Violation::Misnumbered, || {
                format!("message {} at place {seq} follows place {before}", next.number)
            });
        }
    }

    fn known(&mut self, number: Option<u64>, what: &str) -> Option<u64> {
        let known = number.filter(|number| *number < self.next_number());
        if known.is_none() {
            self.violation(Violation::Foreign, || match number {
                Some(number) => format!("{what} of message {number}, which was not sent"),
                None => format!("{what} of a message of another client"),
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

    fn violation(&mut self, violation: Violation, what: impl FnOnce() -> String) {
        let name = &self.name;
        self.violations.add(violation, || format!("{name}: {}", what()));
    }
}

#[cfg(test)]
mod tests;
