//! The ledger of what a consumer of events hears: a webhook's receiver, or a reader of the event feed.

use std::collections::{HashMap, HashSet};

use super::violation::{Violation, Violations};

/// The messages of a thread that the hub has acknowledged in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// Their author; an author writes in one thread.
    pub author: u64,
    /// Their number.
    pub messages: u64,
}

/// The ledger of what a consumer of events hears: each message once after repeats are removed, and each thread in order.
#[derive(Debug)]
pub struct EventLedger {
    name: &'static str,
    threads: HashMap<u64, Thread>,
    /// The messages that it has heard of.
    heard: HashSet<u64>,
    repeats: u64,
    violations: Violations,
}

#[derive(Debug, Default)]
struct Thread {
    heard: u64,
    /// The place of the last message.
    last: u64,
}

impl EventLedger {
    /// Opens a ledger. `name` is its name in violations.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, threads: HashMap::new(), heard: HashSet::new(), repeats: 0, violations: Violations::default() }
    }

    /// Records that the consumer heard of a message: of its id, its author and its place in the thread. Returns whether that was
    /// the first time.
    pub fn hears(&mut self, message: u64, author: u64, seq: u64) -> bool {
        if !self.heard.insert(message) {
            self.repeats += 1;
            return false;
        }
        let thread = self.threads.entry(author).or_default();
        thread.heard += 1;
        if seq <= thread.last {
            let (name, last) = (self.name, thread.last);
            self.violations.add(Violation::EventOutOfOrder, || {
                format!("{name}: message {message} at place {seq} after the one at place {last}")
            });
        }
        thread.last = thread.last.max(seq);
        true
    }

    /// Records that the consumer was sent something that is no event of the hub.
    pub fn refuses(&mut self, why: &str) {
        let name = self.name;
        self.violations.add(Violation::Unsigned, || format!("{name}: {why}"));
    }

    /// Returns how many messages the consumer has heard of.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.heard.len() as u64
    }

    /// Returns how many times the consumer heard of a message again.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Returns how many messages the consumer has not heard of.
    #[must_use]
    pub fn missing(&self, acknowledged: &[Acknowledged]) -> u64 {
        acknowledged.iter().map(|one| self.missing_of(one)).sum()
    }

    /// Closes the ledger and adds the violations of messages that are missing.
    #[must_use]
    pub fn close(&mut self, acknowledged: &[Acknowledged]) -> Violations {
        for one in acknowledged {
            let (name, missing, author) = (self.name, self.missing_of(one), one.author);
            self.violations.add_many(Violation::Unnotified, missing, || {
                format!("{name}: {missing} of {} messages of user {author}", one.messages)
            });
        }
        std::mem::take(&mut self.violations)
    }

    fn missing_of(&self, acknowledged: &Acknowledged) -> u64 {
        let heard = self.threads.get(&acknowledged.author).map_or(0, |thread| thread.heard);
        acknowledged.messages.saturating_sub(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACKNOWLEDGED: [Acknowledged; 2] =
        [Acknowledged { author: 1, messages: 3 }, Acknowledged { author: 3, messages: 1 }];

    #[test]
    fn a_consumer_that_hears_all_in_order_and_some_twice_has_no_violation() {
        let mut ledger = EventLedger::new("webhooks");
        for (message, author, seq) in [(10, 1, 1), (11, 3, 1), (12, 1, 2), (10, 1, 1), (12, 1, 2), (13, 1, 3)] {
            ledger.hears(message, author, seq);
        }
        assert_eq!((ledger.count(), ledger.repeats(), ledger.missing(&ACKNOWLEDGED)), (4, 2, 0));
        assert_eq!(ledger.close(&ACKNOWLEDGED).total(), 0);
    }

    #[test]
    fn what_a_consumer_does_not_hear_is_lost() {
        let mut ledger = EventLedger::new("webhooks");
        ledger.hears(10, 1, 1);
        ledger.hears(13, 1, 3);
        assert_eq!(ledger.missing(&ACKNOWLEDGED), 2);
        let violations = ledger.close(&ACKNOWLEDGED);
        assert_eq!((violations.count(Violation::Unnotified), violations.total()), (2, 2));
    }

    #[test]
    fn what_a_consumer_hears_late_is_out_of_order() {
        let mut ledger = EventLedger::new("webhooks");
        for (message, author, seq) in [(10, 1, 1), (13, 1, 3), (11, 3, 1), (12, 1, 2)] {
            ledger.hears(message, author, seq);
        }
        let violations = ledger.close(&ACKNOWLEDGED);
        assert_eq!((violations.count(Violation::EventOutOfOrder), violations.total()), (1, 1));
    }

    #[test]
    fn what_is_not_signed_is_a_violation() {
        let mut ledger = EventLedger::new("webhooks");
        ledger.refuses("a signature is wrong");
        assert_eq!(ledger.close(&[]).count(Violation::Unsigned), 1);
    }
}
