//! One transaction, from taking its number to its end.

use std::time::Duration;

use sea_orm::ColumnTrait;
use sea_orm::sea_query::Query;
use tokio::time::timeout;

use super::aborted::Aborted;
use super::administer::Administer;
use super::apply::{Applier, Clock};
use super::consume::Consume;
use super::history::{HistoryCheck, Offer};
use super::new_threads::NewThreadTokens;
use super::preload::Preload;
use super::preloaded::Preloaded;
use super::read_set::{Mode, ReadSet};
use super::statements::Statements;
use super::write_set::LogEntryRow;
use super::{Gather, Writer, numbers, others};
use crate::backend::statements::RowStatement;
use crate::backend::writer::Transaction;
use crate::change::Committed;
use crate::driver_error::DriverError;
use crate::entities::notification;
use crate::history::{CommitRef, Nonce};
use crate::ids::CommitNo;
use crate::nodes::NodeId;
use crate::sabotage::Sabotage;
use crate::sql;
use crate::written_row::WrittenRow;

/// How long a transaction may take before its connection is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// How many bytes of text one statement carries: far below what servers take in one packet.
const MOST_TEXT: usize = 2 << 20;

impl Writer {
    /// Runs the changes as one transaction, once.
    pub(super) async fn transact(&mut self, gather: Gather<'_, '_>, mode: Mode) -> Result<Committed, Aborted> {
        self.cache.trim();
        let prepared = timeout(PATIENCE, self.prepare(gather, mode)).await;
        let Prepared { transaction, applier, commit_ref, nonce_before, offer } =
            prepared.unwrap_or(Err(Aborted::Hung))?;
        let (committed, new_threads) = applier.committed(&commit_ref, nonce_before);
        let answer = match timeout(PATIENCE, transaction.commit()).await {
            Ok(Ok(())) => None,
            Ok(Err(failure)) => Some(Some(failure)),
            Err(_) => Some(None),
        };
        if let Some(answer) = answer.filter(|_| !Sabotage::AnnounceBeforeCommit.is_on()) {
            self.resolve_in_doubt(&commit_ref, answer).await?;
        }
        new_threads.used();
        self.history.committed(&commit_ref, offer);
        Ok(committed)
    }

    /// Does everything but COMMIT.
    async fn prepare<'a, 'c: 'a>(&'a mut self, gather: Gather<'_, 'c>, mode: Mode) -> Result<Prepared<'a>, Aborted> {
        let Self { connection, node, statements, cache, history, new_thread_limit, .. } = self;
        let mut transaction = connection.begin().await?;
        let taken = numbers::take(&mut transaction, &statements.lock).await?;
        others::forget(&mut transaction, cache, &taken).await?;
        let changes = gather();
        let offer = history.offer(changes);
        (cache.commit, cache.nonce) = (taken.counters.commit, offer.nonce);
        let check = history.go_on(&mut transaction, &taken, changes.is_empty()).await?;
        let HistoryCheck::On(epoch) = check else { return Err(Aborted::WentBack) };
        let commit_ref = CommitRef { epoch, commit: CommitNo::from_column(taken.counters.commit), nonce: offer.nonce };
        cache.suspensions.refresh(&mut transaction, taken.restrictions, taken.clock, changes).await?;
        let read_set = ReadSet::of(changes, mode, &cache.suspensions);
        let preloaded = Preload::new(&mut transaction).load(&read_set, cache).await?;
        let preloaded = Preloaded { tickets_forgotten: taken.tickets_forgotten, ..preloaded };
        let clock = Clock::between(offer.times(taken.newest_before));
        let new_threads = NewThreadTokens::of(new_thread_limit.clone());
        let mut applier = Applier::make(changes, cache, preloaded, clock, taken.counters, new_threads);
        write(&mut transaction, &mut applier, statements).await?;
        consume(&mut transaction, &mut applier, statements, taken.clock).await?;
        administer(&mut transaction, &mut applier, statements, taken.clock).await?;
        log(&mut transaction, &applier, statements, node, &commit_ref, taken.clock).await?;
        transaction.write(&statements.counter, vec![applier.counter_row(offer.nonce)]).await?;
        transaction.flush().await?;
        let nonce_before = Nonce::from_column(taken.nonce_before);
        Ok(Prepared { transaction, applier, commit_ref, nonce_before, offer })
    }
}

/// A transaction that is done but for its COMMIT.
struct Prepared<'a> {
    transaction: Transaction<'a>,
    applier: Applier<'a>,
    commit_ref: CommitRef,
    nonce_before: Nonce,
    offer: Offer,
}

