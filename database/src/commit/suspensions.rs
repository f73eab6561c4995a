//! Who may send nothing. The writer knows it from commit to commit: the counter's row, which each commit reads anyway, names the
//! commit that changed a restriction last, on whichever node. Only then is the table read again, under the counter's lock: so a
//! suspension counts from the next commit on, on every node at once, and a message costs no look-up.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait as _, Query};

use crate::backend::writer::Transaction;
use crate::change::Change;
use crate::driver_error::DriverError;
use crate::entities::user_restriction;
use crate::rows::{Reads as _, row};
use crate::time::Timestamp;

row! {
    struct SuspensionRow of user_restriction {
        user_id: i64 = UserId,
        suspended_until: i64 = SuspendedUntil,
    }
}

/// Who may send nothing, as of a commit: users whose suspension has not ended, whom an index finds. They are read whole for each
/// restriction that the staff changes, for there are as few as the staff suspends at a time.
#[derive(Debug, Default)]
pub(super) struct Suspensions {
    /// The commit that changed a restriction last; 0: none ever did.
    as_of: i64,
    users: HashMap<i64, i64>,
    /// The database's clock in this commit.
    now: i64,
}

impl Suspensions {
    /// Reads them again if a change depends on them and `changed_by` is a commit that they do not know yet. `now` is the
    /// database's clock in this commit, in Unix milliseconds.
    pub(super) async fn refresh(
        &mut self,
        transaction: &mut Transaction<'_>,
        changed_by: i64,
        now: i64,
        changes: &[Change],
    ) -> Result<(), DriverError> {
        self.now = now;
        if self.as_of == changed_by || !changes.iter().any(Change::needs_good_standing) {
            return Ok(());
        }
        let suspended = Query::select()
            .columns(SuspensionRow::COLUMNS.iter().copied())
            .from(user_restriction::Entity)
            .and_where(Expr::col(user_restriction::Column::SuspendedUntil).gt(now))
            .take();
        let rows: Vec<SuspensionRow> = transaction.select(&suspended).await?;
        self.users = rows.into_iter().map(|row| (row.user_id, row.suspended_until)).collect();
        self.as_of = changed_by;
        Ok(())
    }

    /// Returns until when a user may send nothing, if the user may not.
    pub(super) fn until(&self, user: i64) -> Option<Timestamp> {
        let until = *self.users.get(&user)?;
        (until > self.now).then_some(Timestamp::from_millis(until))
    }
}
