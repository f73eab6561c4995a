//! The schedule of the follower's reads of the database, called *polls*.

use std::time::Duration;

use chat_database::ids::CommitNo;
use tokio::time::Instant;

/// The least time between the starts of two polls.
const PACE: Duration = Duration::from_millis(10);

/// The longest time until a poll that was in vain is repeated.
const MAX_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The schedule of polls.
#[derive(Debug)]
pub(super) struct Polls {
    /// When a poll that was asked for may begin.
    wanted: Option<Instant>,
    runs: bool,
    started: Option<Instant>,
    /// The commit that is missing while others after it are known.
    hole: Option<Hole>,
    /// When this was made; it stands for the start of the last poll before there was one.
    made: Instant,
}

#[derive(Debug)]
struct Hole {
    at: CommitNo,
    since: Instant,
    /// How often it was looked for, and when last.
    tries: u32,
    tried: Option<Instant>,
}

impl Hole {
    fn due_at(&self, patience: Duration) -> Instant {
        let again = |tried: Instant| tried + (PACE * 2_u32.pow(self.tries.min(4))).min(MAX_RETRY_DELAY);
        self.tried.map_or(self.since + patience, again)
    }
}

impl Polls {
    pub(super) fn new(made: Instant) -> Self {
        Self { wanted: None, runs: false, started: None, hole: None, made }
    }

    /// Asks for a poll as soon as [`PACE`] allows.
    pub(super) fn want(&mut self, now: Instant) {
        let at = self.started.map_or(now, |started| now.max(started + PACE));
        self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
    }

    /// Notes which commit is missing.
    pub(super) fn note_hole(&mut self, missing: Option<CommitNo>, now: Instant) {
        match missing {
            None => self.hole = None,
            Some(at) if self.hole.as_ref().is_some_and(|hole| hole.at == at) => {}
            Some(at) => self.hole = Some(Hole { at, since: now, tries: 0, tried: None }),
        }
    }

    /// Returns since when a commit is missing.
    pub(super) fn missing_since(&self) -> Option<Instant> {
        self.hole.as_ref().map(|hole| hole.since)
    }

    /// Returns when the next poll is due.
    pub(super) fn due_at(&self, patience: Duration) -> Option<Instant> {
        if self.runs {
            return None;
        }
        let hole = self.hole.as_ref().map(|hole| hole.due_at(patience));
        self.wanted.into_iter().chain(hole).min()
    }

    /// Begins a poll if one is due.
    pub(super) fn is_due(&mut self, now: Instant, patience: Duration) -> bool {
        let due = self.due_at(patience).is_some_and(|at| at <= now);
        if due {
            (self.wanted, self.runs, self.started) = (None, true, Some(now));
            if let Some(hole) = &mut self.hole {
                (hole.tries, hole.tried) = (hole.tries + 1, Some(now));
            }
        }
        due
    }

    /// Notes that the poll has ended; returns when it began.
    pub(super) fn ended(&mut self, now: Instant) -> Instant {
        self.runs = false;
        // The wait for the next try begins at the end of this poll, not at its start.
        if let Some(tried) = self.hole.as_mut().and_then(|hole| hole.tried.as_mut()) {
            *tried = now;
        }
        self.started.unwrap_or(self.made)
    }

    /// Notes that the poll has failed; it is repeated after [`MAX_RETRY_DELAY`].
    pub(super) fn failed(&mut self, now: Instant) {
        self.ended(now);
        self.wanted = Some(now + MAX_RETRY_DELAY);
    }
}
