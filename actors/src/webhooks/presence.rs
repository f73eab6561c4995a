//! Presence for the webhooks that ask for it by name: which users come online and go offline.
//!
//! These events are not kept. The node that tells the users around a user tells the webhooks as well: at once, once for
//! each change, and only those webhooks that take what they are sent. So they need no lease and no place in the database,
//! and they work the same on one node and on several.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chat_database::ids::{UserId, WebhookId};
use chat_database::queries::webhooks;
use chat_database::time::Timestamp;
use chat_database::webhooks::{Status, Webhook};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::attempts::secrets;
use super::context::WebhookContext;
use super::endpoint::{WANTS_NO_MORE, wanted};
use super::message::Receiver;
use super::queue::AT_A_TIME;
use super::sender::{Attempt, Request};
use super::{body, tasks};
use crate::events::EventType;
use crate::metrics;

/// How long the webhooks that were read are used. Nothing is read while no user comes or goes.
const REFRESH: Duration = Duration::from_secs(1);

/// How long nothing is sent to a webhook after a request to it has failed.
const DOWN: Duration = Duration::from_secs(5);

/// How many changes wait for one webhook; beyond that the oldest is dropped.
const WAITING: usize = 1_000;

/// Data of `user.online` and `user.offline`.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresenceEvent {
    /// The user.
    pub user_id: UserId,
    /// When a user who went offline was last seen; null if that is not known, and for a user who is online.
    pub last_seen: Option<Timestamp>,
}

/// A user came online or went offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PresenceChange {
    pub(crate) user: UserId,
    pub(crate) online: bool,
    pub(crate) last_seen: Option<Timestamp>,
    /// When the users around were told.
    pub(crate) at: Timestamp,
}

impl PresenceChange {
    fn kind(self) -> EventType {
        if self.online { EventType::UserOnline } else { EventType::UserOffline }
    }

    /// Returns the id of the event, of which there is one for each change.
    fn event_id(self, epoch: &str) -> String {
        let what = if self.online { "online" } else { "offline" };
        format!("evt_{}_u{}_{what}_{}", epoch.get(..8).unwrap_or(epoch), self.user, self.at.millis())
    }
}

/// The handle of the task that tells webhooks of presence; the task ends when the last of these is dropped.
#[derive(Clone)]
pub(crate) struct PresenceTeller(mpsc::Sender<PresenceChange>);

impl PresenceTeller {
    /// Starts the task.
    pub(crate) fn start(context: Arc<WebhookContext>) -> Self {
        let (changes, waiting) = mpsc::channel(WAITING);
        let task = Task { context, webhooks: Vec::new(), read: None, queues: HashMap::new(), requests: JoinSet::new() };
        tokio::spawn(task.run(waiting));
        Self(changes)
    }

    /// Has the webhooks told. Never waits: a change without room is dropped.
    pub(crate) fn tell(&self, change: PresenceChange) {
        let _ = self.0.try_send(change);
    }
}

/// The changes that wait for one webhook. Those of one user are sent one after the other.
#[derive(Debug, Default)]
struct PresenceQueue {
    waiting: VecDeque<PresenceChange>,
    under_way: HashSet<UserId>,
    down_until: Option<Instant>,
}

impl PresenceQueue {
    /// Adds a change, unless the webhook is down.
    fn push(&mut self, change: PresenceChange, now: Instant) {
        if self.down_until.is_some_and(|until| now < until) {
            return;
        }
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(change);
    }

    /// Takes what is sent now: the oldest change of each user for whom no request is under way.
    fn take(&mut self) -> Vec<PresenceChange> {
        let (mut taken, mut at) = (Vec::new(), 0);
        while self.under_way.len() < AT_A_TIME && at < self.waiting.len() {
            if self.under_way.insert(self.waiting[at].user) {
                taken.extend(self.waiting.remove(at));
            } else {
                at += 1;
            }
        }
        taken
    }

    /// Takes in the result of sending a user's change. After a failure the webhook gets nothing for a while.
    fn ended(&mut self, user: UserId, has_arrived: bool, now: Instant) {
        self.under_way.remove(&user);
        if has_arrived {
            self.down_until = None;
        } else {
            self.waiting.clear();
            self.down_until = Some(now + DOWN);
        }
    }
}

struct Task {
    context: Arc<WebhookContext>,
    /// The webhooks that are up and ask for presence, as they were read last.
    webhooks: Vec<Arc<Webhook>>,
    read: Option<Instant>,
    queues: HashMap<WebhookId, PresenceQueue>,
    requests: JoinSet<(Arc<Webhook>, UserId, Attempt)>,
}

impl Task {
    async fn run(mut self, mut changes: mpsc::Receiver<PresenceChange>) {
        loop {
            tokio::select! {
                change = changes.recv() => match change {
                    Some(change) => self.tell(change).await,
                    None => return,
                },
                Some(Ok((webhook, user, attempt))) = self.requests.join_next() => {
                    self.ended(&webhook, user, &attempt).await;
                }
            }
            self.send();
        }
    }

