//! The actor's reads and writes, each in a task of its own: the actor never waits for the database.

use std::sync::Arc;

use chat_database::change::{Change, Outcome};
use chat_database::consumers::{Advance, BATCH, Consumed, ConsumerChange, WEBHOOKS};
use chat_database::events::Event;
use chat_database::ids::{DeliveryId, WebhookId};
use chat_database::queries::events::{self, FeedPosition, Found, Window};
use chat_database::queries::{consumers, webhooks};
use chat_database::time::Timestamp;
use chat_database::webhooks::{Delivery, DeliveryResult, NewDelivery, Status, Webhook};

use tokio::time::Instant;

use super::context::WebhookContext;
use super::endpoint::{Job, ROOM, Read};
use super::message::{Receiver, Step};
use crate::error::Error;
use crate::events::{self as told, EventType};

/// After how many commits without an event the consumer's position is written.
const QUIET_COMMITS: u64 = 1_000;

/// Writes a change for consumers.
pub(super) async fn write(context: &WebhookContext, change: ConsumerChange) -> Result<Consumed, Error> {
    match context.storage.call_later(Change::Consume(Box::new(change))).await? {
        Outcome::Consumed(consumed) => Ok(consumed),
        _ => Err(Error::internal()),
    }
}

/// Takes the lease or prolongs it; `false` if another process has it. It does not wait behind less urgent writes.
pub(super) async fn lease(context: &WebhookContext) -> Result<bool, Error> {
    let change = ConsumerChange::Lease { name: WEBHOOKS, holder: context.node.to_string() };
    match context.storage.call(Change::Consume(Box::new(change))).await? {
        Outcome::Consumed(consumed) => Ok(consumed.done),
        _ => Err(Error::internal()),
    }
}

/// Gives the lease back.
pub(super) async fn release(context: &WebhookContext) {
    let change = ConsumerChange::Release { name: WEBHOOKS, holder: context.node.to_string() };
    if let Err(error) = context.storage.call(Change::Consume(Box::new(change))).await {
        tracing::debug!(%error, "the lease of webhooks runs out by itself");
    }
}

/// Takes the lease, if there is work and no other process has it; returns where the consumer stands then, and all webhooks.
pub(super) async fn take_over(context: &WebhookContext) -> Result<Option<(FeedPosition, Vec<Webhook>)>, Error> {
    let me = context.node.to_string();
    let free = consumers::one(&context.database, WEBHOOKS)
        .await?
        .filter(|consumer| consumer.enabled && (!consumer.is_leased || consumer.holder == me));
    if free.is_none() || !lease(context).await? {
        return Ok(None);
    }
    // Read after the lease was taken: no other process moves it any more.
    let consumer = consumers::one(&context.database, WEBHOOKS).await?;
    let webhooks = webhooks::all(&context.database).await?;
    Ok(consumer.map(|consumer| (FeedPosition { event: consumer.position, newest_message: 0 }, webhooks)))
}

/// Reads the next events, and notes the deliveries that follow from them.
pub(super) async fn step(
    context: &WebhookContext,
    read: FeedPosition,
    noted: FeedPosition,
    receivers: &[Receiver],
) -> Result<Step, Error> {
    let most = BATCH / receivers.len().max(1);
    let asked = receivers.iter().map(|receiver| receiver.wanted).collect::<Vec<_>>();
    let wanted = move |event_ref| asked.iter().any(|wanted| wanted.has(EventType::of(event_ref)));
    let window = match events::after(&context.database, read, most.max(1), wanted).await? {
        Found::Window(window) => window,
        Found::Gone => return skip(context, noted).await,
    };
    let Window { events, end, has_more, .. } = window;
    let mut deliveries = Vec::new();
    let mut of = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let kind = EventType::of(event.event_ref);
        for receiver in receivers.iter().filter(|one| one.wanted.has(kind) && one.since < event.position.commit) {
            deliveries.push(NewDelivery {
                webhook: receiver.id,
                event_id: event.id(),
                kind: kind.as_str().to_owned(),
                thread: event.event_ref.thread(),
                at: event.at,
            });
            of.push(at);
        }
    }
    if deliveries.is_empty() && end.event.commit.0 - noted.event.commit.0 < QUIET_COMMITS {
        return Ok(Step::On { read: end, noted, jobs: Vec::new(), has_more });
    }
    let event_refs: Vec<_> = events.iter().map(|event| event.event_ref).collect();
    let read_at = Instant::now();
    let (consumed, objects) =
        tokio::join!(advance(context, noted, end, deliveries.clone()), events::objects(&context.database, &event_refs));
    let Consumed { done, first } = consumed?;
    if !done {
        return Ok(Step::Lost);
    }
    // Objects that cannot be read now are read when they are sent.
    let objects = objects.ok();
    let read = |event: &Event| {
        let data = told::data(event.event_ref, objects.as_ref()?).map(Arc::new);
        Some(Read { data, at: read_at })
    };
    let read: Vec<Option<Read>> = events.iter().map(read).collect();
    let jobs = (first.get()..).zip(deliveries).zip(of).filter_map(|((id, new), at)| {
        let delivery = Arc::new(delivery(DeliveryId::new(id).ok()?, new));
        Some((delivery.webhook, Job { delivery, read: read[at].clone() }))
    });
    Ok(Step::On { read: end, noted: end, jobs: jobs.collect(), has_more })
}

