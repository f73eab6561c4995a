//! Deletes rows that have served their time: used tickets, old entries of the commit log, old names of the history.

use sea_orm::sea_query::{Expr, ExprTrait as _, Func, Order, Query, UpdateStatement};

use super::Writer;
use crate::backend::dialect::Dialect;
use crate::entities::{hub_commit, hub_consumer, hub_epoch, hub_state, used_ticket, webhook_delivery};
use crate::rows::{Reads as _, row};
use crate::{Error, history};

/// How long the commit log is kept, in milliseconds: longer than any node may stay behind without starting anew.
const LOG_KEPT: i64 = 10 * 60_000;

/// How long it is kept for consumers that have not read it, in milliseconds.
const KEPT_FOR_CONSUMERS: i64 = 7 * 24 * 3_600_000;

/// How long deliveries to webhooks are kept, in milliseconds.
const DELIVERIES_KEPT: i64 = 30 * 24 * 3_600_000;

/// How many entries are deleted at once, so that commits get their turn.
const AT_ONCE: u64 = 2_000;

/// How long a used ticket is remembered beyond its end, in milliseconds: a clock of another node may be behind.
const TICKETS_KEPT: i64 = 3_600_000;

row! {
    /// The number of an entry of the log, or of a delivery, and how long ago that was.
    struct AgedRow {
        id: i64,
        age: i64,
    }
}

/// Notes the latest expiry among the used tickets that are about to be deleted.
fn forget_tickets(dialect: &dyn Dialect) -> UpdateStatement {
    let is_old = format!("expires_at < {} - {TICKETS_KEPT}", dialect.now_millis());
    let newest_old = format!("(SELECT MAX(expires_at) FROM used_tickets WHERE {is_old})");
    let old = Query::select().expr(Expr::cust("1")).from(used_ticket::Entity).and_where(Expr::cust(is_old)).take();
    Query::update()
        .table(hub_state::Entity)
        .value(hub_state::Column::TicketsForgotten, Expr::cust(dialect.greatest("tickets_forgotten", &newest_old)))
        .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
        .and_where(Expr::exists(old))
        .take()
}

impl Writer {
    /// Forgets what need not be remembered: tickets that expired an hour ago, old entries of the commit log, names of the history
    /// that no cursor can carry any more. All that by the database's clock: that of a node may be wrong.
    ///
    /// How far tickets are forgotten is written down before they are: whatever a clock does afterwards, none of them is
    /// good again, see [`Outcome::TicketExpired`](crate::change::Outcome::TicketExpired).
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn sweep(&mut self) -> Result<(), Error> {
        let clock = self.connection.backend().dialect().now_millis();
        self.connection.execute(&forget_tickets(self.connection.backend().dialect())).await?;
        let forgotten = Query::select()
            .column(hub_state::Column::TicketsForgotten)
            .from(hub_state::Entity)
            .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
            .take();
        let tickets = Query::delete()
            .from_table(used_ticket::Entity)
            .and_where(Expr::col(used_ticket::Column::ExpiresAt).lte(Expr::SubQuery(None, Box::new(forgotten.into()))))
            .take();
        self.connection.execute(&tickets).await?;
        let epochs = Query::delete()
            .from_table(hub_epoch::Entity)
            .and_where(
                Expr::col(hub_epoch::Column::EndedAt)
                    .lt(Expr::cust(format!("{clock} - {}", history::KEPT.as_millis()))),
            )
            .take();
        self.connection.execute(&epochs).await?;
        self.forget_consumers(clock).await?;
        self.forget_deliveries(clock).await?;
        let unread = self.first_unread().await?;
        while let Some(newest) = self.oldest_log_part(clock, unread).await? {
            let part = Query::delete()
                .from_table(hub_commit::Entity)
                .and_where(Expr::col(hub_commit::Column::CommitNo).lte(newest))
                .take();
            self.connection.execute(&part).await?;
        }
        Ok(())
    }

    /// Deletes the commit log, so that no consumer is told of what was imported: those that have not read it to its end go
    /// on behind it. No node may run.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn forget_log(&mut self) -> Result<(), Error> {
        let all = Query::delete().from_table(hub_commit::Entity).take();
        self.connection.execute(&all).await?;
        Ok(())
    }

    /// Forgets readers of the event feed that were not heard of for as long as the log is kept for them.
    async fn forget_consumers(&mut self, clock: &str) -> Result<(), Error> {
        let silent = Query::delete()
            .from_table(hub_consumer::Entity)
            .and_where(Expr::col(hub_consumer::Column::LeaseUntil).eq(0_i64))
            .and_where(
                Expr::col(hub_consumer::Column::TouchedAt).lt(Expr::cust(format!("{clock} - {KEPT_FOR_CONSUMERS}"))),
            )
            .take();
        self.connection.execute(&silent).await?;
        Ok(())
    }

    /// Forgets old deliveries to webhooks.
    async fn forget_deliveries(&mut self, clock: &str) -> Result<(), Error> {
        use webhook_delivery::Column::Id;

        loop {
            let nth = Query::select()
                .column(Id)
                .expr(Expr::cust(format!("{clock} - at")))
                .from(webhook_delivery::Entity)
                .order_by(Id, Order::Asc)
                .limit(1)
                .offset(AT_ONCE)
                .take();
            let found: Option<AgedRow> = self.connection.select_one(&nth).await?;
            let Some(nth) = found.filter(|nth| nth.age > DELIVERIES_KEPT) else { return Ok(()) };
            let part = Query::delete().from_table(webhook_delivery::Entity).and_where(Expr::col(Id).lte(nth.id)).take();
            self.connection.execute(&part).await?;
        }
    }

    /// Returns the first commit that an enabled consumer has not read yet.
    async fn first_unread(&mut self) -> Result<i64, Error> {
        let slowest = Query::select()
            .expr(Func::min(Expr::col(hub_consumer::Column::CommitNo)))
            .from(hub_consumer::Entity)
            .and_where(Expr::col(hub_consumer::Column::Enabled).eq(1_i64))
            .take();
        let slowest: Option<Option<i64>> = self.connection.select_one(&slowest).await?;
        Ok(slowest.flatten().unwrap_or(i64::MAX))
    }

    /// Returns the entry [`AT_ONCE`] behind the oldest one, if it is old and read by all consumers, or very old.
    async fn oldest_log_part(&mut self, clock: &str, unread: i64) -> Result<Option<i64>, Error> {
        let nth = Query::select()
            .column(hub_commit::Column::CommitNo)
            .expr(Expr::cust(format!("{clock} - at")))
            .from(hub_commit::Entity)
            .order_by(hub_commit::Column::CommitNo, Order::Asc)
            .limit(1)
            .offset(AT_ONCE)
            .take();
        let entry: Option<AgedRow> = self.connection.select_one(&nth).await?;
        let is_old = |entry: &AgedRow| entry.age > if entry.id < unread { LOG_KEPT } else { KEPT_FOR_CONSUMERS };
        Ok(entry.filter(is_old).map(|entry| entry.id))
    }
}
