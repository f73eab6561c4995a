//! Webhooks: the marketplace's endpoints, and deliveries of events to them.

use crate::ids::{CommitNo, DeliveryId, ThreadId, WebhookId};
use crate::time::Timestamp;

/// An endpoint of the marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Where events are sent to.
    pub url: String,
    /// The names of the types of events that it wants, or `*`.
    pub types: Vec<String>,
    /// What its operator calls it.
    pub description: String,
    /// Whether events are sent to it.
    pub enabled: bool,
    /// Why the hub has disabled it, if it has.
    pub disabled_reason: Option<String>,
    /// Which version of its secret signs.
    pub secret_version: u64,
    /// Until when the version before signs, too.
    pub overlap_until: Option<Timestamp>,
    /// What was committed up to there is not sent to it.
    pub since: CommitNo,
    /// When the first try failed after the last success.
    pub failing_since: Option<Timestamp>,
    /// When the last try succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// How often deliveries were asked for again.
    pub requests: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A webhook to make.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Its id, drawn by chance: secrets are made of it, so it must never come again.
    pub id: WebhookId,
    /// Where events are to be sent to.
    pub url: String,
    /// The names of the types of events that it wants, or `*`.
    pub types: Vec<String>,
    /// What its operator calls it.
    pub description: String,
    /// Whether events are to be sent to it.
    pub enabled: bool,
    /// When it is made.
    pub at: Timestamp,
}

/// Changes of a webhook; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookEdit {
    /// Where events are to be sent to.
    pub url: Option<String>,
    /// The names of the types of events that it wants, or `*`.
    pub types: Option<Vec<String>>,
    /// What its operator calls it.
    pub description: Option<String>,
    /// Whether events are to be sent to it.
    pub enabled: Option<bool>,
}

/// An event that is to be sent to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The webhook.
    pub webhook: WebhookId,
    /// The event's id, which says what it is about.
    pub event_id: String,
    /// The event's type.
    pub kind: String,
    /// The thread whose order it keeps.
    pub thread: Option<ThreadId>,
    /// When the event happened.
    pub at: Timestamp,
}

/// The state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is to be tried, for the first time or again.
    Pending,
    /// It has arrived.
    Ok,
    /// It has used up its tries.
    Failed,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Ok, Self::Failed];

    pub(crate) const fn column(self) -> i64 {
        match self {
            Self::Pending => 0,
            Self::Ok => 1,
            Self::Failed => 2,
        }
    }

    pub(crate) const fn from_column(value: i64) -> Self {
        match value {
            1 => Self::Ok,
            2 => Self::Failed,
            _ => Self::Pending,
        }
    }
}

/// An event that was, or is to be, sent to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id: later ones are greater.
    pub id: DeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The event's id.
    pub event_id: String,
    /// The event's type.
    pub kind: String,
    /// The thread whose order it keeps.
    pub thread: Option<ThreadId>,
    /// When the event happened.
    pub at: Timestamp,
    /// The state of the delivery.
    pub status: Status,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// The status of the last answer.
    pub code: Option<u16>,
    /// How many milliseconds the last try took.
    pub ms: Option<u64>,
    /// The beginning of the last answer, or why there was none.
    pub reply: Option<String>,
}

/// The result of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryResult {
    /// The delivery.
    pub id: DeliveryId,
    /// The state of the delivery.
    pub status: Status,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// The status of the answer.
    pub code: Option<u16>,
    /// How many milliseconds it took.
    pub ms: u64,
    /// The beginning of the answer, or why there was none.
    pub reply: String,
}
