//! The entries that wait for the audit log, and the counters of the present minute. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chat_database::audit::{Act, NewEntry};
use serde_json::json;
use tokio::time::Instant;

/// How long a minute is.
const MINUTE: Duration = Duration::from_secs(60);

/// How many refusals of a minute get a row each.
const REFUSALS: u64 = 10;

/// How many readers are counted separately in a minute; the rest are counted as one, `others`.
const READERS: usize = 100;

/// How many entries may wait while the database takes no writes. From then on refusals are only counted, and the minute
/// goes on until the database takes writes again.
const WAITING: usize = 1_000;

/// A reader: what it reads, its user, and the address that the request comes from.
type Reader = (Act, String, Option<String>);

/// The present minute.
#[derive(Debug)]
pub(super) struct Minute {
    began: Instant,
    refused: u64,
    /// Refusals without a row, by what was refused and why.
    left_out: BTreeMap<(Act, String), u64>,
    /// Requests and objects of each reader.
    reads: BTreeMap<Reader, (u64, u64)>,
    waiting: VecDeque<NewEntry>,
}

impl Minute {
    pub(super) fn new(now: Instant) -> Self {
        let (left_out, reads) = (BTreeMap::new(), BTreeMap::new());
        Self { began: now, refused: 0, left_out, reads, waiting: VecDeque::new() }
    }

    pub(super) fn note(&mut self, entry: NewEntry) {
        self.waiting.push_back(entry);
    }

    pub(super) fn refused(&mut self, entry: NewEntry) {
        if self.refused < REFUSALS && self.waiting.len() < WAITING {
            self.refused += 1;
            self.waiting.push_back(entry);
        } else {
            // The map stays small: reasons are a few fixed texts.
            *self.left_out.entry((entry.what, entry.why.unwrap_or_default())).or_default() += 1;
        }
    }

    pub(super) fn read(&mut self, what: Act, who: String, from: Option<String>, objects: u64) {
        let mut reader = (what, who, from);
        if self.reads.len() >= READERS && !self.reads.contains_key(&reader) {
            reader = (what, "others".to_owned(), None);
        }
        let (requests, all) = self.reads.entry(reader).or_default();
        *requests += 1;
        *all += objects;
    }

    /// Takes the waiting entries; and the counters as entries, if their minute is over or `all` is set.
    pub(super) fn take(&mut self, node: &str, now: Instant, all: bool) -> Vec<NewEntry> {
        let is_over = now.saturating_duration_since(self.began) >= MINUTE && self.waiting.len() < WAITING;
        if all || is_over {
            self.began = now;
            self.refused = 0;
            let left_out = std::mem::take(&mut self.left_out);
            if !left_out.is_empty() {
                let count: u64 = left_out.values().sum();
                let reasons = left_out
                    .into_iter()
                    .map(|((what, why), count)| json!({"what": what.as_str(), "why": why, "count": count}));
                let detail = json!({"count": count, "reasons": reasons.collect::<Vec<_>>()}).to_string();
                self.note(NewEntry { detail: Some(detail), ..NewEntry::new(node, Act::RefusalsLeftOut) });
            }
            for ((what, who, from), (requests, objects)) in std::mem::take(&mut self.reads) {
                let detail = Some(json!({"requests": requests, "objects": objects}).to_string());
                self.note(NewEntry { from, detail, ..NewEntry::new(who, what) });
            }
        }
        self.waiting.drain(..).collect()
    }

    /// Puts entries back that could not be written.
    pub(super) fn give_back(&mut self, entries: Vec<NewEntry>) {
        for entry in entries.into_iter().rev() {
            self.waiting.push_front(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(why: &str) -> NewEntry {
        NewEntry { why: Some(why.to_owned()), ..NewEntry::new("unknown", Act::TokenRefused) }
    }

    fn whats(entries: &[NewEntry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.what.as_str()).collect()
    }

    #[test]
    fn a_minute_has_ten_refusals_and_one_row_that_counts_the_others() {
        let now = Instant::now();
        let mut minute = Minute::new(now);
        (0..1_000).for_each(|_| minute.refused(refusal("the token has expired")));
        (0..5).for_each(|_| minute.refused(refusal("wrong")));
        assert_eq!(whats(&minute.take("hub:a", now, false)), ["token.refused"; 10]);
        assert!(minute.take("hub:a", now + MINUTE / 2, false).is_empty());
        let over = minute.take("hub:a", now + MINUTE, false);
        assert_eq!(whats(&over), ["refusals.left_out"]);
        let detail: serde_json::Value = serde_json::from_str(over[0].detail.as_deref().expect("good")).expect("good");
        assert_eq!((&over[0].who[..], &detail["count"]), ("hub:a", &json!(995)));
        assert_eq!(
            detail["reasons"][0],
            json!({"what": "token.refused", "why": "the token has expired", "count": 990})
        );
        minute.refused(refusal("wrong"));
        assert_eq!(whats(&minute.take("hub:a", now + MINUTE, false)), ["token.refused"], "another minute");
    }

    #[test]
    fn a_reader_has_one_row_a_minute() {
        let now = Instant::now();
        let mut minute = Minute::new(now);
        (0..30).for_each(|_| minute.read(Act::EventsRead, "service:1".to_owned(), None, 100));
        assert!(minute.take("hub:a", now, false).is_empty());
        let all = minute.take("hub:a", now, true);
        assert_eq!(whats(&all), ["events.read"]);
        let detail: serde_json::Value = serde_json::from_str(all[0].detail.as_deref().expect("good")).expect("good");
        assert_eq!(detail, json!({"requests": 30, "objects": 3_000}));
    }

    #[test]
    fn of_a_day_without_a_database_no_more_waits_than_of_some_minutes() {
        let now = Instant::now();
        let mut minute = Minute::new(now);
        for past in 1..=24 * 60 {
            for reader in 0..READERS {
                minute.read(Act::ChatRead, format!("service:{reader}"), None, 1);
            }
            (0..20).for_each(|_| minute.refused(refusal("wrong")));
            let taken = minute.take("hub:a", now + MINUTE * past, false);
            minute.give_back(taken);
        }
        let all = minute.take("hub:a", now + MINUTE * 24 * 60, true);
        assert!(all.len() < WAITING + 2 * READERS, "{} entries wait", all.len());
        let details =
            all.iter().filter(|entry| entry.what == Act::ChatRead).filter_map(|entry| entry.detail.as_deref());
        let requests =
            details.map(|detail| serde_json::from_str::<serde_json::Value>(detail).expect("good")["requests"].as_u64());
        assert_eq!(requests.sum::<Option<u64>>(), Some(24 * 60 * READERS as u64), "every request is counted");
    }

    #[test]
    fn what_cannot_be_written_waits_in_its_order() {
        let now = Instant::now();
        let mut minute = Minute::new(now);
        minute.refused(refusal("1"));
        minute.refused(refusal("2"));
        let taken = minute.take("hub:a", now, false);
        minute.refused(refusal("3"));
        minute.give_back(taken);
        let whys: Vec<_> = minute.take("hub:a", now, false).into_iter().map(|entry| entry.why.expect("good")).collect();
        assert_eq!(whys, ["1", "2", "3"]);
    }
}
