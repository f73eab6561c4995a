//! Where the time of a message goes in the hub: from the frame that was read to the frames that are taken to be written.
//!
//! Of some messages the time of each step is noted, and added up under how long the whole way took. So the metrics say
//! of the slow ones alone what made them slow, which quantiles of each step by itself do not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::metrics;

/// One of so many frames is timed. A prime, for people who write in turn.
const ONE_OF: u32 = 17;

/// The steps: until the commit that takes the message begins; until that stands; until everybody's frame is in line;
/// until the asker's is taken to be written.
pub(crate) const STEPS: [&str; 4] = ["wait", "commit", "tell", "write"];

/// How long the whole way took, in milliseconds at most; more than the last is a class of its own.
pub(crate) const CLASSES: [f64; 14] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0];

/// The way of a frame, if it is one of those that are timed.
#[derive(Debug, Default)]
pub(crate) struct Timing(Option<Box<Way>>);

#[derive(Debug)]
struct Way {
    since: Instant,
    steps: Vec<Duration>,
    /// The database's log was being moved meanwhile.
    beside_a_move: bool,
    /// Another one's, which goes the rest of the way with it.
    earlier: Timing,
}

/// A way that has ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Timed {
    /// Its place in [`CLASSES`], or behind the last.
    pub(crate) class: usize,
    /// How long each step took.
    pub(crate) steps: [Duration; STEPS.len()],
    /// Whether the database's log was being moved meanwhile.
    pub(crate) beside_a_move: bool,
}

impl Timing {
    /// A frame was read.
    pub(crate) fn of_some() -> Self {
        static FRAMES: AtomicU32 = AtomicU32::new(0);
        Self::of(FRAMES.fetch_add(1, Ordering::Relaxed))
    }

    fn of(frame: u32) -> Self {
        Self(frame.is_multiple_of(ONE_OF).then(|| Box::new(Way::begin())))
    }

    /// Nothing is timed.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// A step is over.
    pub(crate) fn step(&mut self) {
        if let Some(way) = &mut self.0 {
            way.step();
        }
    }

    /// Meanwhile the database's log is moved.
    pub(crate) fn beside_a_move(&mut self) {
        if let Some(way) = &mut self.0 {
            way.beside_a_move = true;
        }
    }

    /// Goes the rest of the way with one that is there already.
    pub(crate) fn join(&mut self, mut other: Self) {
        if let Some(way) = &mut other.0 {
            way.earlier = std::mem::take(self);
            *self = other;
        }
    }

    /// The last step is over, of all that go together: they count.
    pub(crate) fn end(self) {
        let mut next = self;
        while let Some(mut way) = next.0 {
            next = std::mem::take(&mut way.earlier);
            if let Some(timed) = way.end() {
                metrics::get().timed(&timed);
            }
        }
    }
}

impl Way {
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            steps: Vec::with_capacity(STEPS.len()),
            beside_a_move: false,
            earlier: Timing::none(),
        }
    }

    fn step(&mut self) {
        let now = Instant::now();
        self.steps.push(now - self.since);
        self.since = now;
    }

    /// `None`: it went another way.
    fn end(mut self) -> Option<Timed> {
        self.step();
        let steps: [Duration; STEPS.len()] = self.steps.try_into().ok()?;
        let whole = steps.iter().sum::<Duration>().as_secs_f64() * 1_000.0;
        let class = CLASSES.iter().position(|most| whole <= *most).unwrap_or(CLASSES.len());
        Some(Timed { class, steps, beside_a_move: self.beside_a_move })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(milliseconds: &[u64]) -> Way {
        let steps = milliseconds.iter().map(|each| Duration::from_millis(*each)).collect();
        Way { since: Instant::now(), steps, beside_a_move: true, earlier: Timing::none() }
    }

    #[test]
    fn a_way_falls_into_the_class_of_its_whole_length() {
        let timed = way(&[1, 6, 2]).end().expect("four steps");
        assert_eq!((CLASSES.get(timed.class), timed.beside_a_move), (Some(&10.0), true));
        assert_eq!(timed.steps[..3], [1, 6, 2].map(Duration::from_millis));
        assert_eq!(way(&[60, 0, 0]).end().expect("four steps").class, CLASSES.len());
    }

    #[test]
    fn a_way_with_other_steps_does_not_count() {
        assert_eq!(way(&[1, 6]).end(), None);
        assert_eq!(way(&[1, 6, 2, 1]).end(), None);
    }

    #[test]
    fn those_in_one_line_go_the_rest_of_the_way_together() {
        let mut ready = Timing::none();
        ready.join(Timing(Some(Box::new(way(&[1])))));
        ready.join(Timing::none());
        ready.join(Timing(Some(Box::new(way(&[2])))));
        let last = ready.0.expect("the last");
        let first = last.earlier.0.expect("the first");
        assert_eq!((last.steps.len(), first.steps[0]), (1, Duration::from_millis(1)));
        assert!(first.earlier.0.is_none());
    }

    #[test]
    fn one_frame_of_seventeen_is_timed() {
        let timed = (0..170).filter(|frame| Timing::of(*frame).0.is_some()).count();
        assert_eq!(timed, 10);
    }
}
