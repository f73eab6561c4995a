//! The state of the process that has the lease, and what it does next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chat_database::consumers::{BATCH, LEASE};
use chat_database::ids::{CommitNo, WebhookId};
use chat_database::queries::events::FeedPosition;
use chat_database::time::Timestamp;
use chat_database::webhooks::{DeliveryResult, Webhook};
use tokio::time::Instant;

use super::endpoint::{Endpoint, Job};
use super::message::{Asked, Receiver};
use crate::metrics;

/// How often the lease is prolonged, and for how long after that it is certain to hold.
const RENEW: Duration = Duration::from_secs(3);
const UNSURE: Duration = LEASE.saturating_sub(Duration::from_secs(2));

/// How often webhooks are read again, for another node may have changed them.
const REFRESH: Duration = Duration::from_secs(1);

/// With so many results waiting to be written, nothing more is sent.
const UNWRITTEN: usize = 4 * BATCH;

/// The state of the process that has the lease.
pub(super) struct Lead {
    /// The position up to which events were read, and the one that is written in the database.
    pub(super) read: FeedPosition,
    pub(super) noted: FeedPosition,
    pub(super) has_more: bool,
    pub(super) endpoints: HashMap<WebhookId, Endpoint>,
    /// When the present lease was asked for.
    pub(super) renewed: Instant,
    /// When webhooks were read; `None`: they are to be read now.
    pub(super) refreshed: Option<Instant>,
    pub(super) results: Vec<DeliveryResult>,
    /// How many attempts are under way.
    pub(super) under_way: usize,
    pub(super) is_renewing: bool,
    pub(super) is_refreshing: bool,
    pub(super) is_stepping: bool,
    pub(super) is_noting: bool,
}

impl Lead {
    /// Starts at a position.
    pub(super) fn new(position: FeedPosition) -> Self {
        Self {
            read: position,
            noted: position,
            has_more: true,
            endpoints: HashMap::new(),
            renewed: Instant::now(),
            refreshed: None,
            results: Vec::new(),
            under_way: 0,
            is_renewing: false,
            is_refreshing: false,
            is_stepping: false,
            is_noting: false,
        }
    }

    /// Takes in the present webhooks.
    pub(super) fn refresh(&mut self, webhooks: Vec<Webhook>) {
        self.refreshed = Some(Instant::now());
        let disabled = webhooks.iter().filter(|webhook| webhook.disabled_reason.is_some()).count();
        metrics::set(&metrics::get().webhooks.disabled, disabled);
        let enabled: Vec<Webhook> = webhooks.into_iter().filter(|webhook| webhook.enabled).collect();
        let known: HashSet<WebhookId> = enabled.iter().map(|webhook| webhook.id).collect();
        let before = self.endpoints.len();
        self.endpoints.retain(|id, _| known.contains(id));
        if self.endpoints.len() < before {
            // Another node may have disabled one, and noted deliveries that tell the others.
            self.endpoints.values_mut().for_each(Endpoint::look_again);
        }
        for webhook in enabled {
            match self.endpoints.get_mut(&webhook.id) {
                Some(endpoint) => endpoint.renew(webhook),
                None => drop(self.endpoints.insert(webhook.id, Endpoint::new(webhook))),
            }
        }
    }

    /// Returns which events each endpoint is to be sent.
    pub(super) fn receivers(&self) -> Vec<Receiver> {
        let receiver = |endpoint: &Endpoint| Receiver {
            id: endpoint.id(),
            wanted: endpoint.wanted,
            since: endpoint.webhook.since,
        };
        self.endpoints.values().map(receiver).collect()
    }

    /// Gives each endpoint the deliveries that were noted for it.
    pub(super) fn push(&mut self, jobs: Vec<(WebhookId, Job)>) {
        let mut of: HashMap<WebhookId, Vec<Job>> = HashMap::new();
        for (id, job) in jobs {
            of.entry(id).or_default().push(job);
        }
        for (id, jobs) in of {
            if let Some(endpoint) = self.endpoints.get_mut(&id) {
                endpoint.push_new(jobs.into_iter(), Timestamp::now());
            }
        }
    }

    /// Takes results to write.
    pub(super) fn next_results(&mut self) -> Vec<DeliveryResult> {
        self.is_noting = true;
        let most = self.results.len().min(BATCH);
        self.results.drain(..most).collect()
    }

    /// Tells whether there is nothing more to do: no webhook is enabled.
    pub(super) fn is_over(&self) -> bool {
        self.endpoints.is_empty() && self.refreshed.is_some() && self.is_idle()
    }

    /// Tells whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0 && self.results.is_empty() && !self.is_noting && !self.is_stepping
    }

    /// Tells whether the lease is certain to hold.
    pub(super) fn is_sure(&self, now: Instant) -> bool {
        now - self.renewed < UNSURE
    }

    /// Tells whether the lease is to be prolonged now, and notes that it is.
    pub(super) fn renews(&mut self, now: Instant) -> bool {
        let renews = !self.is_renewing && now - self.renewed >= RENEW;
        self.is_renewing |= renews;
        renews
    }

    /// Returns the work that is to be started now; `newest`: the newest commit that this node knows.
    pub(super) fn work(&mut self, now: Instant, newest: CommitNo) -> Vec<Asked> {
        let mut asked = Vec::new();
        if !self.is_refreshing && self.refreshed.is_none_or(|refreshed| now - refreshed >= REFRESH) {
            self.is_refreshing = true;
            asked.push(Asked::Refresh);
        }
        if !self.is_stepping
            && !self.endpoints.is_empty()
            && self.refreshed.is_some()
            && (self.has_more || newest > self.read.event.commit)
        {
            self.is_stepping = true;
            asked.push(Asked::Step(self.read, self.noted, self.receivers()));
        }
        let time = Timestamp::now();
        let is_full = self.results.len() >= UNWRITTEN;
        for endpoint in self.endpoints.values_mut() {
            if endpoint.wants_more() {
                endpoint.is_loading = true;
                asked.push(Asked::Load(endpoint.id(), endpoint.held_to));
            }
            if is_full || endpoint.reads_first(time) {
                if !is_full && !endpoint.is_reading {
                    asked.push(Asked::Read(endpoint.id(), endpoint.next_to_read(time)));
                }
                continue;
            }
            let taken = endpoint.take(time);
            if taken.is_empty() {
                continue;
            }
            self.under_way += taken.len();
            let webhook = Arc::new(endpoint.webhook.clone());
            asked.extend(taken.into_iter().map(|(taken, job)| Asked::Attempt(Arc::clone(&webhook), taken, job)));
        }
        let oldest = self.endpoints.values().filter_map(Endpoint::oldest).min();
        let lag = oldest.map_or(0_i64, |oldest| (time.millis() - oldest.millis()).max(0)).unsigned_abs();
        metrics::get().webhooks.lag_seconds.set(Duration::from_millis(lag).as_secs_f64());
        asked
    }
}
