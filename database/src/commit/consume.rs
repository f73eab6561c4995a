//! What a commit writes for consumers and webhooks. It is decided by the rows themselves, under the counter's lock.

use sea_orm::Value;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, OnConflict, Query, SimpleExpr};

use super::statements::Statements;
use super::write_set::{DeliveryResultRow, NewDeliveryRow};
use crate::backend::writer::Transaction;
use crate::change::Outcome;
use crate::consumers::{Advance, Consumed, ConsumerChange, LEASE};
use crate::driver_error::DriverError;
use crate::entities::{hub_consumer, webhook, webhook_delivery};
use crate::events::EventPosition;
use crate::ids::{CommitNo, DeliveryId, WebhookId};
use crate::rows::Reads as _;
use crate::webhooks::{DeliveryResult, NewDelivery, NewWebhook, Status, WebhookEdit};

use crate::consumers::WEBHOOKS;

/// How many low bits of a delivery's id hold its number within the commit; the bits above hold the commit's number.
const DELIVERIES_BITS: u32 = 12;

/// The part of a commit that is about consumers.
pub(super) struct Consume<'a, 't> {
    pub(super) transaction: &'a mut Transaction<'t>,
    pub(super) texts: &'a Statements,
    /// The commit's number.
    pub(super) no: i64,
    /// The database's clock.
    pub(super) clock: i64,
    /// How many deliveries it has made so far.
    pub(super) made: i64,
}

impl Consume<'_, '_> {
    /// Writes a change, and returns its outcome.
    pub(super) async fn write(&mut self, change: &ConsumerChange) -> Result<Outcome, DriverError> {
        let first = DeliveryId::from_column(self.next_delivery());
        let done = match change {
            ConsumerChange::Follow { name, position } => self.follow(name, *position).await?,
            ConsumerChange::Lease { name, holder } => self.lease(name, holder).await?,
            ConsumerChange::Release { name, holder } => self.release(name, holder).await?,
            ConsumerChange::Advance(advance) => self.advance(advance).await?,
            ConsumerChange::AddWebhook(webhook) => self.add(webhook).await?,
            ConsumerChange::EditWebhook(id, edit) => self.edit(*id, edit).await?,
            ConsumerChange::RemoveWebhook(id) => self.remove(*id).await?,
            ConsumerChange::RotateSecret(id, until) => {
                let version = Expr::col(webhook::Column::SecretVersion).add(1_i64);
                let values = [
                    (webhook::Column::SecretVersion, version),
                    (webhook::Column::OverlapUntil, Expr::val(until.millis())),
                ];
                self.update_webhook(*id, values).await?
            }
            ConsumerChange::Results(results) => {
                let rows = results.iter().map(result_row).collect();
                self.transaction.write(&self.texts.delivered, rows).await?;
                true
            }
            ConsumerChange::Requeue(id, deliveries, at) => self.requeue(*id, deliveries, at.millis()).await?,
            ConsumerChange::Health(id, failing_since, succeeded_at) => {
                let values = [
                    (webhook::Column::FailingSince, Expr::val(failing_since.map(|at| at.millis()))),
                    (webhook::Column::SucceededAt, Expr::val(succeeded_at.map(|at| at.millis()))),
                ];
                self.update_webhook(*id, values).await?
            }
            ConsumerChange::Disable(id, reason, told) => self.disable(*id, reason, told).await?,
        };
        Ok(Outcome::Consumed(Consumed { done, first }))
    }

    fn next_delivery(&self) -> i64 {
        (self.no << DELIVERIES_BITS) + self.made
    }

    async fn follow(&mut self, name: &str, position: EventPosition) -> Result<bool, DriverError> {
        self.put(name, position, "", 0).await?;
        Ok(true)
    }

    /// Makes or overwrites a consumer's row: enabled, at a position.
    async fn put(&mut self, name: &str, position: EventPosition, holder: &str, until: i64) -> Result<(), DriverError> {
        use hub_consumer::Column::{Class, CommitNo, Enabled, Holder, LeaseUntil, Name, Object, Part, TouchedAt};

        let [commit, class, object, part] = columns(position);
        let row = [
            (Name, Expr::val(self.text(name))),
            (CommitNo, Expr::val(commit)),
            (Class, Expr::val(class)),
            (Object, Expr::val(object)),
            (Part, Expr::val(part)),
            (Enabled, Expr::val(1_i64)),
            (Holder, Expr::val(self.text(holder))),
            (LeaseUntil, Expr::val(until)),
            (TouchedAt, Expr::val(self.clock)),
        ];
        let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
        let overwritten = [CommitNo, Class, Object, Part, Enabled, Holder, LeaseUntil, TouchedAt];
        let put = Query::insert()
            .into_table(hub_consumer::Entity)
            .columns(names)
            .values_panic(values)
            .on_conflict(OnConflict::column(Name).update_columns(overwritten).to_owned())
            .take();
        self.transaction.execute(&put).await.map(drop)
    }

