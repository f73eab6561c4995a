//! One endpoint: what waits for it, how it does, and what follows from that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::{DeliveryId, WebhookId};
use chat_database::time::Timestamp;
use chat_database::webhooks::{Delivery, DeliveryResult, Status, Webhook};

use tokio::time::Instant;

use super::queue::{AT_A_TIME, Failed, Lane, Queue, Taken};
use super::schedule;
use super::sender::Attempt;
use crate::events::{Event, EventType, Wanted};

/// How many deliveries of an endpoint are held in memory. The others wait in the database.
pub(super) const HELD: usize = 10_000;

/// How many more have to fit before some are read from there.
pub(super) const ROOM: usize = HELD / 2;

/// A delivery that waits.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(super) delivery: Arc<Delivery>,
    /// What it is about, as it was read when the event was found.
    pub(super) told: Option<(Arc<Event>, Instant)>,
}

/// What an endpoint's health asks for.
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
    /// Deliveries are being read from there.
    pub(super) is_loading: bool,
    /// More were noted since that began.
    missed: bool,
    warned: Option<Timestamp>,
}

impl Endpoint {
    /// Makes the endpoint of a webhook; what waits for it is in the database.
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
            warned: None,
        }
    }

    pub(super) fn id(&self) -> WebhookId {
        self.webhook.id
    }

    /// Takes in what its operator has changed. Deliveries may have been asked for again.
    pub(super) fn renew(&mut self, webhook: Webhook) {
        let asked = webhook.requests != self.webhook.requests;
        // What this node knows of its health is newer than what the database says.
        let (failing_since, succeeded_at) = (self.webhook.failing_since, self.webhook.succeeded_at);
        self.wanted = wanted(&webhook);
        self.webhook = Webhook { failing_since, succeeded_at, ..webhook };
        if asked {
            (self.held_to, self.has_more) = (0, true);
        }
    }

    /// Adds deliveries that were just noted, behind all others, as many as are held in memory.
    pub(super) fn push_new(&mut self, jobs: impl Iterator<Item = Job>) {
        for job in jobs {
            let id = job.delivery.id.get();
            if self.has_more || self.jobs.len() >= HELD {
                // It is read from the database in its turn.
                (self.has_more, self.missed) = (true, true);
                continue;
            }
            self.push(job);
            self.held_to = self.held_to.max(id);
        }
    }

    /// Adds deliveries that were read from the database, oldest first; `whole`: there are more behind them.
    pub(super) fn push_loaded(&mut self, deliveries: Vec<Delivery>, has_more: bool) {
        (self.is_loading, self.has_more) = (false, has_more || std::mem::take(&mut self.missed));
        for delivery in deliveries {
            let id = delivery.id.get();
            self.held_to = self.held_to.max(id);
            if !self.jobs.contains_key(&id) {
                self.push(Job { delivery: Arc::new(delivery), told: None });
            } else if delivery.attempts == 0 {
                // It was asked for again.
                self.queue.hasten(lane(&delivery), id, due(&delivery));
            }
        }
    }

    fn push(&mut self, job: Job) {
        let delivery = &job.delivery;
        let id = delivery.id.get();
        self.queue.push(lane(delivery), id, delivery.attempts, due(delivery));
        self.jobs.insert(id, job);
    }

    /// Tells whether deliveries are to be read from the database.
    pub(super) fn wants_more(&self) -> bool {
        self.has_more && !self.is_loading && self.queue.len() <= ROOM
    }

    /// Takes what is to be sent now.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<(Taken, Job)> {
        let taken = self.queue.take(now.millis(), AT_A_TIME);
        taken.into_iter().filter_map(|taken| Some((taken, self.jobs.get(&taken.id)?.clone()))).collect()
    }

    /// Puts back what could not be tried.
    pub(super) fn put_back(&mut self, taken: Taken) {
        self.queue.put_back(taken.lane);
    }

    /// Returns when the oldest event happened that waits.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.jobs.first_key_value().map(|(_, job)| job.delivery.at)
    }

    /// Notes what became of an attempt, and what follows.
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
            return Some(Consequence::Disable("the receiver answered 410: it wants no more events".to_owned()));
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

/// Returns what keeps the order of a delivery.
fn lane(delivery: &Delivery) -> Lane {
    delivery.thread.map_or(Lane::Alone(delivery.id.get()), |thread| Lane::Thread(thread.get()))
}

/// Returns when a delivery is due, in Unix milliseconds.
fn due(delivery: &Delivery) -> i64 {
    delivery.next_at.unwrap_or(delivery.at).millis()
}

