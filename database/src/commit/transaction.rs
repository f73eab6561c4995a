//! One transaction, from taking its number to its end.

use tokio::time::timeout;

use super::connection::Transaction;
use super::facts::Facts;
use super::history::{Course, Offer};
use super::load::Loader;
use super::need::Need;
use super::plan::{Clock, Plan};
use super::state::Counters;
use super::statements::Statements;
use super::{Mode, PATIENCE, Writer};
use crate::change::{Change, Committed};
use crate::failure::Failure;
use crate::history::Mark;
use crate::ids::CommitNo;
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
    /// COMMIT was sent, its answer was lost or was an error, and the log has no such commit.
    NotCommitted(Option<Failure>),
    /// COMMIT was sent, its answer was lost, and the log cannot be read.
    Unsettled(String),
    /// The number was given out before: the database has gone back.
    WentBack,
}

impl<F: Into<Failure>> From<F> for Aborted {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

impl Writer {
    /// Runs the changes as one transaction, once.
    pub(super) async fn transact(&mut self, changes: &[Change], mode: Mode) -> Result<Committed, Aborted> {
        self.state.trim();
        let offer = self.history.offer(changes);
        let prepared = timeout(PATIENCE, self.prepare(changes, mode, offer)).await;
        let Prepared { transaction, plan, mark } = prepared.unwrap_or(Err(Aborted::Hung))?;
        let committed = plan.committed(&mark);
        let answer = match timeout(PATIENCE, transaction.commit()).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(Some(failure)),
            Err(_) => Some(None),
        };
        if let Some(answer) = answer {
            self.settle(&mark, answer).await?;
        }
        self.history.committed(&mark, offer);
        Ok(committed)
    }

    /// Does everything but COMMIT.
    async fn prepare<'a>(
        &'a mut self,
        changes: &'a [Change],
        mode: Mode,
        offer: Offer,
    ) -> Result<Prepared<'a>, Aborted> {
        let Self { connection, node, statements, state, history, .. } = self;
        let need = Need::of(changes, state, mode);
        let backend = connection.backend();
        let (mut transaction, reader) = connection.begin().await?;
        let taken = transaction.take_numbers(&need, offer).await?;
        let counters = taken.counters;
        if counters.commit != state.counters.commit + 1 || taken.nonce_before != state.nonce.column() {
            // Another node has written since, or what this one had written is not there any more.
            state.clear();
        }
        (state.counters, state.nonce) = (counters, offer.nonce);
        let course = history.go_on(&mut transaction, &taken, changes.is_empty()).await?;
        let Course::On(epoch) = course else { return Err(Aborted::WentBack) };
        let mark = Mark { epoch, commit: CommitNo::from_column(counters.commit), nonce: offer.nonce };
        let used = Counters {
            commit: counters.commit,
            thread: counters.thread - need.threads,
            message: counters.message - need.new_messages,
            notification: counters.notification - need.new_notifications,
        };
        let facts = match (&transaction, reader) {
            (Transaction::Server(db), _) => Loader { db, backend }.load(&need, state).await?,
            (Transaction::Embedded(_), db) => Loader { db, backend }.load(&need, state).await?,
        };
        let clock = Clock::between(taken.times(offer.step));
        let facts = Facts { tickets_forgotten: taken.tickets_forgotten, ..facts };
        let mut plan = Plan::make(changes, state, facts, counters.commit, clock, used);
        write(&mut transaction, &mut plan, statements).await?;
        log(&mut transaction, &plan, node, &mark).await?;
        Ok(Prepared { transaction, plan, mark })
    }
}

/// A transaction that is done but for its COMMIT.
struct Prepared<'a> {
    transaction: Transaction<'a>,
    plan: Plan<'a>,
    mark: Mark,
}

/// Writes one commit's rows, table by table.
async fn write(transaction: &mut Transaction<'_>, plan: &mut Plan<'_>, texts: &Statements) -> Result<(), Failure> {
    write_messages(transaction, plan, texts).await?;
    transaction.write(&texts.amended, plan.amended_rows()).await?;
    transaction.write(&texts.amendments, std::mem::take(&mut plan.writes.amendments)).await?;
    transaction.write(&texts.stripped, std::mem::take(&mut plan.writes.stripped)).await?;
    transaction.write(&texts.images, std::mem::take(&mut plan.writes.images)).await?;
    transaction.write(&texts.uploads, std::mem::take(&mut plan.writes.uploads)).await?;
    transaction.write(&texts.media, std::mem::take(&mut plan.writes.media)).await?;
    transaction.write(&texts.forgotten, std::mem::take(&mut plan.writes.forgotten)).await?;
    transaction.rewrite(&texts.threads, plan.thread_rows()).await?;
    transaction.rewrite(&texts.status, plan.status_rows()).await?;
    // First what was there before as a set, then single rows, which may have changed again since.
    for user in &plan.writes.read_all {
        const READ_ALL: &str = "UPDATE notifications SET is_read = 1, commit_no = ? \
             WHERE user_id = ? AND is_read = 0 AND deleted_at IS NULL";
        transaction.run(READ_ALL, [plan.no.into(), (*user).into()]).await?;
    }
    transaction.write(&texts.notes, plan.note_rows()).await?;
    transaction.write(&texts.changed_notes, plan.changed_note_rows()).await?;
    transaction.write(&texts.users, plan.user_rows()).await?;
    transaction.write(&texts.last_seen, std::mem::take(&mut plan.writes.last_seen)).await?;
    transaction.write(&texts.tickets, std::mem::take(&mut plan.writes.tickets)).await
}

/// Writes the new messages, as many at a time as fit into a packet.
async fn write_messages(
    transaction: &mut Transaction<'_>,
    plan: &mut Plan<'_>,
    texts: &Statements,
) -> Result<(), Failure> {
    let mut rows = std::mem::take(&mut plan.writes.messages);
    while !rows.is_empty() {
        let mut bytes = 0;
        let fit = rows.iter().take_while(|row| {
            bytes += row.7.map_or(0, str::len);
            bytes <= MOST_TEXT
        });
        let fit = fit.count().max(1);
        let later = rows.split_off(fit);
        transaction.write(&texts.messages, std::mem::replace(&mut rows, later)).await?;
    }
    Ok(())
}

/// Writes what the commit touched: other nodes learn it here, and a lost answer is settled here.
async fn log(transaction: &mut Transaction<'_>, plan: &Plan<'_>, node: &str, mark: &Mark) -> Result<(), Failure> {
    const LOG: &str = "INSERT INTO hub_commits (commit_no, nonce, node, at, threads, users) VALUES (?, ?, ?, ?, ?, ?)";
    let users: Vec<i64> = plan.notified.iter().copied().collect();
    let (threads, users) = (sql::json(&plan.logged_threads()), sql::json(&users));
    let (nonce, now) = (mark.nonce.column().into(), Timestamp::now().millis().into());
    transaction.run(LOG, [plan.no.into(), nonce, node.into(), now, threads, users]).await.map(drop)
}