    /// Takes or prolongs a lease; `false` if another process has it, or the consumer is not enabled.
    async fn lease(&mut self, name: &str, holder: &str) -> Result<bool, DriverError> {
        use hub_consumer::Column::{Enabled, Holder, LeaseUntil, TouchedAt};

        let until = self.clock + i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
        let mine = Expr::col(Holder).eq(self.text(holder));
        let take = Query::update()
            .table(hub_consumer::Entity)
            .value(Holder, Expr::val(self.text(holder)))
            .value(LeaseUntil, until)
            .value(TouchedAt, self.clock)
            .and_where(self.is(name))
            .and_where(Expr::col(Enabled).eq(1_i64))
            .and_where(mine.or(Expr::col(LeaseUntil).lt(self.clock)))
            .take();
        Ok(self.transaction.execute(&take).await? == 1)
    }

    async fn release(&mut self, name: &str, holder: &str) -> Result<bool, DriverError> {
        use hub_consumer::Column::{Holder, LeaseUntil};

        let release = Query::update()
            .table(hub_consumer::Entity)
            .value(LeaseUntil, 1_i64)
            .and_where(self.is(name))
            .and_where(Expr::col(Holder).eq(self.text(holder)))
            .take();
        Ok(self.transaction.execute(&release).await? == 1)
    }

    async fn advance(&mut self, advance: &Advance) -> Result<bool, DriverError> {
        use hub_consumer::Column::{Class, CommitNo, Holder, Object, Part};

        let Advance { name, holder, from, to, deliveries } = advance;
        let [commit, class, object, part] = columns(*to);
        let mut step = Query::update()
            .table(hub_consumer::Entity)
            .value(CommitNo, commit)
            .value(Class, class)
            .value(Object, object)
            .value(Part, part)
            .and_where(self.is(name))
            .and_where(Expr::col(Holder).eq(self.text(holder)))
            .take();
        for (column, value) in [CommitNo, Class, Object, Part].into_iter().zip(columns(*from)) {
            step.and_where(Expr::col(column).eq(value));
        }
        let done = self.transaction.execute(&step).await? == 1;
        if done {
            self.deliver(deliveries).await?;
        }
        Ok(done)
    }

    async fn deliver(&mut self, deliveries: &[NewDelivery]) -> Result<(), DriverError> {
        let first = self.next_delivery();
        self.made += i64::try_from(deliveries.len()).unwrap_or(i64::MAX);
        let rows = (first..).zip(deliveries).map(|(id, new)| NewDeliveryRow {
            id,
            webhook_id: new.webhook.column(),
            event_id: &new.event_id,
            kind: &new.kind,
            thread_id: new.thread.map(|thread| thread.column()),
            at: new.at.millis(),
        });
        self.transaction.write(&self.texts.deliveries, rows.collect()).await
    }

    async fn add(&mut self, new: &NewWebhook) -> Result<bool, DriverError> {
        use webhook::Column;

        let row = [
            (Column::Id, Expr::val(new.id.column())),
            (Column::Url, Expr::val(new.url.as_str())),
            (Column::Types, Expr::val(types(&new.types))),
            (Column::Description, Expr::val(new.description.as_str())),
            (Column::Enabled, Expr::val(i64::from(new.enabled))),
            (Column::SecretVersion, Expr::val(1_i64)),
            (Column::SinceCommit, Expr::val(self.no)),
            (Column::CreatedAt, Expr::val(new.at.millis())),
        ];
        let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
        let insert = Query::insert().into_table(webhook::Entity).columns(names).values_panic(values).take();
        self.transaction.execute(&insert).await?;
        self.consumer_follows_webhooks().await?;
        Ok(true)
    }

    async fn edit(&mut self, id: WebhookId, edit: &WebhookEdit) -> Result<bool, DriverError> {
        use webhook::Column;

        let WebhookEdit { url, types: wanted, description, enabled } = edit;
        // A webhook that is enabled again gets events from now on. MySQL assigns from left to right.
        let since = format!("CASE WHEN enabled = 0 THEN {} ELSE since_commit END", self.no);
        let enabling = (*enabled == Some(true)).then_some([
            (Column::SinceCommit, Expr::cust(since)),
            (Column::FailingSince, Expr::val(None::<i64>)),
            (Column::DisabledReason, Expr::val(None::<String>)),
        ]);
        let values = enabling.into_iter().flatten();
        let values = values.chain(url.as_deref().map(|url| (Column::Url, Expr::val(url))));
        let values = values.chain(wanted.as_deref().map(|wanted| (Column::Types, Expr::val(types(wanted)))));
        let values = values.chain(description.as_deref().map(|text| (Column::Description, Expr::val(text))));
        let values = values.chain(enabled.map(|enabled| (Column::Enabled, Expr::val(i64::from(enabled)))));
        // This column always changes, so that the statement tells whether the webhook exists, even if nothing else changes.
        let requests = (Column::Requests, Expr::col(Column::Requests).add(1_i64));
        let done = self.update_webhook(id, values.chain([requests])).await?;
        self.consumer_follows_webhooks().await?;
        Ok(done)
    }

