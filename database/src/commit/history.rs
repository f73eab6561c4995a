//! What a writer knows of its history and of time: what a commit brings to the counter's row, what it takes from there, and
//! the history's name; see [`crate::history`].
//!
//! ```text
//!  the number is a new one                     the history goes on, under a name of this writer's own from its first commit on
//!  the number is one that it has seen before   the database has gone back: nothing is written that was decided before
//! ```
//!
//! **Time.** What a commit writes is not older than what any commit has written before, on whichever node: the newest time
//! stands in the counter's row. While this clock is behind it, each commit gets the next millisecond; one whose changes
//! came in the same millisecond as those of the last commit shares its time. So time never runs faster than the clock. The
//! commit's entry in the log has the newest time, too: events are told with it.

use std::sync::Arc;

use sea_orm::sea_query::{Expr, OnConflict, Query};
use sea_orm::{ColumnTrait, Value};

use super::cache::Counters;
use crate::backend::writer::Transaction;
use crate::change::Change;
use crate::driver_error::DriverError;
use crate::entities::{hub_epoch, hub_state};
use crate::history::{CommitRef, Nonce, draw_epoch};
use crate::ids::CommitNo;
use crate::rows::Reads as _;
use crate::sabotage::Sabotage;
use crate::time::Timestamp;

/// What a commit brings to the counter's row, beside its ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) nonce: Nonce,
    /// By how much the newest time moves on at least: 0 or 1.
    pub(super) step: i64,
    /// The newest time of its changes; `None` if they have none.
    pub(super) newest: Option<i64>,
}

impl Offer {
    /// Returns the earliest and the latest time that the commit may write, if this was the newest time before it.
    pub(super) fn times(self, newest_before: i64) -> (i64, i64) {
        let earliest = newest_before + self.step;
        (earliest, self.newest.unwrap_or_default().max(earliest))
    }
}

/// What a commit takes from the counter's row.
#[derive(Debug)]
pub(super) struct Taken {
    /// The commit's number, and the newest ids that are used up before it.
    pub(super) counters: Counters,
    /// The nonce of the commit before.
    pub(super) nonce_before: i64,
    /// The newest time before this commit.
    pub(super) newest_before: i64,
    /// Tickets that expired up to then may have been used.
    pub(super) tickets_forgotten: i64,
    /// The commit that changed a restriction of a user last; 0: none ever did.
    pub(super) restrictions: i64,
    pub(super) epoch: String,
    /// The database's clock, in Unix milliseconds: rows that are swept by their age are marked with it.
    pub(super) clock: i64,
}

/// What a writer knows between its commits.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The newest commit that this node knows to stand, and the name under which it does.
    seen: CommitNo,
    epoch: Arc<str>,
    /// Whether the name is this writer's own.
    named: bool,
    /// Whether the node has noticed that the database has gone back.
    went_back: bool,
    /// The newest time of the changes of the last commit.
    last: Option<i64>,
}

/// How the history goes on in a commit.
pub(super) enum HistoryCheck {
    /// It goes on under this name.
    On(Arc<str>),
    /// The number was given out before: the database has gone back.
    Back,
}

impl History {
    /// Notes the newest commit that is known to stand.
    pub(super) fn knows(&mut self, commit_ref: &CommitRef) {
        self.seen = commit_ref.commit;
        self.epoch = Arc::clone(&commit_ref.epoch);
    }

    /// Notes that the database has gone back.
    pub(super) fn went_back(&mut self) {
        self.went_back = true;
    }

    /// Returns whether the history is to be restarted, and was not yet.
    pub(super) fn is_to_restart(&self) -> bool {
        self.went_back
    }

    /// Returns what a commit of these changes brings to the counter's row.
    pub(super) fn offer(&self, changes: &[Change]) -> Offer {
        let newest = changes.iter().filter_map(Change::at).max().map(Timestamp::millis);
        let step = i64::from(newest.is_some() && newest != self.last);
        Offer { nonce: Nonce::draw(), step, newest }
    }

    /// Checks the number that was given, and gives the history a new name where it needs one. Returns
    /// [`HistoryCheck::Back`], and writes nothing, if the database has gone back and there are changes: they were decided on
    /// a state that is gone.
    pub(super) async fn go_on(
        &self,
        transaction: &mut Transaction<'_>,
        taken: &Taken,
        nothing_to_write: bool,
    ) -> Result<HistoryCheck, DriverError> {
        let back = self.went_back || CommitNo::from_column(taken.counters.commit) <= self.seen;
        if back && !nothing_to_write {
            return Ok(HistoryCheck::Back);
        }
        if !back && self.named {
            let again = *taken.epoch == *self.epoch;
            return Ok(HistoryCheck::On(if again { Arc::clone(&self.epoch) } else { taken.epoch.as_str().into() }));
        }
        if back && Sabotage::KeepEpoch.is_on() {
            return Ok(HistoryCheck::On(taken.epoch.as_str().into()));
        }
        if back {
            forget_names(transaction).await?;
        } else {
            end_name(transaction, taken).await?;
        }
        name(transaction).await.map(HistoryCheck::On)
    }

    /// Notes what was committed.
    pub(super) fn committed(&mut self, commit_ref: &CommitRef, offer: Offer) {
        self.knows(commit_ref);
        self.named = true;
        self.went_back = false;
        self.last = offer.newest.or(self.last);
    }
}

/// Deletes every former name. Another writer may have done so since the database went back; the names that are left do not
/// show whether it did, so each writer that lives through it deletes them once.
async fn forget_names(transaction: &mut Transaction<'_>) -> Result<(), DriverError> {
    let forget = Query::delete().from_table(hub_epoch::Entity).take();
    transaction.execute(&forget).await.map(drop)
}

/// Keeps the present name with its last commit.
async fn end_name(transaction: &mut Transaction<'_>, taken: &Taken) -> Result<(), DriverError> {
    use hub_epoch::Column::{EndedAt, Epoch, LastCommit};

    let epoch = transaction.backend().dialect().binary_text(&taken.epoch);
    let last_commit = Value::from(taken.counters.commit - 1);
    let values = [epoch, last_commit, taken.clock.into()].map(Expr::val);
    // It may exist already, in a database that was put back table by table.
    let present = OnConflict::column(Epoch).update_columns([LastCommit, EndedAt]).to_owned();
    let keep = Query::insert()
        .into_table(hub_epoch::Entity)
        .columns([Epoch, LastCommit, EndedAt])
        .values_panic(values)
        .on_conflict(present)
        .take();
    transaction.execute(&keep).await.map(drop)
}

/// Gives the history a new name.
async fn name(transaction: &mut Transaction<'_>) -> Result<Arc<str>, DriverError> {
    let epoch = draw_epoch();
    let value = transaction.backend().dialect().binary_text(&epoch);
    let rename = Query::update()
        .table(hub_state::Entity)
        .value(hub_state::Column::Epoch, Expr::val(value))
        .and_where(hub_state::Column::Id.eq(1_i64))
        .take();
    transaction.execute(&rename).await?;
    Ok(epoch.into())
}
