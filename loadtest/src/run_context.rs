//! What a scenario works with: the server, the load, and the recorder.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use crate::load::{Load, Offered};
use crate::recorder::{OperationId, Recorder, Window};
use crate::scheduler;
use crate::send_queue::SendQueue;
use crate::stats::schedule::Schedule;
use crate::target::Target;

/// What a scenario works with.
#[derive(Debug)]
pub struct RunContext<'a> {
    /// The server.
    pub target: &'a Target,
    /// The load.
    pub load: Load,
    /// What was measured.
    pub recorder: Rc<Recorder>,
    /// The first part of every key and label of this run; it differs from that of any other run.
    pub run_id: String,
    /// The first user's id.
    pub first_user: u64,
    parts: Cell<u64>,
}

/// When a client sends its next request.
#[derive(Debug, Clone)]
pub enum Pacing {
    /// An open loop: when the schedule says so.
    Open(Rc<SendQueue>),
    /// A closed loop: when fewer than this many requests are in flight.
    Closed(u32),
}

impl<'a> RunContext<'a> {
    /// Makes the context of a run.
    #[must_use]
    pub fn new(target: &'a Target, load: Load, first_user: u64) -> Self {
        let run_id = uuid::Uuid::new_v4().simple().to_string();
        let recorder = Rc::new(Recorder::default());
        Self { target, load, recorder, run_id: run_id[..8].to_owned(), first_user, parts: Cell::new(0) }
    }

    /// Returns the context of a part of this run, with a share of its rate and with its own users.
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
            run_id: format!("{}{part}", self.run_id),
            first_user,
            parts: Cell::new(0),
        }
    }

    /// Returns the pacing of each client, and starts the scheduler of an open loop.
    ///
    /// # Errors
    /// If the schedule would be too long.
    pub fn pacing(&self, clients: u32) -> anyhow::Result<Vec<Pacing>> {
        let (rate, arrivals) = match self.load.offered {
            Offered::Closed { in_flight } => return Ok((0..clients).map(|_| Pacing::Closed(in_flight)).collect()),
            Offered::Own => return Ok((0..clients).map(|_| Pacing::Closed(1)).collect()),
            Offered::Open { rate, arrivals } => (rate, arrivals),
        };
        let schedule = Schedule::new(arrivals, rate, self.load.warmup + self.load.length, clients, self.load.seed)?;
        let queues: Vec<Rc<SendQueue>> = (0..clients).map(|_| Rc::default()).collect();
        let pacing = queues.iter().map(|queue| Pacing::Open(Rc::clone(queue))).collect();
        let recorder = Rc::clone(&self.recorder);
        tokio::task::spawn_local(async move {
            let Window { begin, .. } = recorder.started().await;
            if let Err(error) = scheduler::run(schedule, begin, &queues, &recorder).await {
                recorder.note(format!("the scheduler failed: {error}"));
            }
        });
        Ok(pacing)
    }
}

impl Pacing {
    /// Waits until the next request is due. Returns its intended time and the time now; `None` when the run is over. Requests
    /// that were due by then and were not sent are recorded.
    pub async fn next(&self, recorder: &Recorder, operation: OperationId) -> Option<(Instant, Instant)> {
        let intended = match self {
            Self::Open(queue) => Some(queue.next().await?),
            Self::Closed(_) => None,
        };
        let now = Instant::now();
        if !recorder.is_over(now) {
            return Some((intended.unwrap_or(now), now));
        }
        if let Self::Open(queue) = self {
            recorder.record_unsent(operation, intended.into_iter().chain(queue.drain()));
        }
        None
    }
}
