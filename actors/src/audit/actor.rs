//! The auditor: it writes the waiting entries of the audit log once a second. It removes rows that are too old when the hub
//! starts, and once an hour.

use std::sync::Arc;
use std::time::Duration;

use chat_database::Database;
use chat_database::audit::{Act, SWEPT_AT_ONCE};
use chat_database::change::{Change, Outcome};
use chat_database::queries::audit;
use chat_database::restrictions::AdminChange;
use chat_database::time::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::AuditLog;
use crate::error::Error;
use crate::storage::handle::StorageHandle;

/// How often the waiting entries are written.
const FLUSH: Duration = Duration::from_secs(1);

/// A message to the auditor.
#[derive(Debug)]
pub(crate) enum AuditorMsg {
    /// Time to write the waiting entries.
    Flush,
    /// Time to remove old rows.
    Sweep,
}

/// Writes the waiting entries of the audit log once a second.
pub(crate) struct Auditor;

/// What the auditor uses.
pub(crate) struct AuditorContext {
    pub(crate) database: Database,
    pub(crate) storage: StorageHandle,
    pub(crate) log: AuditLog,
    /// How long rows are kept.
    pub(crate) kept: Duration,
    /// How often older rows are removed.
    pub(crate) sweep_every: Duration,
}

impl Actor for Auditor {
    type Msg = AuditorMsg;
    type State = Arc<AuditorContext>;
    type Arguments = Arc<AuditorContext>;

    async fn pre_start(
        &self,
        myself: ActorRef<AuditorMsg>,
        context: Arc<AuditorContext>,
    ) -> Result<Arc<AuditorContext>, ActorProcessingErr> {
        myself.send_after(FLUSH, || AuditorMsg::Flush);
        myself.send_interval(context.sweep_every, || AuditorMsg::Sweep);
        // A hub that restarts more often than `sweep_every` must remove old rows, too.
        let _ = myself.send_message(AuditorMsg::Sweep);
        Ok(context)
    }

    async fn handle(
        &self,
        myself: ActorRef<AuditorMsg>,
        message: AuditorMsg,
        context: &mut Arc<AuditorContext>,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AuditorMsg::Flush => {
                context.log.flush(false).await;
                // Scheduled after the flush: slow flushes do not pile up in the mailbox.
                myself.send_after(FLUSH, || AuditorMsg::Flush);
            }
            AuditorMsg::Sweep => {
                if let Err(error) = context.sweep().await {
                    tracing::warn!(%error, "old rows of the audit log are removed with the next sweep");
                }
            }
        }
        Ok(())
    }
}

impl AuditorContext {
    async fn sweep(&self) -> Result<(), Error> {
        while self.has_old().await? {
            let change = AdminChange::SweepAudit(self.kept, self.log.entry(Act::AuditSweep));
            match self.storage.call_later(Change::Administer(Box::new(change))).await? {
                Outcome::Administered(rows) if rows == SWEPT_AT_ONCE as usize => {}
                _ => break,
            }
        }
        Ok(())
    }

    /// Tells whether the oldest row is too old by this node's clock. If it is not, the sweep writes nothing.
    async fn has_old(&self) -> Result<bool, Error> {
        let chain = audit::chain(&self.database).await?;
        let oldest = audit::after(&self.database, chain.removed, 1).await?;
        Ok(oldest.first().is_some_and(|row| row.at < Timestamp::now().before(self.kept)))
    }
}