async fn advance(
    context: &WebhookContext,
    from: FeedPosition,
    to: FeedPosition,
    deliveries: Vec<NewDelivery>,
) -> Result<Consumed, Error> {
    let holder = context.node.to_string();
    let advance = Advance { name: WEBHOOKS, holder, from: from.event, to: to.event, deliveries };
    write(context, ConsumerChange::Advance(advance)).await
}

/// Goes on where the log begins: events before it are lost to webhooks.
async fn skip(context: &WebhookContext, noted: FeedPosition) -> Result<Step, Error> {
    let oldest = FeedPosition::behind(events::oldest(&context.database).await?.commit);
    tracing::error!(
        commit = noted.event.commit.0,
        oldest = oldest.event.commit.0,
        "the commit log was swept before webhooks were told of it: events between these commits are lost to them"
    );
    let consumed = advance(context, noted, oldest, Vec::new()).await?;
    Ok(if consumed.done {
        Step::On { read: oldest, noted: oldest, jobs: Vec::new(), has_more: true }
    } else {
        Step::Lost
    })
}

/// Makes a delivery as it was noted.
pub(super) fn delivery(id: DeliveryId, new: NewDelivery) -> Delivery {
    let NewDelivery { webhook, event_id, kind, thread, at } = new;
    Delivery {
        id,
        webhook,
        event_id,
        kind,
        thread,
        at,
        status: Status::Pending,
        attempts: 0,
        next_at: None,
        code: None,
        ms: None,
        reply: None,
    }
}

/// Reads deliveries that wait for a webhook, behind one of them; tells whether there are more.
pub(super) async fn load(
    context: &WebhookContext,
    webhook: WebhookId,
    after: u64,
) -> Result<(Vec<Delivery>, bool), Error> {
    let limit = u32::try_from(ROOM).unwrap_or(u32::MAX);
    let ever = (Timestamp::from_millis(0), Timestamp::from_millis(i64::MAX));
    let found = webhooks::oldest_first(&context.database, (webhook, Status::Pending), after, ever, limit).await?;
    let has_more = found.len() >= ROOM;
    Ok((found, has_more))
}

/// Writes the results of deliveries.
pub(super) async fn note(context: &WebhookContext, results: Vec<DeliveryResult>) -> Result<(), Error> {
    write(context, ConsumerChange::Results(results)).await.map(drop)
}

/// Disables a webhook, and notes deliveries that tell the others; returns these, or none if the webhook was disabled
/// before.
pub(super) async fn disable(
    context: &WebhookContext,
    webhook: &Webhook,
    reason: String,
    others: &[Receiver],
) -> Result<Vec<(WebhookId, Job)>, Error> {
    let now = Timestamp::now();
    let event_id = disabled_id(webhook.id, now, &context.frontier.epoch());
    let told: Vec<NewDelivery> = others
        .iter()
        .filter(|other| other.id != webhook.id && other.wanted.has(EventType::WebhookDisabled))
        .map(|other| NewDelivery {
            webhook: other.id,
            event_id: event_id.clone(),
            kind: EventType::WebhookDisabled.as_str().to_owned(),
            thread: None,
            at: now,
        })
        .collect();
    tracing::warn!(
        webhook = webhook.id.get(),
        reason,
        "a webhook is disabled; PATCH /admin/webhooks/{{id}} enables it again"
    );
    let consumed = write(context, ConsumerChange::Disable(webhook.id, reason, told.clone())).await?;
    if !consumed.done {
        return Ok(Vec::new());
    }
    let jobs = (consumed.first.get()..).zip(told).filter_map(|(id, new)| {
        let delivery = Arc::new(delivery(DeliveryId::new(id).ok()?, new));
        Some((delivery.webhook, Job { delivery, read: None }))
    });
    Ok(jobs.collect())
}

/// Returns the id of the event of a webhook that was disabled.
fn disabled_id(webhook: WebhookId, at: Timestamp, epoch: &str) -> String {
    format!("evt_{}_w{webhook}_disabled_{}", epoch.get(..8).unwrap_or(epoch), at.millis())
}

/// Returns the webhook that an event of `webhook.disabled` is about.
pub(super) fn disabled_webhook(event_id: &str) -> Option<WebhookId> {
    let (_, rest) = event_id.split_once("_w")?;
    rest.split_once("_disabled_")?.0.parse().ok()
}
