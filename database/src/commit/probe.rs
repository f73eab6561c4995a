//! Probes whether a commit would be written. The storage actor does so after a failure, while no commit is under way, so
//! that the hub is ready again as soon as it can write.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait as _, Query, UpdateStatement};
use tokio::time::timeout;

use super::Writer;
use super::transaction::PATIENCE;
use crate::Error;
use crate::driver_error::DriverError;
use crate::entities::{hub_state, used_ticket};

/// How long the probe waits for SQLite's lock: commits that come meanwhile wait, too.
const LOCK: Duration = Duration::from_millis(250);

/// With less free space than this, the disk counts as full. A few pages may find room in the log even then.
const ROOM: u64 = 1 << 20;

/// Describes an update that takes the counter's row lock, as a commit does first.
fn lock_counter() -> UpdateStatement {
    Query::update()
        .table(hub_state::Entity)
        .value(hub_state::Column::CommitNo, Expr::col(hub_state::Column::CommitNo))
        .and_where(Expr::col(hub_state::Column::Id).eq(1_i64))
        .take()
}

impl Writer {
    /// Writes to the database as a commit does, and takes no number. It blocks its thread with SQLite, as a commit does.
    /// While the history is to be restarted, no other commit can be written: then it [does that](Self::begin_anew).
    ///
    /// # Errors
    /// [`Error::Unavailable`], with what is in the way.
    pub async fn probe(&mut self) -> Result<(), Error> {
        if self.history.is_to_restart() {
            return self.begin_anew().await;
        }
        if self.hangs {
            self.replace_connection().await?;
        }
        self.connection.wait_for_lock(LOCK)?;
        for last in [false, true] {
            match timeout(PATIENCE, self.write_in_vain()).await {
                Ok(Ok(())) => break,
                // The connection died while it was idle: the pool opens another one.
                Ok(Err(DriverError::Lost(_))) if !last => {}
                Ok(Err(failure)) => return Err(Error::Unavailable(failure.to_string())),
                Err(_) => {
                    self.hangs = true;
                    return Err(Error::Unavailable("no answer in time".to_owned()));
                }
            }
        }
        let folder = self.connection.file().map(|file| file.parent().filter(|folder| !folder.as_os_str().is_empty()));
        match folder.map(|folder| rustix::fs::statvfs(folder.unwrap_or(".".as_ref()))) {
            // Some file systems do not say what they have.
            Some(Ok(disk)) if disk.f_blocks > 0 && disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM => {
                Err(Error::Unavailable("the disk is full".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Writes a row and takes it away again.
    async fn write_in_vain(&mut self) -> Result<(), DriverError> {
        let id = self.connection.backend().dialect().binary_text(&format!("probe of {}", self.node));
        let mut transaction = self.connection.begin().await?;
        transaction.execute(&lock_counter()).await?;
        let write = Query::insert()
            .into_table(used_ticket::Entity)
            .columns([used_ticket::Column::Id, used_ticket::Column::ExpiresAt])
            .values_panic([Expr::val(id.clone()), Expr::val(0_i64)])
            .take();
        transaction.execute(&write).await?;
        let take_away = Query::delete()
            .from_table(used_ticket::Entity)
            .and_where(Expr::col(used_ticket::Column::Id).eq(Expr::val(id)))
            .take();
        transaction.execute(&take_away).await?;
        transaction.flush().await?;
        transaction.commit().await
    }
}
