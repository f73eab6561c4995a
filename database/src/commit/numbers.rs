//! The commit's number and its ids, from the row that orders all commits: read under its lock, which the transaction holds
//! until it ends, and written as the commit leaves it. The lock can be taken before the commit's changes are known.

use sea_orm::sea_query::{Expr, LockType, Query};

use super::cache::Counters;
use super::history::Taken;
use crate::backend::kind::Backend;
use crate::backend::writer::Transaction;
use crate::driver_error::DriverError;
use crate::entities::hub_state;
use crate::rows::{BinaryText, Reads as _, row};
use crate::written_row::written_row;

row! {
    /// The counter's row as the commit before has left it.
    struct StateRow of hub_state {
        commit_no: i64 = CommitNo,
        last_thread_id: i64 = LastThreadId,
        last_message_id: i64 = LastMessageId,
        last_notification_id: i64 = LastNotificationId,
        nonce: i64 = Nonce,
        newest_at: i64 = NewestAt,
        tickets_forgotten: i64 = TicketsForgotten,
        restrictions_no: Option<i64> = RestrictionsNo,
        epoch: BinaryText = Epoch,
    }
}

row! {
    /// The same, and the database's clock.
    struct LockedRow {
        state: StateRow,
        clock: i64,
    }
}

written_row! {
    /// The counter's row as a commit leaves it.
    pub(super) struct CounterRow of hub_state {
        pub(super) id: i64 = Id,
        pub(super) commit_no: i64 = CommitNo,
        pub(super) last_thread_id: i64 = LastThreadId,
        pub(super) last_message_id: i64 = LastMessageId,
        pub(super) last_notification_id: i64 = LastNotificationId,
        pub(super) nonce: i64 = Nonce,
        pub(super) newest_at: i64 = NewestAt,
    }
}

/// Builds the query that waits for the row's lock. SQLite's transaction has its lock from the beginning.
pub(super) fn lock(backend: Backend) -> String {
    let query = Query::select()
        .columns(StateRow::COLUMNS.iter().copied())
        .expr(Expr::cust(backend.dialect().now_millis()))
        .from(hub_state::Entity)
        .and_where(Expr::cust("id = 1"))
        .lock(LockType::Update)
        .take();
    backend.build(&query).0
}

/// Waits for the row's lock, and takes the next commit number.
pub(super) async fn take(transaction: &mut Transaction<'_>, lock: &str) -> Result<Taken, DriverError> {
    let locked: Option<LockedRow> = transaction.row(lock, []).await?;
    // While a backup is put back, PostgreSQL may have waited for a row that was replaced: another try sees the new one.
    let LockedRow { state, clock } = locked.ok_or_else(|| DriverError::Contended("hub_state is empty".to_owned()))?;
    Ok(Taken {
        counters: Counters {
            commit: state.commit_no + 1,
            thread: state.last_thread_id,
            message: state.last_message_id,
            notification: state.last_notification_id,
        },
        nonce_before: state.nonce,
        newest_before: state.newest_at,
        tickets_forgotten: state.tickets_forgotten,
        restrictions: state.restrictions_no.unwrap_or_default(),
        epoch: state.epoch.into_text(),
        clock,
    })
}
