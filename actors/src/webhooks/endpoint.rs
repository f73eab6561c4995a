//! One endpoint: its deliveries, its health, and what follows from that.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::{DeliveryId, WebhookId};
use chat_database::time::Timestamp;
use chat_database::webhooks::{Delivery, DeliveryResult, Status, Webhook};

use tokio::time::Instant;

use super::queue::{AT_A_TIME, Failed, Lane, Queue, Taken};
use super::schedule;
use super::sender::Attempt;
use crate::events::{EventData, EventType, Wanted};

/// How many deliveries of an endpoint are held in memory. The others wait in the database.
pub(super) const HELD: usize = 10_000;

/// When no more than so many are left in memory, more are read from the database.
pub(super) const ROOM: usize = HELD / 2;

/// How old the state of an event's object may be when it is sent.
const FRESH: Duration = Duration::from_millis(200);

/// How many objects of a backlog's events are read at a time, before the events are sent.
const AHEAD: RangeInclusive<usize> = 2 * AT_A_TIME..=256;

/// Why a webhook is disabled that answers 410.
pub(super) const WANTS_NO_MORE: &str = "the receiver answered 410: it wants no more events";

/// A delivery that waits.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(super) delivery: Arc<Delivery>,
    /// The object of its event, as it was read last.
    pub(super) read: Option<Read>,
}

/// The object of an event, as it was read at some time.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    /// `None`: the object is not in the database any more.
    pub(super) data: Option<Arc<EventData>>,
    pub(super) at: Instant,
}

impl Read {
    /// Tells whether it is the present state, as far as a receiver can expect.
    pub(super) fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH
    }
}

/// What follows from an endpoint's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Its health has changed: since when it fails, and when it had its last success.
    Note(Option<Timestamp>, Option<Timestamp>),
    /// It is to be disabled.
    Disable(String),
}

/// One endpoint.
pub(super) struct Endpoint {
    pub(super) webhook: Webhook,
    pub(super) wanted: Wanted,
    queue: Queue,
    jobs: BTreeMap<u64, Job>,
    /// Deliveries behind this one may wait in the database.
    pub(super) held_to: u64,
    pub(super) has_more: bool,
    /// Whether deliveries are being read from the database.
    pub(super) is_loading: bool,
    /// Whether more were noted since that began.
    missed: bool,
    /// Whether objects of waiting events are being read.
    pub(super) is_reading: bool,
    /// How many were sent since objects were last read.
    sent: usize,
    warned: Option<Timestamp>,
}

impl Endpoint {
    /// Makes the endpoint of a webhook; its waiting deliveries are in the database.
    pub(super) fn new(webhook: Webhook) -> Self {
        let wanted = wanted(&webhook);
        Self {
            webhook,
            wanted,
            queue: Queue::default(),
            jobs: BTreeMap::new(),
            held_to: 0,
            has_more: true,
            is_loading: false,
            missed: false,
            is_reading: false,
            sent: 0,
            warned: None,
        }
    }

    pub(super) fn id(&self) -> WebhookId {
        self.webhook.id
    }

    /// Takes in changes by an operator, who may have asked for deliveries again.
    pub(super) fn renew(&mut self, webhook: Webhook) {
        let asked = webhook.requests != self.webhook.requests;
        // What this node knows of its health is newer than what the database says.
        let (failing_since, succeeded_at) = (self.webhook.failing_since, self.webhook.succeeded_at);
        self.wanted = wanted(&webhook);
        self.webhook = Webhook { failing_since, succeeded_at, ..webhook };
        if asked {
            self.look_again();
        }
    }

    /// Has all waiting deliveries read from the database again: there may be some that this process did not note.
    pub(super) fn look_again(&mut self) {
        (self.held_to, self.has_more) = (0, true);
    }

    /// Adds deliveries that were just noted, behind all others, as far as memory may hold them.
    pub(super) fn push_new(&mut self, jobs: impl Iterator<Item = Job>, now: Timestamp) {
        for job in jobs {
            let id = job.delivery.id.get();
            if self.has_more || self.jobs.len() >= HELD {
                // It is read from the database in its turn.
                (self.has_more, self.missed) = (true, true);
                continue;
            }
            self.push(job, now);
            self.held_to = self.held_to.max(id);
        }
    }

    /// Adds deliveries that were read from the database, oldest first; `has_more`: there are more behind them.
    pub(super) fn push_loaded(&mut self, deliveries: Vec<Delivery>, has_more: bool, now: Timestamp) {
        (self.is_loading, self.has_more) = (false, has_more || std::mem::take(&mut self.missed));
        for delivery in deliveries {
            let id = delivery.id.get();
            self.held_to = self.held_to.max(id);
            if !self.jobs.contains_key(&id) {
                self.push(Job { delivery: Arc::new(delivery), read: None }, now);
            } else if delivery.attempts == 0 {
                // An operator has asked for it again.
                self.queue.hasten(lane(&delivery), id, due(&delivery, now));
            }
        }
    }

    fn push(&mut self, job: Job, now: Timestamp) {
        let delivery = &job.delivery;
        let id = delivery.id.get();
        self.queue.push(lane(delivery), id, delivery.attempts, due(delivery, now));
        self.jobs.insert(id, job);
    }

    /// Tells whether deliveries are to be read from the database.
    pub(super) fn wants_more(&self) -> bool {
        self.has_more && !self.is_loading && self.queue.len() <= ROOM
    }

