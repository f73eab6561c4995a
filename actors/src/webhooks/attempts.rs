//! Attempts: the object of an event is read in its present state, and the event is sent.

use std::sync::Arc;

use chat_database::Database;
use chat_database::events::EventRef;
use chat_database::ids::DeliveryId;
use chat_database::queries::events;
use chat_database::queries::webhooks;
use chat_database::time::Timestamp;
use chat_database::webhooks::{Delivery, Webhook};
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use super::body;
use super::endpoint::{Job, Read};
use super::sender::{Attempt, Request, Sender};
use super::signature::{RootSecret, Secret};
use super::tasks::disabled_webhook;
use crate::error::Error;
use crate::events::{EventType, data};

/// Data of `webhook.disabled`.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisabledEvent {
    /// The webhook.
    pub webhook_id: u64,
    /// Where its events were sent to.
    pub url: String,
    /// Why it was disabled.
    pub reason: String,
}

/// Returns the secrets that sign what is sent to a webhook now.
pub(super) fn secrets(root: &RootSecret, webhook: &Webhook, now: Timestamp) -> Vec<Secret> {
    let version = webhook.secret_version;
    let overlaps = version > 1 && webhook.overlap_until.is_some_and(|until| until > now);
    let versions = [Some(version), overlaps.then(|| version - 1)];
    versions.into_iter().flatten().map(|version| root.of(webhook.id.get(), version)).collect()
}

/// Sends an event; `None` if its object is not in the database any more, an error if it could not be read, and so was not
/// sent.
pub(super) async fn attempt(
    (database, sender, root): (&Database, &Sender, &RootSecret),
    webhook: &Webhook,
    job: &Job,
) -> Result<Option<Attempt>, Error> {
    let Some(body) = written(database, job).await? else { return Ok(None) };
    let secrets = secrets(root, webhook, Timestamp::now());
    let request = Request { url: webhook.url.clone(), id: job.delivery.event_id.clone(), secrets, body };
    Ok(Some(sender.send(&request).await))
}

/// Returns the body of an event with its object's present state; `None` if the object is not there any more.
async fn written(database: &Database, job: &Job) -> Result<Option<Vec<u8>>, Error> {
    let Delivery { event_id, kind, at, .. } = &*job.delivery;
    let Ok(kind) = kind.parse::<EventType>() else { return Ok(None) };
    if kind == EventType::WebhookDisabled {
        return disabled(database, event_id, *at).await;
    }
    let fresh = job.read.clone().filter(Read::is_fresh);
    let read = match fresh {
        Some(read) => Some(read),
        None => read_all(database, std::slice::from_ref(&job.delivery)).await?.pop().map(|(_, read)| read),
    };
    Ok(read.and_then(|read| read.data).map(|data| body::of_event(kind, *at, &data)))
}

/// Reads the objects of deliveries.
pub(super) async fn read_all(
    database: &Database,
    deliveries: &[Arc<Delivery>],
) -> Result<Vec<(DeliveryId, Read)>, Error> {
    let event_ref = |delivery: &Arc<Delivery>| EventRef::parse(&delivery.kind, &delivery.event_id, delivery.thread);
    let event_refs: Vec<Option<EventRef>> = deliveries.iter().map(event_ref).collect();
    let known: Vec<EventRef> = event_refs.iter().copied().flatten().collect();
    let at = Instant::now();
    let objects = events::objects(database, &known).await?;
    let read = |(delivery, event_ref): (&Arc<Delivery>, Option<EventRef>)| {
        let data = event_ref.and_then(|event_ref| data(event_ref, &objects)).map(Arc::new);
        (delivery.id, Read { data, at })
    };
    Ok(deliveries.iter().zip(event_refs).map(read).collect())
}

async fn disabled(database: &Database, event_id: &str, at: Timestamp) -> Result<Option<Vec<u8>>, Error> {
    let Some(id) = disabled_webhook(event_id) else { return Ok(None) };
    let webhook = webhooks::one(database, id).await?;
    let data = DisabledEvent {
        webhook_id: id.get(),
        url: webhook.as_ref().map(|webhook| webhook.url.clone()).unwrap_or_default(),
        reason: webhook.and_then(|webhook| webhook.disabled_reason).unwrap_or_default(),
    };
    Ok(Some(body::write(EventType::WebhookDisabled.as_str(), at, data)))
}

/// Data of `webhook.test`.
#[derive(Debug, Serialize, ToSchema)]
pub struct TestEvent {
    /// The webhook.
    pub webhook_id: u64,
}
