//! Webhooks, and the deliveries to them.

use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::driver_error::error;
use crate::entities::{webhook, webhook_delivery};
use crate::ids::{CommitNo, DeliveryId, ThreadId, WebhookId};
use crate::rows::Reads as _;
use crate::time::Timestamp;
use crate::webhooks::{Delivery, Status, Webhook};
use crate::{Database, Error};

/// Returns all webhooks, by their ids: there are few.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn all(db: &Database) -> Result<Vec<Webhook>, Error> {
    let query = webhook::Entity::find().order_by_asc(webhook::Column::Id).into_query();
    let rows = (&db.readers).select(&query).await.map_err(error)?;
    rows.into_iter().map(made).collect()
}

/// Returns a webhook.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn one(db: &Database, id: WebhookId) -> Result<Option<Webhook>, Error> {
    let query = webhook::Entity::find_by_id(id.column()).into_query();
    let row = (&db.readers).select_one(&query).await.map_err(error)?;
    row.map(made).transpose()
}

/// Returns deliveries to a webhook, newest first: of one status or of all, before one of them, at most so many.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn deliveries(
    db: &Database,
    webhook: WebhookId,
    status: Option<Status>,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let before = before.map_or(i64::MAX, DeliveryId::column);
    let mut found = Vec::new();
    // The index has the status before the id.
    for status in Status::ALL.into_iter().filter(|one| status.is_none_or(|status| status == *one)) {
        let query = of(webhook, status)
            .filter(webhook_delivery::Column::Id.lt(before))
            .order_by_desc(webhook_delivery::Column::Id)
            .limit(u64::from(limit))
            .into_query();
        found.extend((&db.readers).select(&query).await.map_err(error)?.into_iter().map(delivery));
    }
    found.sort_unstable_by_key(|delivery: &Delivery| std::cmp::Reverse(delivery.id));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// Returns a delivery to a webhook.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn delivery_of(db: &Database, webhook: WebhookId, id: DeliveryId) -> Result<Option<Delivery>, Error> {
    let query = webhook_delivery::Entity::find_by_id(id.column()).into_query();
    let row = (&db.readers).select_one(&query).await.map_err(error)?;
    Ok(row.map(delivery).filter(|delivery| delivery.webhook == webhook))
}

/// Returns deliveries of one status to a webhook that stand behind one of them, oldest first; of events from one time on and
/// before another.
///
/// # Errors
/// [`Error::Unavailable`].
pub async fn oldest_first(
    db: &Database,
    (webhook, status): (WebhookId, Status),
    after: u64,
    (since, until): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let query = of(webhook, status)
        .filter(webhook_delivery::Column::Id.gt(after.cast_signed()))
        .filter(webhook_delivery::Column::At.gte(since.millis()))
        .filter(webhook_delivery::Column::At.lt(until.millis()))
        .order_by_asc(webhook_delivery::Column::Id)
        .limit(u64::from(limit))
        .into_query();
    let rows = (&db.readers).select(&query).await.map_err(error)?;
    Ok(rows.into_iter().map(delivery).collect())
}

fn of(webhook: WebhookId, status: Status) -> sea_orm::Select<webhook_delivery::Entity> {
    webhook_delivery::Entity::find()
        .filter(Expr::col(webhook_delivery::Column::WebhookId).eq(webhook.column()))
        .filter(Expr::col(webhook_delivery::Column::Status).eq(status.column()))
}

fn made(row: webhook::Model) -> Result<Webhook, Error> {
    let damaged = |_| Error::Refused(format!("the types of webhook {} are damaged", row.id));
    Ok(Webhook {
        types: serde_json::from_str(&row.types).map_err(damaged)?,
        id: WebhookId::from_column(row.id),
        url: row.url,
        description: row.description,
        enabled: row.enabled != 0,
        disabled_reason: row.disabled_reason,
        secret_version: row.secret_version.unsigned_abs(),
        overlap_until: row.overlap_until.map(Timestamp::from_millis),
        since: CommitNo::from_column(row.since_commit),
        failing_since: row.failing_since.map(Timestamp::from_millis),
        succeeded_at: row.succeeded_at.map(Timestamp::from_millis),
        requests: row.requests.unsigned_abs(),
        created_at: Timestamp::from_millis(row.created_at),
    })
}

fn delivery(row: webhook_delivery::Model) -> Delivery {
    Delivery {
        id: DeliveryId::from_column(row.id),
        webhook: WebhookId::from_column(row.webhook_id),
        event_id: row.event_id.into_text(),
        kind: row.kind.into_text(),
        thread: row.thread_id.map(ThreadId::from_column),
        at: Timestamp::from_millis(row.at),
        status: Status::from_column(row.status),
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        next_at: row.next_at.map(Timestamp::from_millis),
        code: row.code.and_then(|code| u16::try_from(code).ok()),
        ms: row.ms.and_then(|ms| u64::try_from(ms).ok()),
        reply: row.reply,
    }
}