    /// Takes what is to be sent now.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<(Taken, Job)> {
        let taken = self.queue.take(now.millis(), AT_A_TIME);
        self.sent += taken.len();
        taken.into_iter().filter_map(|taken| Some((taken, self.jobs.get(&taken.id)?.clone()))).collect()
    }

    /// Tells whether there is a backlog, and the object of its next event is to be read before it is sent.
    pub(super) fn reads_first(&self, now: Timestamp) -> bool {
        let next = self.queue.next(now.millis(), AT_A_TIME).and_then(|id| self.jobs.get(&id));
        self.jobs.len() > AT_A_TIME && next.is_some_and(|job| job.read.as_ref().is_none_or(|read| !read.is_fresh()))
    }

    /// Returns the deliveries whose objects are to be read now: twice as many as were sent since the last read.
    pub(super) fn next_to_read(&mut self, now: Timestamp) -> Vec<Arc<Delivery>> {
        self.is_reading = true;
        let many = (2 * std::mem::take(&mut self.sent)).clamp(*AHEAD.start(), *AHEAD.end());
        let first = self.queue.next(now.millis(), AT_A_TIME).unwrap_or_default();
        self.jobs.range(first..).take(many).map(|(_, job)| Arc::clone(&job.delivery)).collect()
    }

    /// Takes in the objects that were read.
    pub(super) fn has_read(&mut self, read: Vec<(DeliveryId, Read)>) {
        self.is_reading = false;
        for (id, read) in read {
            if let Some(job) = self.jobs.get_mut(&id.get()) {
                job.read = Some(read);
            }
        }
    }

    /// Puts a delivery back that could not be tried.
    pub(super) fn put_back(&mut self, taken: Taken) {
        self.queue.put_back(taken.lane);
    }

    /// Returns when the oldest waiting event happened.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.jobs.first_key_value().map(|(_, job)| job.delivery.at)
    }

    /// Takes in the result of an attempt; returns what is to be written, and what follows for the endpoint.
    pub(super) fn attempted(
        &mut self,
        taken: Taken,
        attempt: Attempt,
        now: Timestamp,
        chance: f64,
    ) -> (DeliveryResult, Option<Consequence>) {
        let is_success = attempt.is_success();
        let (status, next_at) = if is_success {
            self.queue.succeeded(taken.lane, now.millis());
            (Status::Ok, None)
        } else {
            let pause = attempt.code.and_then(|code| schedule::pause(code, attempt.retry_after.as_deref()));
            match self.queue.failed(taken.lane, now.millis(), pause, chance) {
                Failed::Again(due) => (Status::Pending, Some(Timestamp::from_millis(due))),
                Failed::ForGood => (Status::Failed, None),
            }
        };
        if status != Status::Pending {
            self.jobs.remove(&taken.id);
        } else if let Some(job) = self.jobs.get_mut(&taken.id) {
            // Its object may change before it is sent again.
            job.read = None;
        }
        let consequence = if is_success { self.recovered(now) } else { self.failed(attempt.code, now) };
        let Attempt { code, ms, reply, .. } = attempt;
        let id = DeliveryId::new(taken.id).unwrap_or_else(|_| unreachable!("it was an id"));
        (DeliveryResult { id, status, attempts: taken.tries + 1, next_at, code, ms, reply }, consequence)
    }

    fn recovered(&mut self, now: Timestamp) -> Option<Consequence> {
        let was_failing = self.webhook.failing_since.take().is_some();
        let is_first = self.webhook.succeeded_at.is_none();
        self.warned = None;
        self.webhook.succeeded_at = Some(now);
        (was_failing || is_first).then_some(Consequence::Note(None, Some(now)))
    }

    fn failed(&mut self, code: Option<u16>, now: Timestamp) -> Option<Consequence> {
        if code == Some(410) {
            return Some(Consequence::Disable(WANTS_NO_MORE.to_owned()));
        }
        let Some(since) = self.webhook.failing_since else {
            self.webhook.failing_since = Some(now);
            return Some(Consequence::Note(Some(now), self.webhook.succeeded_at));
        };
        let failing = Duration::from_millis((now.millis() - since.millis()).max(0).unsigned_abs());
        if failing >= schedule::PATIENCE {
            let days = schedule::PATIENCE.as_secs() / 86_400;
            return Some(Consequence::Disable(format!("no event has arrived for {days} days")));
        }
        if failing >= schedule::LOGGED_AFTER
            && self.warned.is_none_or(|warned| warned.after(schedule::LOGGED_AFTER) <= now)
        {
            self.warned = Some(now);
            tracing::warn!(
                webhook = self.webhook.id.get(),
                hours = failing.as_secs() / 3_600,
                "no event has arrived at this webhook; after five days it is disabled"
            );
        }
        None
    }
}

/// Returns the lane of a delivery.
fn lane(delivery: &Delivery) -> Lane {
    delivery.thread.map_or(Lane::Alone(delivery.id.get()), |thread| Lane::Thread(thread.get()))
}

/// Returns when a delivery is due, in Unix milliseconds. The times of events are the database's, and the time of the next
/// try may be another node's. Though this node's clock may be behind them, or was put back, no delivery waits for longer
/// than the schedule says.
fn due(delivery: &Delivery, now: Timestamp) -> i64 {
    let noted = delivery.next_at.unwrap_or(delivery.at);
    noted.min(now.after(schedule::longest(delivery.attempts))).millis()
}

/// Returns the types of a webhook. It leaves out names that only a later release knows.
pub(super) fn wanted(webhook: &Webhook) -> Wanted {
    let named = Wanted::of(webhook.types.iter().filter_map(|name| name.parse::<EventType>().ok()));
    if webhook.types.iter().any(|name| name == "*") { named.and(Wanted::all()) } else { named }
}

#[cfg(test)]
mod tests;
