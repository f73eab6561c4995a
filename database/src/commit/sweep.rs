//! Forgetting what need not be remembered.

use std::time::Duration;

use sea_orm::{ConnectionTrait, Value};

use super::Writer;
use crate::time::Timestamp;
use crate::{Error, failure, sql};

/// How long the commit log is kept: longer than any node may stay behind without starting anew.
const KEPT: Duration = Duration::from_secs(10 * 60);

/// How many entries are forgotten at once, so that commits get their turn.
const AT_ONCE: i64 = 2_000;

impl Writer {
    /// Forgets what need not be remembered: used tickets that have expired, old entries of the commit log.
    ///
    /// # Errors
    /// As [`Writer::commit`].
    pub async fn sweep(&mut self) -> Result<(), Error> {
        let now = Timestamp::now();
        self.write("DELETE FROM used_tickets WHERE expires_at < ?", now.millis()).await?;
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
        let Some(row) = self.connection.reader().query_one_raw(nth).await.map_err(failure::error)? else {
            return Ok(None);
        };
        let at: i64 = row.try_get_by_index(1).map_err(failure::error)?;
        let no: i64 = row.try_get_by_index(0).map_err(failure::error)?;
        Ok((at < old.millis()).then_some(no))
    }

    async fn write(&mut self, text: &str, value: i64) -> Result<(), Error> {
        Ok(self.connection.run(text, [Value::from(value)]).await?)
    }
}
