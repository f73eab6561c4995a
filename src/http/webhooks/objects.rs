//! The objects of `/admin/webhooks`, as clients send and get them.

use chat_database::ids::{Count, DeliveryId, WebhookId};
use chat_database::time::Timestamp;
use chat_database::webhooks::{Delivery, Status, Webhook};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A webhook to make.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewWebhook {
    /// Where events are sent to: https, unless it is of this machine; no private address.
    #[schema(max_length = 2048)]
    pub(super) url: String,
    /// The types of events, or `*` for all but presence.
    #[schema(min_items = 1)]
    pub(super) types: Vec<String>,
    /// What it is for.
    #[schema(max_length = 255)]
    pub(super) description: Option<String>,
    /// Whether events are sent to it; true if left out.
    pub(super) enabled: Option<bool>,
}

/// What of a webhook is to be otherwise; the audit log has it as it is here.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct ChangedWebhook {
    /// Where events are sent to.
    #[schema(max_length = 2048)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<String>,
    /// The types of events, or `*` for all but presence.
    #[schema(min_items = 1)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) types: Option<Vec<String>>,
    /// What it is for.
    #[schema(max_length = 255)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    /// Whether events are sent to it. One that is enabled again hears of what happens from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) enabled: Option<bool>,
}

/// For how long the old secret signs, too.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Overlap {
    /// Hours; 24 if left out. 0: the new secret signs alone at once.
    #[schema(value_type = Option<u64>, maximum = 72)]
    pub(super) overlap_hours: Option<Count>,
}

/// Which deliveries are sent again.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Replay {
    /// Events from this time on, at most 7 days ago.
    pub(super) since: Timestamp,
    /// Events before this time; up to now if left out.
    pub(super) until: Option<Timestamp>,
    /// Those that have used up their tries, or those that have arrived, too.
    pub(super) only: OnlyWhich,
}

/// The deliveries that are sent again.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnlyWhich {
    /// Those that have used up their tries.
    Failed,
    /// Those that have arrived, too.
    All,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookObject {
    /// Its id.
    pub(super) id: WebhookId,
    /// Where events are sent to.
    pub(super) url: String,
    /// The types of events, or `*`.
    pub(super) types: Vec<String>,
    /// What it is for.
    pub(super) description: String,
    /// Whether events are sent to it.
    pub(super) enabled: bool,
    /// Why the hub has disabled it, if it has.
    pub(super) disabled_reason: Option<String>,
    /// When the first try failed after the last success.
    pub(super) failing_since: Option<Timestamp>,
    /// When a try succeeded for the first time after failures.
    pub(super) succeeded_at: Option<Timestamp>,
    /// Until when the old secret signs, too.
    pub(super) overlap_until: Option<Timestamp>,
    /// When it was made.
    pub(super) created_at: Timestamp,
}

/// A webhook that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedWebhook {
    /// The webhook.
    #[serde(flatten)]
    pub(super) webhook: WebhookObject,
    /// Its secret, `whsec_…`: shown once.
    pub(super) secret: String,
}

/// All webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookList {
    /// By their ids.
    pub(super) webhooks: Vec<WebhookObject>,
}

/// A new secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewSecret {
    /// The secret, `whsec_…`: shown once.
    pub(super) secret: String,
}

/// What a receiver answered to a test.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestAnswer {
    /// The status; null if there was no answer.
    pub(super) status: Option<u16>,
    /// How many milliseconds it took.
    pub(super) ms: u64,
    /// The beginning of the answer, or why there was none.
    pub(super) body: String,
}

/// An event that was, or is to be, sent to a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryObject {
    /// Its id: later ones are greater.
    pub(super) id: DeliveryId,
    /// The event's id, which is `webhook-id`.
    pub(super) event_id: String,
    /// The event's type.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// What has become of it.
    pub(super) status: DeliveryStatus,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// When it is tried next.
    pub(super) next_at: Option<Timestamp>,
    /// The status of the last answer.
    pub(super) code: Option<u16>,
    /// How many milliseconds the last try took.
    pub(super) ms: Option<u64>,
    /// The beginning of the last answer, or why there was none.
    pub(super) reply: Option<String>,
    /// When the event happened.
    pub(super) at: Timestamp,
}

/// What has become of a delivery.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeliveryStatus {
    /// It is to be tried.
    Pending,
    /// It has used up its tries.
    Failed,
    /// It has arrived.
    Ok,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// Newest first.
    pub(super) deliveries: Vec<DeliveryObject>,
    /// Pass it as `before`, if there is more.
    pub(super) next: Option<DeliveryId>,
}

/// How many deliveries are sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// The number.
    pub(super) count: usize,
}

impl From<Webhook> for WebhookObject {
    fn from(webhook: Webhook) -> Self {
        let Webhook { id, url, types, description, enabled, disabled_reason, .. } = webhook;
        let Webhook { overlap_until, failing_since, succeeded_at, created_at, .. } = webhook;
        Self {
            id,
            url,
            types,
            description,
            enabled,
            disabled_reason,
            failing_since,
            succeeded_at,
            overlap_until,
            created_at,
        }
    }
}

impl From<Delivery> for DeliveryObject {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, event_id, kind, status, attempts, next_at, code, ms, reply, at, .. } = delivery;
        let status = match status {
            Status::Pending => DeliveryStatus::Pending,
            Status::Failed => DeliveryStatus::Failed,
            Status::Ok => DeliveryStatus::Ok,
        };
        Self { id, event_id, kind, status, attempts, next_at, code, ms, reply, at }
    }
}