    async fn tell(&mut self, change: PresenceChange) {
        let now = Instant::now();
        if self.read.is_none_or(|read| now - read >= REFRESH) {
            self.refresh(now).await;
        }
        for webhook in self.webhooks.iter().filter(|webhook| wanted(webhook).has(change.kind())) {
            self.queues.entry(webhook.id).or_default().push(change, now);
        }
    }

    /// Reads the webhooks. If the database does not answer, the former ones are kept.
    async fn refresh(&mut self, now: Instant) {
        self.read = Some(now);
        let all = match webhooks::all(&self.context.database).await {
            Ok(all) => all,
            Err(error) => return tracing::debug!(%error, "cannot see which webhooks ask for presence"),
        };
        let asks = |webhook: &Webhook| {
            let wanted = wanted(webhook);
            wanted.has(EventType::UserOnline) || wanted.has(EventType::UserOffline)
        };
        let is_up = |webhook: &Webhook| webhook.enabled && webhook.failing_since.is_none();
        let told = all.into_iter().filter(|webhook| is_up(webhook) && asks(webhook));
        self.webhooks = told.map(Arc::new).collect();
        let known: HashSet<WebhookId> = self.webhooks.iter().map(|webhook| webhook.id).collect();
        self.queues.retain(|id, queue| known.contains(id) || !queue.under_way.is_empty());
    }

    /// Sends what may be sent now.
    fn send(&mut self) {
        for webhook in &self.webhooks {
            let Some(queue) = self.queues.get_mut(&webhook.id) else { continue };
            for change in queue.take() {
                let (context, webhook) = (Arc::clone(&self.context), Arc::clone(webhook));
                self.requests.spawn(async move {
                    let attempt = context.sender.send(&request(&context, &webhook, change)).await;
                    (webhook, change.user, attempt)
                });
            }
        }
    }

    async fn ended(&mut self, webhook: &Webhook, user: UserId, attempt: &Attempt) {
        let has_arrived = attempt.is_success();
        metrics::get().webhooks.delivered(if has_arrived { Status::Ok } else { Status::Failed });
        if let Some(queue) = self.queues.get_mut(&webhook.id) {
            queue.ended(user, has_arrived, Instant::now());
        }
        if attempt.code == Some(410) {
            self.disable(webhook).await;
        }
    }

    /// Disables a webhook that wants no more events. The process that has the lease sends the notice to the others.
    async fn disable(&mut self, webhook: &Webhook) {
        self.webhooks.retain(|known| known.id != webhook.id);
        let receiver = |webhook: Webhook| Receiver { id: webhook.id, wanted: wanted(&webhook), since: webhook.since };
        let disabled = async {
            let all = webhooks::all(&self.context.database).await?.into_iter().filter(|webhook| webhook.enabled);
            let others: Vec<Receiver> = all.map(receiver).collect();
            tasks::disable(&self.context, webhook, WANTS_NO_MORE.to_owned(), &others).await
        };
        match disabled.await {
            Ok(_) => self.context.handle.changed(),
            // The webhook answers 410 again, and is disabled then.
            Err(error) => tracing::debug!(%error, "a webhook that wants no more events is not disabled yet"),
        }
    }
}

fn request(context: &WebhookContext, webhook: &Webhook, change: PresenceChange) -> Request {
    let PresenceChange { user, last_seen, at, .. } = change;
    Request {
        url: webhook.url.clone(),
        id: change.event_id(&context.frontier.epoch()),
        secrets: secrets(&context.secret, webhook, Timestamp::now()),
        body: body::write(change.kind().as_str(), at, PresenceEvent { user_id: user, last_seen }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(user: u64, online: bool) -> PresenceChange {
        let at = Timestamp::from_millis(1_795_341_600_000);
        PresenceChange { user: UserId::new(user).expect("an id"), online, last_seen: None, at }
    }

    #[test]
    fn an_event_has_an_id_of_its_own() {
        assert_eq!(change(7, true).event_id("0b51c4aa99887766"), "evt_0b51c4aa_u7_online_1795341600000");
        assert_eq!(change(7, false).event_id("0b51c4aa99887766"), "evt_0b51c4aa_u7_offline_1795341600000");
    }

    #[test]
    fn the_changes_of_a_user_are_told_one_after_the_other_and_those_of_others_meanwhile() {
        let (mut queue, now) = (PresenceQueue::default(), Instant::now());
        let [came, left, other] = [change(7, true), change(7, false), change(8, true)];
        [came, left, other].into_iter().for_each(|change| queue.push(change, now));
        assert_eq!(queue.take(), [came, other]);
        queue.ended(other.user, true, now);
        assert_eq!(queue.take(), []);
        queue.ended(came.user, true, now);
        assert_eq!(queue.take(), [left]);
    }

    #[test]
    fn a_webhook_that_is_down_hears_later_of_nothing_that_happened_meanwhile() {
        let (mut queue, now) = (PresenceQueue::default(), Instant::now());
        (1..=20).for_each(|user| queue.push(change(user, true), now));
        let taken = queue.take();
        assert_eq!(taken.len(), AT_A_TIME);
        queue.ended(taken[0].user, false, now);
        queue.push(change(21, true), now + DOWN / 2);
        assert_eq!(queue.take(), []);
        queue.push(change(22, true), now + DOWN);
        assert_eq!(queue.take(), [change(22, true)]);
    }
}
