//! Forgetting what need not be remembered.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseBackend, Value};

use super::Writer;
use crate::time::Timestamp;
use crate::{Error, driver_error, history, sql};

/// How long the commit log is kept: longer than any node may stay behind without starting anew.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many entries are forgotten at once, so that commits get their turn.
const AT_ONCE: i64 = 2_000;

/// How long a used ticket is remembered beyond its end, in milliseconds: a clock of another node may be behind.
const TICKETS_KEPT: i64 = 3_600_000;

/// Writes down how far used tickets are about to be forgotten.
fn forget_tickets(backend: DatabaseBackend) -> String {
    let (greatest, clock) = match backend {
        DatabaseBackend::MySql => ("GREATEST", "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"),
        _ => ("max", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
    };
    let old = format!("FROM used_tickets WHERE expires_at < {clock} - {TICKETS_KEPT}");
    format!(
        "UPDATE hub_state SET tickets_forgotten = {greatest}(tickets_forgotten, (SELECT MAX(expires_at) {old})) \
         WHERE id = 1 AND EXISTS (SELECT 1 {old})"
    )
}

impl Writer {
    /// Forgets what need not be remembered: tickets that expired an hour ago, by the database's clock, old entries of the
    /// commit log, names of the history that nobody can come with any more.
    ///
    /// How far tickets are forgotten is written down before they are: whatever a clock does afterwards, none of them is
    /// good again, see [`Outcome::TicketExpired`](crate::change::Outcome::TicketExpired).
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn sweep(&mut self) -> Result<(), Error> {
        let now = Timestamp::now();
        self.connection.run(&forget_tickets(self.connection.backend()), []).await?;
        const FORGOTTEN: &str = "DELETE FROM used_tickets \
             WHERE expires_at <= (SELECT tickets_forgotten FROM hub_state WHERE id = 1)";
        self.connection.run(FORGOTTEN, []).await?;
        self.write("DELETE FROM hub_epochs WHERE ended_at < ?", now.before(history::KEPT).millis()).await?;
        let old = now.before(KEPT);
        while let Some(newest) = self.oldest_log_part(old).await? {
            self.write("DELETE FROM hub_commits WHERE commit_no <= ?", newest).await?;
        }
        Ok(())
    }

    /// Returns the newest of the oldest entries, if that one is old, too.
    async fn oldest_log_part(&mut self, old: Timestamp) -> Result<Option<i64>, Error> {
        const NTH: &str = "SELECT commit_no, at FROM hub_commits ORDER BY commit_no LIMIT 1 OFFSET ?";
        let nth = sql::statement(self.connection.backend(), NTH, [Value::from(AT_ONCE)]);
        let Some(row) = self.connection.reader().query_one_raw(nth).await.map_err(driver_error::error)? else {
            return Ok(None);
        };
        let at: i64 = row.try_get_by_index(1).map_err(driver_error::error)?;
        let no: i64 = row.try_get_by_index(0).map_err(driver_error::error)?;
        Ok((at < old.millis()).then_some(no))
    }

    async fn write(&mut self, text: &str, value: i64) -> Result<(), Error> {
        Ok(self.connection.run(text, [Value::from(value)]).await?)
    }
}
