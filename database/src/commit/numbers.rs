//! The commit's number and its ids, taken from the row that orders all commits.
//!
//! On a server a commit may wait for the row's lock before it is known what it will write: for as long as other nodes' commits
//! take, what comes meanwhile is in this commit, too. SQLite's transaction has its lock from the beginning.

use sea_orm::Value;

use super::cache::Counters;
use super::history::{Offer, Taken};
use super::read_set::ReadSet;
use crate::backend::dialect::Dialect;
use crate::backend::statements::CounterUpdate;
use crate::backend::writer::Transaction;
use crate::driver_error::DriverError;
use crate::entities::hub_state;
use crate::rows::{BinaryText, Reads as _, row, select};

row! {
    /// The counter's row after a commit has taken its numbers.
    struct AfterRow of hub_state {
        commit_no: i64 = CommitNo,
        last_thread_id: i64 = LastThreadId,
        last_message_id: i64 = LastMessageId,
        last_notification_id: i64 = LastNotificationId,
        nonce_before: i64 = NonceBefore,
        newest_before: i64 = NewestBefore,
        newest_at: i64 = NewestAt,
        tickets_forgotten: i64 = TicketsForgotten,
        epoch: BinaryText = Epoch,
    }
}

row! {
    /// The counter's row before a commit takes its numbers.
    #[derive(Debug)]
    struct StateRow of hub_state {
        commit_no: i64 = CommitNo,
        last_thread_id: i64 = LastThreadId,
        last_message_id: i64 = LastMessageId,
        last_notification_id: i64 = LastNotificationId,
        nonce: i64 = Nonce,
        newest_at: i64 = NewestAt,
        tickets_forgotten: i64 = TicketsForgotten,
        epoch: BinaryText = Epoch,
    }
}

row! {
    /// The counter's row after a commit has taken its numbers, and the database's clock.
    struct TakenRow {
        state: AfterRow,
        now: i64,
    }
}

row! {
    /// The counter's row while it is locked, and the database's clock.
    #[derive(Debug)]
    pub(super) struct LockedRow {
        state: StateRow,
        now: i64,
    }
}

/// Builds the update by which a commit takes its numbers.
pub(super) fn text(dialect: &dyn Dialect) -> CounterUpdate {
    // A server assigns from left to right: the values from before are copied first.
    let newest = dialect.greatest("newest_at + ?", "?");
    let update = format!(
        "UPDATE hub_state SET commit_no = commit_no + 1, last_thread_id = last_thread_id + ?, \
         last_message_id = last_message_id + ?, last_notification_id = last_notification_id + ?, \
         nonce_before = nonce, nonce = ?, newest_before = newest_at, newest_at = {newest} WHERE id = 1"
    );
    let clock = dialect.now_millis();
    let after = format!("{}, {clock}", select("hub_state", AfterRow::COLUMNS.iter().copied()));
    let before = format!("{}, {clock}", select("hub_state", StateRow::COLUMNS.iter().copied()));
    dialect.counter_update(&update, &after, &before, "hub_state WHERE id = 1")
}

/// Waits for the counter's row lock, which it holds until the transaction ends; `None` if the transaction has it already.
pub(super) async fn lock(
    transaction: &mut Transaction<'_>,
    texts: &CounterUpdate,
) -> Result<Option<LockedRow>, DriverError> {
    match &texts.lock {
        None => Ok(None),
        Some(lock) => transaction.row(lock, []).await?.map(Some).ok_or_else(is_empty),
    }
}

/// Takes the next commit number, and as many ids as may be needed.
pub(super) async fn take(
    transaction: &mut Transaction<'_>,
    texts: &CounterUpdate,
    locked: Option<LockedRow>,
    read_set: &ReadSet<'_>,
    offer: Offer,
) -> Result<Taken, DriverError> {
    let ids = [read_set.threads, read_set.new_messages, read_set.new_notifications];
    let times = [offer.nonce.column(), offer.step, offer.newest.unwrap_or_default()];
    let values: Vec<Value> = ids.into_iter().chain(times).map(Value::from).collect();
    if texts.returns {
        let row: Option<TakenRow> = transaction.row(&texts.update, values).await?;
        return row.map(TakenRow::taken).ok_or_else(is_empty);
    }
    let locked = match locked {
        Some(locked) => locked,
        None => lock(transaction, texts).await?.ok_or_else(is_empty)?,
    };
    transaction.run(&texts.update, values).await?;
    Ok(locked.after(ids, offer).taken())
}

/// A backup is put back: PostgreSQL has waited for the row, and the one that was put there instead it sees in another try.
fn is_empty() -> DriverError {
    DriverError::Contended("hub_state is empty".to_owned())
}

impl LockedRow {
    /// Returns what the update makes of it.
    fn after(self, [threads, messages, notifications]: [i64; 3], offer: Offer) -> TakenRow {
        let Self { state, now } = self;
        let state = AfterRow {
            commit_no: state.commit_no + 1,
            last_thread_id: state.last_thread_id + threads,
            last_message_id: state.last_message_id + messages,
            last_notification_id: state.last_notification_id + notifications,
            nonce_before: state.nonce,
            newest_before: state.newest_at,
            newest_at: (state.newest_at + offer.step).max(offer.newest.unwrap_or_default()),
            tickets_forgotten: state.tickets_forgotten,
            epoch: state.epoch,
        };
        TakenRow { state, now }
    }
}

impl TakenRow {
    fn taken(self) -> Taken {
        let Self { state, now } = self;
        Taken {
            counters: Counters {
                commit: state.commit_no,
                thread: state.last_thread_id,
                message: state.last_message_id,
                notification: state.last_notification_id,
            },
            nonce_before: state.nonce_before,
            newest_before: state.newest_before,
            newest: state.newest_at,
            tickets_forgotten: state.tickets_forgotten,
            epoch: state.epoch.into_text(),
            now,
        }
    }
}
