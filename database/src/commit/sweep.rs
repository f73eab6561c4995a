//! Forgetting what need not be remembered.

use std::time::Duration;

use super::Writer;
use crate::backend::dialect::Dialect;
use crate::rows::{Reads as _, row};
use crate::time::Timestamp;
use crate::{Error, history};

/// How long the commit log is kept: longer than any node may stay behind without starting anew.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many entries are forgotten at once, so that commits get their turn.
const AT_ONCE: i64 = 2_000;

/// How long a used ticket is remembered beyond its end, in milliseconds: a clock of another node may be behind.
const TICKETS_KEPT: i64 = 3_600_000;

row! {
    /// When a commit was logged.
    struct LogEntryRow {
        commit_no: i64,
        at: i64,
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
    /// commit log, names of the history that nobody can come with any more.
    ///
    /// How far tickets are forgotten is written down before they are: whatever a clock does afterwards, none of them is
    /// good again, see [`Outcome::TicketExpired`](crate::change::Outcome::TicketExpired).
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn sweep(&mut self) -> Result<(), Error> {
        let now = Timestamp::now();
        self.connection.run(&forget_tickets(self.connection.backend().dialect()), Vec::new()).await?;
        const FORGOTTEN: &str = "DELETE FROM used_tickets \
             WHERE expires_at <= (SELECT tickets_forgotten FROM hub_state WHERE id = 1)";
        self.connection.run(FORGOTTEN, Vec::new()).await?;
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
        let entry = self.connection.row::<LogEntryRow>(NTH, [AT_ONCE.into()]).await?;
        Ok(entry.filter(|entry| entry.at < old.millis()).map(|entry| entry.commit_no))
    }

    async fn write(&mut self, text: &str, value: i64) -> Result<(), Error> {
        self.connection.run(text, vec![value.into()]).await?;
        Ok(())
    }
}