/// Writes one commit's rows, table by table.
async fn write(
    transaction: &mut Transaction<'_>,
    applier: &mut Applier<'_>,
    texts: &Statements,
) -> Result<(), DriverError> {
    let write_set = &mut applier.write_set;
    let (messages, imported) = (std::mem::take(&mut write_set.messages), std::mem::take(&mut write_set.imported));
    write_in_parts(transaction, &texts.messages, messages, |row| row.content).await?;
    write_in_parts(transaction, &texts.imported, imported, |row| row.content).await?;
    transaction.write(&texts.amended, applier.amended_rows()).await?;
    transaction.write(&texts.amendments, std::mem::take(&mut applier.write_set.amendments)).await?;
    transaction.write(&texts.stripped, std::mem::take(&mut applier.write_set.stripped)).await?;
    transaction.write(&texts.images, std::mem::take(&mut applier.write_set.images)).await?;
    transaction.write(&texts.uploads, std::mem::take(&mut applier.write_set.uploads)).await?;
    transaction.write(&texts.media, std::mem::take(&mut applier.write_set.media)).await?;
    transaction.write(&texts.forgotten, std::mem::take(&mut applier.write_set.forgotten)).await?;
    transaction.rewrite(&texts.threads, applier.thread_rows()).await?;
    transaction.rewrite(&texts.status, applier.status_rows()).await?;
    // All of a user's earlier notifications first, then single rows, which may have changed after that.
    for user in &applier.write_set.read_all {
        let read_all = Query::update()
            .table(notification::Entity)
            .value(notification::Column::IsRead, 1_i64)
            .value(notification::Column::CommitNo, applier.no)
            .and_where(notification::Column::UserId.eq(*user))
            .and_where(notification::Column::IsRead.eq(0_i64))
            .and_where(notification::Column::DeletedAt.is_null())
            .take();
        transaction.execute(&read_all).await?;
    }
    transaction.write(&texts.notifications, applier.notification_rows()).await?;
    transaction.write(&texts.changed_notifications, applier.changed_notification_rows()).await?;
    transaction.write(&texts.users, applier.user_rows()).await?;
    transaction.write(&texts.last_seen, applier.last_seen_rows()).await?;
    transaction.write(&texts.tickets, std::mem::take(&mut applier.write_set.tickets)).await?;
    let profiles = std::mem::take(&mut applier.write_set.profiles);
    transaction.write(&texts.profiles, profiles.into_values().collect()).await?;
    let cards = std::mem::take(&mut applier.write_set.cards);
    transaction.write(&texts.cards, cards.into_values().collect()).await?;
    let card_threads = std::mem::take(&mut applier.write_set.card_threads);
    transaction.write(&texts.card_threads, card_threads.into_values().collect()).await
}

/// Writes messages, as many at a time as fit into a packet by their texts.
async fn write_in_parts<'r, Row: WrittenRow>(
    transaction: &mut Transaction<'_>,
    statement: &RowStatement,
    mut rows: Vec<Row>,
    text: impl Fn(&Row) -> Option<&'r str>,
) -> Result<(), DriverError> {
    while !rows.is_empty() {
        let mut bytes = 0;
        let fit = rows.iter().take_while(|row| {
            bytes += text(row).map_or(0, str::len);
            bytes <= MOST_TEXT
        });
        let fit = fit.count().max(1);
        let later = rows.split_off(fit);
        transaction.write(statement, std::mem::replace(&mut rows, later)).await?;
    }
    Ok(())
}

/// Writes changes for consumers, and notes the outcome of each.
async fn consume(
    transaction: &mut Transaction<'_>,
    applier: &mut Applier<'_>,
    texts: &Statements,
    clock: i64,
) -> Result<(), DriverError> {
    let changes = std::mem::take(&mut applier.write_set.consumers);
    let mut consume = Consume { transaction, texts, no: applier.no, clock, made: 0 };
    for (at, change) in changes {
        applier.outcomes[at] = consume.write(change).await?;
    }
    Ok(())
}

/// Writes changes of operators, and notes the outcome of each.
async fn administer(
    transaction: &mut Transaction<'_>,
    applier: &mut Applier<'_>,
    texts: &Statements,
    clock: i64,
) -> Result<(), DriverError> {
    let changes = std::mem::take(&mut applier.write_set.admin);
    let mut administer = Administer { transaction, texts, no: applier.no, clock };
    for (at, change) in changes {
        applier.outcomes[at] = administer.write(change).await?;
    }
    Ok(())
}

/// Writes what the commit touched, and when by the database's clock: other nodes learn it here, and a commit in doubt is
/// found here.
async fn log(
    transaction: &mut Transaction<'_>,
    applier: &Applier<'_>,
    texts: &Statements,
    node: &NodeId,
    commit_ref: &CommitRef,
    at: i64,
) -> Result<(), DriverError> {
    let users: Vec<i64> = applier.notified.iter().copied().collect();
    let entry = LogEntryRow {
        commit_no: applier.no,
        nonce: commit_ref.nonce.column(),
        node: node.to_string(),
        at,
        newest_at: applier.newest(),
        threads: sql::json_text(&applier.logged_threads()),
        users: sql::json_text(&users),
    };
    transaction.write(&texts.log, vec![entry]).await
}
