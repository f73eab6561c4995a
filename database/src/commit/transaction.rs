//! One transaction, from taking its number to its end.

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, RuntimeErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait, Value,
};
use serde::Serialize;
use tokio::time::timeout;

use super::load::Loader;
use super::need::Need;
use super::plan::Plan;
use super::state::Counters;
use super::{Mode, PATIENCE, Writer};
use crate::change::{Change, Committed};
use crate::failure::Failure;
use crate::sql;
use crate::time::Timestamp;

/// How many bytes of text one statement carries: far below what servers take in one packet.
const MOST_TEXT: usize = 2 << 20;

/// Why a transaction did not stand.
#[derive(Debug)]
pub(super) enum Aborted {
    /// It failed before COMMIT.
    Failed(Failure),
    /// There was no answer; nothing was committed.
    Hung,
    /// COMMIT was sent, its answer was lost, and the log has no such commit.
    NotCommitted,
    /// COMMIT was sent, its answer was lost, and the log cannot be read.
    Unsettled(String),
}

impl From<DbErr> for Aborted {
    fn from(error: DbErr) -> Self {
        Self::Failed(Failure::of(&error))
    }
}

impl Writer {
    /// Runs the changes as one transaction, once.
    pub(super) async fn transact(&mut self, changes: &[Change], mode: Mode) -> Result<Committed, Aborted> {
        self.state.trim();
        let at = Timestamp::now();
        let prepared = timeout(PATIENCE, self.prepare(changes, mode, at)).await;
        let (transaction, plan) = match prepared {
            Ok(prepared) => prepared?,
            Err(_) => return Err(Aborted::Hung),
        };
        let no = plan.no;
        let committed = plan.committed();
        let answer = match timeout(PATIENCE, transaction.commit()).await {
            Ok(Ok(())) => return Ok(committed),
            Ok(Err(error)) => Some(Failure::of(&error)),
            Err(_) => None,
        };
        self.settle(no, answer).await.map(|()| committed)
    }

    /// Does everything but COMMIT.
    async fn prepare<'a>(
        &'a mut self,
        changes: &'a [Change],
        mode: Mode,
        at: Timestamp,
    ) -> Result<(DatabaseTransaction, Plan<'a>), Aborted> {
        let Self { database, node, statements, state, .. } = self;
        let need = Need::of(changes, state, mode);
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = database.writer.begin_with_options(options).await?;
        let counters = take_numbers(&transaction, &need).await?;
        if counters.commit != state.counters.commit + 1 {
            // Another node has written since.
            state.clear();
        }
        state.counters = counters;
        let used = Counters {
            commit: counters.commit,
            thread: counters.thread - need.threads,
            message: counters.message - need.new_messages,
            notification: counters.notification - need.new_notifications,
        };
        let loader = Loader { db: &transaction, backend: database.backend };
        let facts = loader.load(&need, state).await?;
        let mut plan = Plan::make(changes, state, facts, counters.commit, at, used);
        let mut writing = Writing::new(&transaction, counters.commit);
        writing.all(&mut plan, statements).await?;
        writing.log(&plan, node, at).await?;
        writing.finish().await?;
        Ok((transaction, plan))
    }
}

/// Takes the next commit number, and as many ids as may be needed; holds the lock till COMMIT.
async fn take_numbers(transaction: &DatabaseTransaction, need: &Need<'_>) -> Result<Counters, DbErr> {
    const UPDATE: &str = "UPDATE hub_state SET commit_no = commit_no + 1, last_thread_id = last_thread_id + ?, \
         last_message_id = last_message_id + ?, last_notification_id = last_notification_id + ? WHERE id = 1";
    const COUNTERS: &str = "commit_no, last_thread_id, last_message_id, last_notification_id";

    let backend = transaction.get_database_backend();
    let values: [Value; 3] = [need.threads.into(), need.new_messages.into(), need.new_notifications.into()];
    let row = if backend == DatabaseBackend::MySql {
        transaction.execute_raw(sql::statement(backend, UPDATE, values)).await?;
        let read = format!("SELECT {COUNTERS} FROM hub_state WHERE id = 1");
        transaction.query_one_raw(sql::statement(backend, read, [])).await?
    } else {
        let update = format!("{UPDATE} RETURNING {COUNTERS}");
        transaction.query_one_raw(sql::statement(backend, update, values)).await?
    };
    let row = row.ok_or_else(|| DbErr::Query(RuntimeErr::Internal("hub_state is empty".to_owned())))?;
    Ok(Counters {
        commit: row.try_get_by_index(0)?,
        thread: row.try_get_by_index(1)?,
        message: row.try_get_by_index(2)?,
        notification: row.try_get_by_index(3)?,
    })
}

