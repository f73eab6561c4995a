//! What a scenario stands on: the server, the load, and the recorder.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::outcome::Offered;
use crate::pacer::{self, Lane};
use crate::recorder::{Kind, Recorder, Window};
use crate::stats::schedule::Schedule;
use crate::target::Target;

/// How many messages are read back where nobody says how many.
pub const READ_BACK: u64 = 2_000_000;

/// How a run is loaded.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// What is offered.
    pub offered: Offered,
    /// What draws random schedules.
    pub seed: u64,
    /// How long it runs before anything counts.
    pub warmup: Duration,
    /// How long it counts.
    pub length: Duration,
    /// What takes longer than this is delayed, and is not waited for.
    pub deadline: Duration,
    /// How late the generator may be with 99 % of what is due.
    pub max_lateness: Duration,
    /// How many messages are read back at the end, at most.
    pub read_back: u64,
}

/// How one client is told to go on.
#[derive(Debug, Clone)]
pub enum Pace {
    /// By the clock.
    Open(Rc<Lane>),
    /// By the answers: this many at a time.
    Closed(u32),
}

impl Pace {
    /// Waits for the next thing to do: when it was meant to begin, and when it does. `None` when the run is over; what was
    /// due by then and not begun is recorded.
    pub async fn next(&self, recorder: &Recorder, kind: Kind) -> Option<(Instant, Instant)> {
        let intended = match self {
            Self::Open(lane) => Some(lane.next().await?),
            Self::Closed(_) => None,
        };
        let now = Instant::now();
        if !recorder.is_over(now) {
            return Some((intended.unwrap_or(now), now));
        }
        if let Self::Open(lane) = self {
            recorder.never_begun(kind, intended.into_iter().chain(lane.rest()));
        }
        None
    }
}

/// What a scenario stands on.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The server.
    pub target: &'a Target,
    /// The load.
    pub load: Load,
    /// What was seen.
    pub recorder: Rc<Recorder>,
    /// What begins every key of the run, so that it differs from every other run's.
    pub run: String,
    /// The first user's id.
    pub first_user: u64,
    parts: Cell<u64>,
}

impl<'a> Stage<'a> {
    /// Builds one.
    #[must_use]
    pub fn new(target: &'a Target, load: Load, first_user: u64) -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let recorder = Rc::new(Recorder::default());
        Self { target, load, recorder, run: run[..8].to_owned(), first_user, parts: Cell::new(0) }
    }

    /// Returns the stage of a part of this run, with a share of its rate and users of its own.
    #[must_use]
    pub fn part(&self, share: f64, first_user: u64) -> Self {
        let mut load = self.load;
        if let Offered::Open { rate, .. } = &mut load.offered {
            *rate *= share;
        }
        let part = self.parts.get() + 1;
        self.parts.set(part);
        load.seed = load.seed.wrapping_add(part);
        Self {
            target: self.target,
            load,
            recorder: Rc::clone(&self.recorder),
            run: format!("{}{part}", self.run),
            first_user,
            parts: Cell::new(0),
        }
    }

    /// Tells `clients` clients how to go on. What is due is handed out as soon as the run begins.
    ///
    /// # Errors
    /// If the schedule would be too long.
    pub fn pace(&self, clients: u32) -> anyhow::Result<Vec<Pace>> {
        let (rate, arrivals) = match self.load.offered {
            Offered::Closed { in_flight } => return Ok((0..clients).map(|_| Pace::Closed(in_flight)).collect()),
            Offered::Own => return Ok((0..clients).map(|_| Pace::Closed(1)).collect()),
            Offered::Open { rate, arrivals } => (rate, arrivals),
        };
        let schedule = Schedule::new(arrivals, rate, self.load.warmup + self.load.length, clients, self.load.seed)?;
        let lanes: Vec<Rc<Lane>> = (0..clients).map(|_| Rc::default()).collect();
        let paces = lanes.iter().map(|lane| Pace::Open(Rc::clone(lane))).collect();
        let recorder = Rc::clone(&self.recorder);
        tokio::task::spawn_local(async move {
            let Window { begin, .. } = recorder.begun().await;
            if let Err(error) = pacer::drive(schedule, begin, &lanes, &recorder).await {
                recorder.note(format!("the schedule was not kept: {error}"));
            }
        });
        Ok(paces)
    }
}