    async fn remove(&mut self, id: WebhookId) -> Result<bool, DriverError> {
        let remove = Query::delete()
            .from_table(webhook::Entity)
            .and_where(Expr::col(webhook::Column::Id).eq(id.column()))
            .take();
        let done = self.transaction.execute(&remove).await? == 1;
        self.consumer_follows_webhooks().await?;
        Ok(done)
    }

    async fn requeue(&mut self, id: WebhookId, deliveries: &[DeliveryId], at: i64) -> Result<bool, DriverError> {
        use webhook_delivery::Column;

        let ids = deliveries.iter().map(|delivery| delivery.column());
        let requeue = Query::update()
            .table(webhook_delivery::Entity)
            .value(Column::Status, Status::Pending.column())
            .value(Column::Attempts, 0_i64)
            .value(Column::NextAt, at)
            .and_where(Expr::col(Column::WebhookId).eq(id.column()))
            .and_where(Expr::col(Column::Id).is_in(ids))
            .take();
        self.transaction.execute(&requeue).await?;
        self.update_webhook(id, [(webhook::Column::Requests, Expr::col(webhook::Column::Requests).add(1_i64))]).await
    }

    async fn disable(&mut self, id: WebhookId, reason: &str, told: &[NewDelivery]) -> Result<bool, DriverError> {
        use webhook::Column;

        let disable = Query::update()
            .table(webhook::Entity)
            .value(Column::Enabled, 0_i64)
            .value(Column::DisabledReason, reason)
            .and_where(Expr::col(Column::Id).eq(id.column()))
            .and_where(Expr::col(Column::Enabled).eq(1_i64))
            .take();
        let done = self.transaction.execute(&disable).await? == 1;
        if done {
            self.deliver(told).await?;
            self.consumer_follows_webhooks().await?;
        }
        Ok(done)
    }

    /// Enables the consumer of webhooks while one of them is enabled. It begins behind this commit.
    async fn consumer_follows_webhooks(&mut self) -> Result<(), DriverError> {
        let enabled = Query::select()
            .expr(Func::count(Expr::col(webhook::Column::Id)))
            .from(webhook::Entity)
            .and_where(Expr::col(webhook::Column::Enabled).eq(1_i64))
            .take();
        let working = Query::select()
            .column(hub_consumer::Column::Enabled)
            .from(hub_consumer::Entity)
            .and_where(self.is(WEBHOOKS))
            .take();
        let wanted = self.transaction.select_one::<i64>(&enabled).await?.unwrap_or_default() > 0;
        let working = self.transaction.select_one::<i64>(&working).await?.unwrap_or_default() > 0;
        if wanted && !working {
            return self.put(WEBHOOKS, EventPosition::end_of(CommitNo::from_column(self.no)), "", 1).await;
        }
        if working && !wanted {
            let rest = Query::update()
                .table(hub_consumer::Entity)
                .value(hub_consumer::Column::Enabled, 0_i64)
                .and_where(self.is(WEBHOOKS))
                .take();
            self.transaction.execute(&rest).await?;
        }
        Ok(())
    }

    async fn update_webhook(
        &mut self,
        id: WebhookId,
        values: impl IntoIterator<Item = (webhook::Column, SimpleExpr)>,
    ) -> Result<bool, DriverError> {
        let update = Query::update()
            .table(webhook::Entity)
            .values(values)
            .and_where(Expr::col(webhook::Column::Id).eq(id.column()))
            .take();
        Ok(self.transaction.execute(&update).await? == 1)
    }

    fn is(&self, name: &str) -> SimpleExpr {
        Expr::col(hub_consumer::Column::Name).eq(self.text(name))
    }

    fn text(&self, text: &str) -> Value {
        self.transaction.backend().dialect().binary_text(text)
    }
}

fn columns(position: EventPosition) -> [i64; 4] {
    let EventPosition { commit, class, object, part } = position;
    [commit.column(), class.into(), object.cast_signed(), part.cast_signed()]
}

/// Returns names as a JSON array; strings can always be written as JSON.
fn types(names: &[String]) -> String {
    serde_json::to_string(names).unwrap_or_default()
}

fn result_row(result: &DeliveryResult) -> DeliveryResultRow<'_> {
    DeliveryResultRow {
        id: result.id.column(),
        status: result.status.column(),
        attempts: result.attempts.into(),
        next_at: result.next_at.map(|at| at.millis()),
        code: result.code.map(i64::from),
        ms: i64::try_from(result.ms).unwrap_or(i64::MAX),
        reply: &result.reply,
    }
}
