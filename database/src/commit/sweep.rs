//! Deletes rows that have served their time: used tickets, old entries of the commit log, old names of the history.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query};

use super::Writer;
use crate::backend::dialect::Dialect;
use crate::entities::{hub_commit, hub_epoch, hub_state, used_ticket};
use crate::rows::{Reads as _, row};
use crate::{Error, history};

/// How long the commit log is kept: longer than any node may stay behind without starting anew.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many entries are forgotten at once, so that commits get their turn.
const AT_ONCE: u64 = 2_000;

/// How long a used ticket is remembered beyond its end, in milliseconds: a clock of another node may be behind.
const TICKETS_KEPT: i64 = 3_600_000;

row! {
    /// How long ago a commit was logged.
    struct LogEntryRow {
        commit_no: i64,
        age: i64,
    }
}

/// Writes down how far used tickets are about to be forgotten.
fn forget_tickets(dialect: &dyn Dialect) -> String {
    let clock = dialect.now_millis();
    let old = format!("FROM used_tickets WHERE expires_at < {clock} - {TICKETS_KEPT}");
    let forgotten = dialect.greatest("tickets_forgotten", &format!("(SELECT MAX(expires_at) {old})"));
    format!(
        "UPDATE hub_state SET tickets_forgotten = {forgotten} \
         WHERE id = 1 AND EXISTS (SELECT 1 {old})"
    )
}

impl Writer {
    /// Forgets what need not be remembered: tickets that expired an hour ago, old entries of the commit log, names
    /// of the history that no cursor can carry any more; all by the database's clock.
    ///
    /// How far tickets are forgotten is written down before they are: whatever a clock does afterwards, none of them is
    /// good again, see [`Outcome::TicketExpired`](crate::change::Outcome::TicketExpired).
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn sweep(&mut self) -> Result<(), Error> {
        let clock = self.connection.backend().dialect().now_millis();
        self.connection.run(&forget_tickets(self.connection.backend().dialect()), Vec::new()).await?;
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
        while let Some(newest) = self.oldest_log_part(clock).await? {
            let part = Query::delete()
                .from_table(hub_commit::Entity)
                .and_where(Expr::col(hub_commit::Column::CommitNo).lte(newest))
                .take();
            self.connection.execute(&part).await?;
        }
        Ok(())
    }

    /// Returns the newest of the oldest entries, if that one is old, too.
    async fn oldest_log_part(&mut self, clock: &str) -> Result<Option<i64>, Error> {
        let nth = Query::select()
            .column(hub_commit::Column::CommitNo)
            .expr(Expr::cust(format!("{clock} - at")))
            .from(hub_commit::Entity)
            .order_by(hub_commit::Column::CommitNo, Order::Asc)
            .limit(1)
            .offset(AT_ONCE)
            .take();
        let entry: Option<LogEntryRow> = self.connection.select_one(&nth).await?;
        Ok(entry.filter(|entry| i128::from(entry.age) > KEPT.as_millis().cast_signed()).map(|entry| entry.commit_no))
    }
}
