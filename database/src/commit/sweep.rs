//! Deletes rows that have served their time: used tickets, old entries of the commit log, old names of the history.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query};

use super::Writer;
use crate::backend::dialect::Dialect;
use crate::entities::{hub_commit, hub_epoch, hub_state, used_ticket};
use crate::rows::{Reads as _, row};
use crate::time::Timestamp;
use crate::{Error, history};

/// How long the commit log is kept: longer than any node may stay behind without starting anew.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many entries are forgotten at once, so that commits get their turn.
const AT_ONCE: u64 = 2_000;

/// How long a used ticket is remembered beyond its end, in milliseconds: a clock of another node may be behind.
const TICKETS_KEPT: i64 = 3_600_000;

row! {
    /// When a commit was logged.
    struct LogEntryRow of hub_commit {
        commit_no: i64 = CommitNo,
        at: i64 = At,
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
    /// Forgets what need not be remembered: tickets that expired an hour ago, by the database's clock, old entries of the
    /// commit log, names of the history that no cursor can carry any more.
    ///
    /// How far tickets are forgotten is written down before they are: whatever a clock does afterwards, none of them is
    /// good again, see [`Outcome::TicketExpired`](crate::change::Outcome::TicketExpired).
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn sweep(&mut self) -> Result<(), Error> {
        let now = Timestamp::now();
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
            .and_where(Expr::col(hub_epoch::Column::EndedAt).lt(now.before(history::KEPT).millis()))
            .take();
        self.connection.execute(&epochs).await?;
        let old = now.before(KEPT);
        while let Some(newest) = self.oldest_log_part(old).await? {
            let part = Query::delete()
                .from_table(hub_commit::Entity)
                .and_where(Expr::col(hub_commit::Column::CommitNo).lte(newest))
                .take();
            self.connection.execute(&part).await?;
        }
        Ok(())
    }

    /// Returns the newest of the oldest entries, if that one is old, too.
    async fn oldest_log_part(&mut self, old: Timestamp) -> Result<Option<i64>, Error> {
        let nth = Query::select()
            .columns(LogEntryRow::COLUMNS.iter().copied())
            .from(hub_commit::Entity)
            .order_by(hub_commit::Column::CommitNo, Order::Asc)
            .limit(1)
            .offset(AT_ONCE)
            .take();
        let entry: Option<LogEntryRow> = self.connection.select_one(&nth).await?;
        Ok(entry.filter(|entry| entry.at < old.millis()).map(|entry| entry.commit_no))
    }
}
