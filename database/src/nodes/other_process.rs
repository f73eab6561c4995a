//! Judges another process that has the row of our name: does it live? A pure table without a clock.
//!
//! By the database's clock its latest beat may be long ago. But that clock can be set back, and a database that is put back
//! holds rows of processes that ended long ago. So a process also counts as dead if its row does not change while it is
//! watched for as long.

use std::time::Duration;

use tokio::time::Instant;

/// How long a process is silent until it loses its name: three beats.
pub const SILENT: Duration = Duration::from_secs(6);

/// What the row of a name says of the process that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) incarnation: i64,
    pub(super) beat_at: i64,
    /// How long ago its latest beat is, by the database's clock; below zero if that was set back.
    pub(super) age: i64,
}

/// Whether the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was seen to beat.
    Lives,
    /// It beats no more.
    Dead,
    /// It may be either.
    Unclear,
}

/// What was seen of the row.
#[derive(Debug, Default)]
pub(super) struct OtherProcess(Option<Seen>);

#[derive(Debug)]
struct Seen {
    incarnation: i64,
    beat_at: i64,
    /// Since when the row has been unchanged.
    since: Instant,
    /// Whether the row has changed while it was watched.
    beats: bool,
}

impl OtherProcess {
    /// Judges the row as it was read just now.
    pub(super) fn judge(&mut self, observation: Observation, now: Instant) -> Verdict {
        let Observation { incarnation, beat_at, age } = observation;
        let changed = match &self.0 {
            Some(seen) => (seen.incarnation, seen.beat_at) != (incarnation, beat_at),
            None => false,
        };
        if changed || self.0.is_none() {
            self.0 = Some(Seen { incarnation, beat_at, since: now, beats: changed });
        }
        let Some(seen) = &self.0 else { return Verdict::Unclear };
        if Duration::from_millis(age.max(0).unsigned_abs()) >= SILENT || now - seen.since >= SILENT {
            Verdict::Dead
        } else if seen.beats {
            Verdict::Lives
        } else {
            Verdict::Unclear
        }
    }

    /// Forgets what was seen: the row is ours.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(incarnation: i64, beat_at: i64, age: i64) -> Observation {
        Observation { incarnation, beat_at, age }
    }

    #[test]
    fn a_process_that_beats_lives_until_it_stops() {
        let (mut other_process, start) = (OtherProcess::default(), Instant::now());
        assert_eq!(other_process.judge(at(1, 1_000, 500), start), Verdict::Unclear, "it may just have been killed");
        assert_eq!(other_process.judge(at(1, 1_000, 1_500), start + SECOND), Verdict::Unclear);
        assert_eq!(other_process.judge(at(1, 3_000, 0), start + 2 * SECOND), Verdict::Lives);
        assert_eq!(other_process.judge(at(1, 3_000, 5_000), start + 7 * SECOND), Verdict::Lives);
        assert_eq!(other_process.judge(at(1, 3_000, 6_000), start + 8 * SECOND), Verdict::Dead);
    }

    #[test]
    fn a_row_whose_beat_is_long_ago_is_dead_at_the_first_look() {
        assert_eq!(OtherProcess::default().judge(at(1, 1_000, 6_000), Instant::now()), Verdict::Dead);
    }

    #[test]
    fn a_row_that_lies_in_the_future_is_dead_once_it_has_not_changed_for_as_long() {
        let (mut other_process, start) = (OtherProcess::default(), Instant::now());
        assert_eq!(other_process.judge(at(1, 1_000, -3_600_000), start), Verdict::Unclear);
        assert_eq!(other_process.judge(at(1, 1_000, -3_594_000), start + SILENT), Verdict::Dead);
    }

    #[test]
    fn a_third_process_that_takes_the_row_is_a_sign_of_life() {
        let (mut other_process, start) = (OtherProcess::default(), Instant::now());
        other_process.judge(at(1, 1_000, 0), start);
        assert_eq!(other_process.judge(at(2, 1_100, 0), start + SECOND), Verdict::Lives);
    }
}
