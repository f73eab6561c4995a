//! The commit's number and its ids, taken from the row that orders all commits.

use sea_orm::Value;

use super::cache::Counters;
use super::history::{Offer, Taken};
use super::read_set::ReadSet;
use crate::backend::dialect::Dialect;
use crate::backend::statements::ReturningUpdate;
use crate::backend::writer::Transaction;
use crate::driver_error::DriverError;
use crate::entities::hub_state;
use crate::rows::{BinaryText, row, select};

row! {
    /// The counter's row after a commit has taken its numbers.
    struct TakenRow of hub_state {
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
    /// The same, and the database's clock.
    struct TakenNowRow {
        taken: TakenRow,
        clock: i64,
    }
}

/// Builds the update by which a commit takes its numbers.
pub(super) fn text(dialect: &dyn Dialect) -> ReturningUpdate {
    // A server assigns from left to right: the values from before are copied first.
    let newest = dialect.greatest("newest_at + ?", "?");
    let update = format!(
        "UPDATE hub_state SET commit_no = commit_no + 1, last_thread_id = last_thread_id + ?, \
         last_message_id = last_message_id + ?, last_notification_id = last_notification_id + ?, \
         nonce_before = nonce, nonce = ?, newest_before = newest_at, newest_at = {newest} WHERE id = 1"
    );
    let columns = format!("{}, {}", select("hub_state", TakenRow::COLUMNS.iter().copied()), dialect.now_millis());
    dialect.returning_update(&update, &columns, "hub_state WHERE id = 1")
}

/// Takes the next commit number, and as many ids as may be needed; holds the counter's row lock until the transaction ends.
pub(super) async fn take(
    transaction: &mut Transaction<'_>,
    update: &ReturningUpdate,
    read_set: &ReadSet<'_>,
    offer: Offer,
) -> Result<Taken, DriverError> {
    let Offer { nonce, step, newest } = offer;
    let ids = [read_set.threads, read_set.new_messages, read_set.new_notifications];
    let times = [nonce.column(), step, newest.unwrap_or_default()];
    let values = ids.into_iter().chain(times).map(Value::from).collect();
    let row: Option<TakenNowRow> = transaction.update(update, values).await?;
    // A backup is put back: PostgreSQL has waited for the row, and the one that was put there instead it sees in another try.
    let TakenNowRow { taken: row, clock } =
        row.ok_or_else(|| DriverError::Contended("hub_state is empty".to_owned()))?;
    Ok(Taken {
        counters: Counters {
            commit: row.commit_no,
            thread: row.last_thread_id,
            message: row.last_message_id,
            notification: row.last_notification_id,
        },
        nonce_before: row.nonce_before,
        newest_before: row.newest_before,
        newest: row.newest_at,
        tickets_forgotten: row.tickets_forgotten,
        epoch: row.epoch.into_text(),
        clock,
    })
}
