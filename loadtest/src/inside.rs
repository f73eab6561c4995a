//! Where the time of a message goes inside the hub, as it says itself of some of them (`chat_messages_timed_total` in its
//! `/metrics`): how long each step took, by how long all of them took.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const MESSAGES: &str = "chat_messages_timed_total{";
const NANOSECONDS: &str = "chat_messages_timed_nanoseconds_total{";

/// The steps, as the hub names them, and in words: what a message waits for at each.
pub const STEPS: [(&str, &str); 4] = [
    ("wait", "until its commit begins"),
    ("commit", "until that stands"),
    ("tell", "until it is told"),
    ("write", "until the answer is taken to be written"),
];

/// The share of messages from which on they are called the slowest.
const SLOWEST: f64 = 0.005;

/// What the hub says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inside {
    /// Messages that took about as long as each other, the fastest first.
    pub classes: Vec<Class>,
}

/// Messages that took about as long as each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Class {
    /// How long at most, in milliseconds; `None`: longer than all others.
    pub within_ms: Option<f64>,
    /// How many.
    pub messages: f64,
    /// How many of them while the database's log was being moved.
    pub beside_a_move: f64,
    /// What each step took of all of them, in milliseconds.
    pub step_ms: [f64; STEPS.len()],
}

/// The mean of some messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// How many they are.
    pub messages: f64,
    /// They took longer than this, in milliseconds.
    pub over_ms: f64,
    /// Their share of all.
    pub share: f64,
    /// What each step took, in milliseconds.
    pub step_ms: [f64; STEPS.len()],
    /// The share of them while the database's log was being moved.
    pub beside_a_move: f64,
}

impl Inside {
    /// Reads it from `/metrics`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        // By microseconds, which order: the longest have no end.
        let mut classes: BTreeMap<Option<u64>, Class> = BTreeMap::new();
        for line in text.lines() {
            let counted = line.strip_prefix(MESSAGES).map(|rest| (true, rest));
            let Some((is_count, rest)) = counted.or_else(|| Some((false, line.strip_prefix(NANOSECONDS)?))) else {
                continue;
            };
            let Some((labels, value)) = rest.split_once("} ") else { continue };
            let label = |name: &str| {
                let (_, rest) = labels.split_once(&format!("{name}=\""))?;
                rest.split_once('"').map(|(value, _)| value)
            };
            let (Some(within), Ok(value)) = (label("within"), value.trim().parse::<f64>()) else { continue };
            let within_ms = within.parse().ok().filter(|seconds: &f64| seconds.is_finite()).map(|each| each * 1_000.0);
            let class = classes.entry(within_ms.map(microseconds)).or_default();
            class.within_ms = within_ms;
            if is_count {
                class.messages += value;
                class.beside_a_move += if label("log") == Some("moved") { value } else { 0.0 };
            } else if let Some(step) = STEPS.iter().position(|(name, _)| label("step") == Some(*name)) {
                class.step_ms[step] += value / 1e6;
            }
        }
        let longest = classes.remove(&None);
        Self { classes: classes.into_values().chain(longest).collect() }
    }

    /// Returns what was added since an earlier reading.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let added = |class: &Class| {
            let none = Class::default();
            let before = before.classes.iter().find(|one| one.within_ms == class.within_ms).unwrap_or(&none);
            let mut step_ms = class.step_ms;
            step_ms.iter_mut().zip(before.step_ms).for_each(|(step, before)| *step -= before);
            Class {
                within_ms: class.within_ms,
                messages: class.messages - before.messages,
                beside_a_move: class.beside_a_move - before.beside_a_move,
                step_ms,
            }
        };
        Self { classes: self.classes.iter().map(added).collect() }
    }

    /// Returns the mean of all messages; `None` if there are none.
    #[must_use]
    pub fn all(&self) -> Option<Mean> {
        self.slower_than(0)
    }

    /// Returns the mean of the slowest: of as few classes as have one in two hundred, or more; `None` if there are too few classes to tell.
    #[must_use]
    pub fn slowest(&self) -> Option<Mean> {
        (1..self.classes.len()).rev().filter_map(|first| self.slower_than(first)).find(|mean| mean.share >= SLOWEST)
    }

    /// Returns the mean of the classes from one on.
    fn slower_than(&self, first: usize) -> Option<Mean> {
        let sum = |classes: &[Class], of: fn(&Class) -> f64| classes.iter().map(of).sum::<f64>();
        let (faster, classes) = self.classes.split_at_checked(first)?;
        let messages = sum(classes, |class| class.messages);
        if messages <= 0.0 {
            return None;
        }
        let mut step_ms = [0.0; STEPS.len()];
        for class in classes {
            step_ms.iter_mut().zip(class.step_ms).for_each(|(step, of_class)| *step += of_class / messages);
        }
        Some(Mean {
            messages,
            over_ms: faster.last().and_then(|class| class.within_ms).unwrap_or_default(),
            share: messages / (messages + sum(faster, |class| class.messages)),
            step_ms,
            beside_a_move: sum(classes, |class| class.beside_a_move) / messages,
        })
    }
}

