//! Finds out from the commit log whether a commit stands whose answer was lost.

use std::time::Duration;

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, QueryTrait as _};
use tokio::time::{sleep, timeout};

use super::Writer;
use super::aborted::Aborted;
use crate::backend::writer::WriterConnection;
use crate::driver_error::DriverError;
use crate::entities::{hub_commit, hub_state};
use crate::history::CommitRef;
use crate::nodes::NodeId;
use crate::rows::Reads as _;
use crate::sabotage::Sabotage;

/// How long the log is polled, and the pause between two reads. All further commits wait for it.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(400);

/// How long each read waits for SQLite's lock: meanwhile it blocks its thread, and the patience cannot end.
const LOCK: Duration = Duration::from_millis(500);

impl Writer {
    /// Tells whether a commit of this node stands; `answer` is the error that COMMIT returned, if any.
    pub(crate) async fn resolve_in_doubt(
        &mut self,
        commit_ref: &CommitRef,
        answer: Option<DriverError>,
    ) -> Result<(), Aborted> {
        let no = commit_ref.commit.column();
        match &answer {
            Some(failure) => tracing::warn!(commit = no, error = %failure, "the commit's answer was lost"),
            None => tracing::warn!(commit = no, "the commit was not answered in time"),
        }
        if let Ok(stands) = timeout(PATIENCE, self.poll_commit_log(commit_ref)).await {
            return if stands { Ok(()) } else { Err(Aborted::NotCommitted(answer)) };
        }
        Err(Aborted::Unsettled(answer.map_or_else(|| "no answer in time".to_owned(), |failure| failure.to_string())))
    }

    /// Reads the log until it tells whether the commit stands.
    async fn poll_commit_log(&mut self, commit_ref: &CommitRef) -> bool {
        let no = commit_ref.commit.column();
        loop {
            // A new connection: the old one is broken, or still waits for its answer.
            if self.connection.replace().await.is_ok() && self.connection.wait_for_lock(LOCK).is_ok() {
                match logged(&mut self.connection, &self.node, commit_ref).await {
                    Ok(stands) => return stands,
                    Err(error) => tracing::warn!(commit = no, %error, "the commit log could not be read"),
                }
            }
            sleep(PAUSE).await;
        }
    }
}

/// Reads whether a commit stands, behind the counter's lock: the transaction in doubt holds it until it has ended.
async fn logged(connection: &mut WriterConnection, node: &NodeId, commit_ref: &CommitRef) -> Result<bool, DriverError> {
    use hub_commit::Column::{CommitNo, Node, Nonce};

    let mut transaction = connection.begin().await?;
    // SQLite's transaction has its lock from the beginning. A server that has become read-only still locks a row.
    let lock = hub_state::Entity::find_by_id(1_i64).lock_exclusive().into_query();
    if !Sabotage::SettleWithoutLock.is_on() {
        transaction.select_one::<hub_state::Model>(&lock).await?;
    }
    // Another process may have taken the number since, also one of the same name.
    let node = transaction.backend().dialect().binary_text(&node.to_string());
    let logged = hub_commit::Entity::find()
        .filter(CommitNo.eq(commit_ref.commit.column()))
        .filter(Nonce.eq(commit_ref.nonce.column()))
        .filter(Node.eq(node))
        .into_query();
    let found = transaction.select_one::<hub_commit::Model>(&logged).await?.is_some();
    transaction.rollback().await?;
    Ok(found)
}