/// Returns the types of a webhook; names that a later release knows stand for none.
fn wanted(webhook: &Webhook) -> Wanted {
    let named = Wanted::of(webhook.types.iter().filter_map(|name| name.parse::<EventType>().ok()));
    if webhook.types.iter().any(|name| name == "*") { named.and(Wanted::all()) } else { named }
}

#[cfg(test)]
mod tests {
    use chat_database::ids::CommitNo;

    use super::*;

    const DAY: i64 = 86_400_000;

    fn endpoint() -> Endpoint {
        let mut endpoint = Endpoint::new(Webhook {
            id: WebhookId::new(5).expect("an id"),
            url: "https://shop.example".to_owned(),
            types: vec!["*".to_owned()],
            description: String::new(),
            enabled: true,
            disabled_reason: None,
            secret_version: 1,
            overlap_until: None,
            since: CommitNo(0),
            failing_since: None,
            succeeded_at: None,
            requests: 0,
            created_at: Timestamp::from_millis(0),
        });
        endpoint.push_loaded(Vec::new(), false);
        endpoint
    }

    fn job(id: u64) -> Job {
        let delivery = Delivery {
            id: DeliveryId::new(id).expect("an id"),
            webhook: WebhookId::new(5).expect("an id"),
            event_id: format!("evt_{id}"),
            kind: "message.created".to_owned(),
            thread: None,
            at: Timestamp::from_millis(0),
            status: Status::Pending,
            attempts: 0,
            next_at: None,
            code: None,
            ms: None,
            reply: None,
        };
        Job { delivery: Arc::new(delivery), told: None }
    }

    fn answers(code: u16) -> Attempt {
        Attempt { code: Some(code), ms: 1, reply: String::new(), retry_after: None }
    }

    /// Sends one more event, which is answered so.
    fn tries(endpoint: &mut Endpoint, id: u64, code: u16, at: i64) -> (DeliveryResult, Option<Consequence>) {
        endpoint.push_new(std::iter::once(job(id)));
        let now = Timestamp::from_millis(at);
        let (taken, _) = endpoint.take(now).pop().expect("it is due");
        endpoint.attempted(taken, answers(code), now, 0.5)
    }

    #[test]
    fn five_days_without_one_success_disable_an_endpoint() {
        let mut endpoint = endpoint();
        let since = Some(Timestamp::from_millis(0));
        assert_eq!(tries(&mut endpoint, 1, 500, 0).1, Some(Consequence::Note(since, None)));
        assert_eq!(tries(&mut endpoint, 2, 500, 5 * DAY - 1).1, None);
        assert!(matches!(tries(&mut endpoint, 3, 500, 5 * DAY).1, Some(Consequence::Disable(_))));
    }

    #[test]
    fn one_success_begins_the_five_days_again() {
        let mut endpoint = endpoint();
        tries(&mut endpoint, 1, 500, 0);
        let now = Timestamp::from_millis(4 * DAY);
        assert_eq!(tries(&mut endpoint, 2, 200, 4 * DAY).1, Some(Consequence::Note(None, Some(now))));
        assert_eq!(tries(&mut endpoint, 3, 204, 4 * DAY + 1).1, None, "only a change is noted");
        assert!(matches!(tries(&mut endpoint, 4, 500, 6 * DAY).1, Some(Consequence::Note(Some(_), Some(_)))));
        assert_eq!(tries(&mut endpoint, 5, 500, 10 * DAY).1, None);
    }

    #[test]
    fn a_receiver_that_is_gone_is_disabled_at_once() {
        assert!(matches!(tries(&mut endpoint(), 1, 410, 0).1, Some(Consequence::Disable(_))));
    }

    #[test]
    fn what_became_of_an_attempt_is_noted() {
        let mut endpoint = endpoint();
        let (result, _) = tries(&mut endpoint, 1, 500, 1_000);
        let noted = (result.status, result.attempts, result.next_at, result.code);
        assert_eq!(noted, (Status::Pending, 1, Some(Timestamp::from_millis(6_000)), Some(500)));
        let (result, _) = tries(&mut endpoint, 2, 204, 1_000);
        assert_eq!((result.status, result.attempts, result.next_at), (Status::Ok, 1, None));
        assert_eq!(endpoint.oldest(), Some(Timestamp::from_millis(0)), "the first one waits");
    }

    #[test]
    fn more_than_is_held_waits_in_the_database() {
        let mut endpoint = endpoint();
        let many = u64::try_from(HELD).expect("few");
        endpoint.push_new((1..=many + 5).map(job));
        assert!(endpoint.has_more && !endpoint.wants_more());
        assert_eq!(endpoint.held_to, many);
        endpoint.push_new(std::iter::once(job(many + 6)));
        assert_eq!(endpoint.jobs.len(), HELD, "it comes in its turn");
    }
}