/// Writing one commit's rows.
///
/// SQLite runs on a thread of its own, and handing it a statement costs more than many a statement itself: there all of
/// them go as one text. Since most commits touch the same tables, that is prepared once, too.
struct Writing<'a> {
    db: &'a DatabaseTransaction,
    backend: DatabaseBackend,
    no: i64,
    texts: Vec<&'a str>,
    values: Vec<Value>,
}

impl<'a> Writing<'a> {
    fn new(db: &'a DatabaseTransaction, no: i64) -> Self {
        Self { db, backend: db.get_database_backend(), no, texts: Vec::new(), values: Vec::new() }
    }

    async fn all(&mut self, plan: &mut Plan<'_>, texts: &'a super::Statements) -> Result<(), DbErr> {
        self.messages(plan, &texts.messages).await?;
        self.update(&texts.amended, &plan.amended_rows(), 1).await?;
        self.insert(&texts.stripped, &plan.writes.stripped, 0).await?;
        self.insert(&texts.images, &plan.writes.images, 0).await?;
        self.insert(&texts.uploads, &plan.writes.uploads, 0).await?;
        self.update(&texts.media, &plan.writes.media, 0).await?;
        self.insert(&texts.forgotten, &plan.writes.forgotten, 0).await?;
        self.insert(&texts.threads, &plan.thread_rows(), 1).await?;
        self.insert(&texts.status, &plan.status_rows(), 1).await?;
        // First what was there before as a set, then single rows, which may have changed again since.
        for user in &plan.writes.read_all {
            self.read_all(*user).await?;
        }
        self.insert(&texts.notes, &plan.note_rows(), 2).await?;
        self.update(&texts.changed_notes, &plan.changed_note_rows(), 1).await?;
        let users = plan.user_rows();
        self.insert(&texts.users, &users, 0).await?;
        self.insert(&texts.last_seen, &plan.writes.last_seen, 0).await?;
        self.insert(&texts.tickets, &plan.writes.tickets, 0).await
    }

    async fn messages(&mut self, plan: &Plan<'_>, text: &'a str) -> Result<(), DbErr> {
        let mut rows = plan.writes.messages.as_slice();
        while !rows.is_empty() {
            let mut bytes = 0;
            let fit = rows.iter().take_while(|row| {
                bytes += row.8.map_or(0, str::len);
                bytes <= MOST_TEXT
            });
            let (now, later) = rows.split_at(fit.count().max(1));
            self.insert(text, now, 2).await?;
            rows = later;
        }
        Ok(())
    }

    async fn read_all(&mut self, user: i64) -> Result<(), DbErr> {
        const READ_ALL: &str = "UPDATE notifications SET is_read = 1, commit_no = ? \
             WHERE user_id = ? AND is_read = 0 AND deleted_at IS NULL";
        let values: [Value; 2] = [self.no.into(), user.into()];
        self.run(READ_ALL, values.to_vec()).await
    }

    /// Writes what the commit touched: other nodes learn it here, and a lost answer is settled here.
    async fn log(&mut self, plan: &Plan<'_>, node: &str, at: Timestamp) -> Result<(), DbErr> {
        const LOG: &str = "INSERT INTO hub_commits (commit_no, node, at, threads, users) VALUES (?, ?, ?, ?, ?)";
        let users: Vec<i64> = plan.notified.iter().copied().collect();
        let values: [Value; 5] =
            [self.no.into(), node.into(), at.millis().into(), sql::json(&plan.logged_threads()), sql::json(&users)];
        self.run(LOG, values.to_vec()).await
    }

    async fn insert<Row: Serialize + Sync>(
        &mut self,
        text: &'a str,
        rows: &[Row],
        commits: usize,
    ) -> Result<(), DbErr> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut values = vec![Value::from(self.no); commits];
        values.push(sql::json(rows));
        self.run(text, values).await
    }

    async fn update<Row: Serialize + Sync>(
        &mut self,
        text: &'a str,
        rows: &[Row],
        commits: usize,
    ) -> Result<(), DbErr> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut values = vec![Value::from(self.no); commits];
        let place = if self.backend == DatabaseBackend::MySql { 0 } else { commits };
        values.insert(place, sql::json(rows));
        self.run(text, values).await
    }

    async fn run(&mut self, text: &'a str, values: Vec<Value>) -> Result<(), DbErr> {
        if self.backend == DatabaseBackend::Sqlite {
            self.texts.push(text);
            self.values.extend(values);
            return Ok(());
        }
        self.db.execute_raw(sql::statement(self.backend, text, values)).await.map(drop)
    }

    async fn finish(self) -> Result<(), DbErr> {
        if self.texts.is_empty() {
            return Ok(());
        }
        let text = self.texts.join("; ");
        self.db.execute_raw(sql::statement(self.backend, text, self.values)).await.map(drop)
    }
}