impl Mean {
    /// Returns how long all steps took, in milliseconds.
    #[must_use]
    pub fn whole_ms(&self) -> f64 {
        self.step_ms.iter().sum()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few seconds at most, and never less than none"
)]
fn microseconds(milliseconds: f64) -> u64 {
    (milliseconds * 1_000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "chat_messages_timed_total{within=\"0.001\",log=\"still\"} 10\n\
                          chat_messages_timed_nanoseconds_total{within=\"0.001\",step=\"wait\"} 1000000\n";
    const AFTER: &str = "# TYPE chat_messages_timed_total counter\n\
                         chat_messages_timed_total{within=\"+Inf\",log=\"moved\"} 3\n\
                         chat_messages_timed_total{log=\"still\",within=\"+Inf\"} 1\n\
                         chat_messages_timed_total{within=\"0.01\",log=\"still\"} 6\n\
                         chat_messages_timed_total{within=\"0.001\",log=\"still\"} 1000\n\
                         chat_messages_timed_nanoseconds_total{within=\"0.001\",step=\"wait\"} 100000000\n\
                         chat_messages_timed_nanoseconds_total{within=\"0.01\",step=\"commit\"} 30000000\n\
                         chat_messages_timed_nanoseconds_total{within=\"+Inf\",step=\"write\"} 80000000\n\
                         chat_commit_seconds_sum 7\n";

    #[test]
    fn what_was_added_is_found_by_class_and_step() {
        let inside = Inside::read(AFTER).since(&Inside::read(BEFORE));
        let within: Vec<_> = inside.classes.iter().map(|class| (class.within_ms, class.messages)).collect();
        assert_eq!(within, [(Some(1.0), 990.0), (Some(10.0), 6.0), (None, 4.0)]);
        let all = inside.all().expect("a thousand");
        assert_eq!((all.share, all.over_ms), (1.0, 0.0));
        assert_eq!(all.step_ms, [0.099, 0.03, 0.0, 0.08]);
    }

    #[test]
    fn the_slowest_are_at_least_one_in_two_hundred() {
        let slowest = Inside::read(AFTER).since(&Inside::read(BEFORE)).slowest().expect("ten");
        assert_eq!((slowest.over_ms, slowest.share), (1.0, 0.01), "four are too few");
        assert_eq!(slowest.step_ms, [0.0, 3.0, 0.0, 8.0]);
        assert_eq!((slowest.whole_ms(), slowest.beside_a_move), (11.0, 0.3));
    }

    #[test]
    fn a_server_that_says_nothing_of_it_has_no_mean() {
        assert_eq!(Inside::read("chat_connections 4\n").all(), None);
        assert_eq!(Inside::read(BEFORE).slowest(), None);
    }
}
