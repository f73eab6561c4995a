//! Was it committed? A COMMIT whose answer was lost is settled by reading, not by guessing.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait, Value,
};
use tokio::time::{sleep, timeout};

use super::Writer;
use super::transaction::Aborted;
use crate::failure::Failure;
use crate::sql;

/// How often, and how far apart, the log is asked.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(400);

impl Writer {
    /// Tells whether commit `no` of this node stands; `answer` is what COMMIT said, if anything.
    pub(super) async fn settle(&mut self, no: i64, answer: Option<Failure>) -> Result<(), Aborted> {
        match &answer {
            Some(failure) => tracing::warn!(commit = no, error = %failure, "the commit's answer was lost"),
            None => tracing::warn!(commit = no, "the commit was not answered in time"),
        }
        for attempt in 0..TRIES {
            if attempt > 0 {
                sleep(PAUSE).await;
            }
            // A new connection: the old one is broken, or still waits for its answer.
            if self.database.replace_writer().await.is_err() {
                continue;
            }
            let asked = logged(&self.database.writer, no, &self.node);
            match timeout(2 * PAUSE + Duration::from_secs(5), asked).await {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) => return Err(Aborted::NotCommitted),
                Ok(Err(error)) => tracing::warn!(commit = no, %error, "the commit log could not be read"),
                Err(_) => tracing::warn!(commit = no, "the commit log was not answered in time"),
            }
        }
        self.hangs = true;
        Err(Aborted::Unsettled(answer.map_or_else(|| "no answer in time".to_owned(), |failure| failure.to_string())))
    }
}

/// Reads whether a commit stands, behind the counter's lock: the transaction in doubt holds it until it has ended.
async fn logged(writer: &DatabaseConnection, no: i64, node: &str) -> Result<bool, DbErr> {
    let backend = writer.get_database_backend();
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = writer.begin_with_options(options).await?;
    if backend == DatabaseBackend::MySql {
        let lock = sql::statement(backend, "SELECT commit_no FROM hub_state WHERE id = 1 FOR UPDATE", []);
        transaction.query_one_raw(lock).await?;
    }
    let values: [Value; 2] = [no.into(), node.into()];
    let ask = sql::statement(backend, "SELECT commit_no FROM hub_commits WHERE commit_no = ? AND node = ?", values);
    let found = transaction.query_one_raw(ask).await?.is_some();
    transaction.rollback().await?;
    Ok(found)
}
