//! Less urgent writes, for which no user waits: large ones of consumers of events, and those of the audit log.
//!
//! A commit takes one of them if no other write waits, and else one every [`PACE`], so that they neither starve nor lengthen each
//! commit.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often one of them is taken while urgent writes wait.
const PACE: Duration = Duration::from_millis(20);

/// The writes, oldest first.
#[derive(Debug)]
pub(super) struct Later<Write> {
    waiting: VecDeque<Write>,
    taken_at: Option<Instant>,
}

impl<Write> Default for Later<Write> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), taken_at: None }
    }
}

impl<Write> Later<Write> {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, write: Write) {
        self.waiting.push_back(write);
    }

    /// Returns the write that the next commit takes, if one is due; `is_idle`: no urgent write waits.
    pub(super) fn next(&mut self, is_idle: bool, now: Instant) -> Option<Write> {
        let is_due = self.taken_at.is_none_or(|taken| now - taken >= PACE);
        if !is_idle && !is_due {
            return None;
        }
        let write = self.waiting.pop_front()?;
        self.taken_at = Some(now);
        Some(write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_taken_at_once_when_nothing_else_waits_and_else_at_a_pace() {
        let mut later = Later::default();
        (1..=4).for_each(|write| later.push(write));
        let now = Instant::now();
        assert_eq!(later.next(false, now), Some(1));
        assert_eq!(later.next(false, now), None);
        assert_eq!(later.next(true, now), Some(2));
        assert_eq!(later.next(false, now + PACE / 2), None);
        assert_eq!(later.next(false, now + PACE), Some(3));
        assert_eq!(later.next(true, now + PACE), Some(4));
        assert!(later.is_empty() && later.next(true, now + PACE).is_none());
    }
}
